"""Whole answers and errors of chat completions."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.thoroughness import examples
from tokenop.providers import errors
from tokenop.providers.errors import MalformedError, ProviderError
from tokenop.providers.formats.openai_chat import FORMAT
from tokenop.providers.model import MISSING, Text, Thinking, ToolCall, Usage


def answer(message: Any, finish: Any = "stop", **more: Any) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return json.dumps({"id": "c", "model": "m", "choices": [choice], **more}).encode()


def said(text: str) -> bytes:
    return answer({"role": "assistant", "content": text})


@pytest.mark.parametrize(
    ("native", "finish"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("content_filter", "refused"),
        ("abort", "unknown"),
        (None, "unknown"),
    ],
)
def test_why_an_answer_ended(native: str | None, finish: str) -> None:
    response = FORMAT.read_response(answer({"content": "x"}, native))
    assert (response.finish, response.native_finish) == (finish, native)


def test_the_stop_sequence_is_told_where_the_server_tells_it() -> None:
    body = json.loads(said("x"))
    body["choices"][0]["stop_reason"] = "END"
    assert FORMAT.read_response(json.dumps(body).encode()).finish == "stop_sequence"


def test_thinking_is_kept_apart_from_words_under_both_names() -> None:
    for name in ("reasoning", "reasoning_content"):
        response = FORMAT.read_response(answer({"content": "x", name: "hm"}))
        assert response.parts == (Thinking("hm"), Text("x"))
        assert response.text == "x"


def test_a_call_without_an_id_gets_one_and_arguments_may_be_an_object() -> None:
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    assert FORMAT.read_response(answer({"tool_calls": [call]})).parts == (ToolCall("call_0", "f", {"a": 1}),)


USAGES: tuple[tuple[Any, Usage], ...] = (
    (None, MISSING),
    ({}, MISSING),
    ({"prompt_tokens": 5, "completion_tokens": 0}, Usage(5, 0)),
    ({"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}, Usage(5, 2, 4)),
    ({"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 9}}, Usage(5, 2)),
    ({"prompt_tokens": 5, "completion_tokens": 2, "prompt_cache_hit_tokens": 3}, Usage(5, 2, 3)),
    (
        {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cache_write_tokens": 3}},
        Usage(5, 2, None, 3),
    ),
    (
        {"prompt_tokens": 5, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 1}},
        Usage(5, 2, reasoning_output_tokens=1),
    ),
    ({"prompt_tokens": -5, "completion_tokens": 2}, Usage(None, 2)),
    ({"prompt_tokens": "5", "completion_tokens": True}, MISSING),
    ({"prompt_tokens": 2**70, "completion_tokens": 1.5}, MISSING),
)


@pytest.mark.parametrize(("raw", "usage"), USAGES)
def test_tokens_go_into_the_canonical_buckets_and_what_cannot_be_is_unknown(raw: Any, usage: Usage) -> None:
    assert FORMAT.read_response(answer({"content": "x"}, usage=raw)).usage == usage


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{}]}',
        b'{"choices": [{"message": []}]}',
        answer({"content": 5}),
        answer({"tool_calls": {}}),
        answer({"tool_calls": [{"id": "a"}]}),
        answer({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": 5}}]}),
        b"[" * 100_000,
    ],
)
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError):
        FORMAT.read_response(body)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)
_fields = st.sampled_from(("content", "reasoning", "tool_calls", "refusal", "function", "name", "id", "arguments"))


@settings(max_examples=examples(30, 100))
@given(st.dictionaries(_fields, json_values, max_size=4), json_values, json_values)
def test_no_answer_breaks_the_reader(message: Any, usage: Any, finish: Any) -> None:
    with contextlib.suppress(ProviderError):
        assert FORMAT.read_response(answer(message, finish, usage=usage)).model == "m"


def test_an_error_with_status_200_is_an_error() -> None:
    body = json.dumps({"error": {"message": "no room", "code": 503}}).encode()
    with pytest.raises(errors.OverloadedError, match="no room"):
        FORMAT.read_response(body)


def problem(status: int, body: Any = b"", **headers: str) -> ProviderError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return FORMAT.read_error(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


KINDS: tuple[tuple[int, Any, type[ProviderError]], ...] = (
    (400, {"error": {"message": "bad", "type": "invalid_request_error"}}, errors.BadRequestError),
    (400, {"error": {"message": "x", "code": "context_length_exceeded"}}, errors.TooLongError),
    (400, {"message": "This model's maximum context length is 4096 tokens", "code": 400}, errors.TooLongError),
    (400, {"error": {"message": "x", "code": "content_filter"}}, errors.RefusedError),
    (400, {"error": {"message": "x", "code": "tool_use_failed"}}, errors.MalformedError),
    (401, {"error": {"message": "x", "code": "invalid_api_key"}}, errors.AuthError),
    (402, {"error": {"message": "Insufficient credits", "code": 402}}, errors.AuthError),
    (403, b"", errors.AuthError),
    (404, {"error": "model 'x' not found"}, errors.NotFoundError),
    (400, {"error": {"message": "x", "code": "model_decommissioned"}}, errors.NotFoundError),
    (408, b"", errors.TimedOutError),
    (413, {"error": {"message": "Request too large", "code": "rate_limit_exceeded"}}, errors.TooLongError),
    (422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, errors.BadRequestError),
    (429, {"error": {"message": "x", "code": "rate_limit_exceeded"}}, errors.RateLimitedError),
    (429, {"error": {"message": "x", "code": "insufficient_quota"}}, errors.AuthError),
    (498, b"", errors.OverloadedError),
    (500, b"<html><h1>Oops</h1>", errors.ServerError),
    (502, b"\xff\xfe", errors.ServerError),
    (503, b"", errors.OverloadedError),
    (504, b"", errors.TimedOutError),
    (302, b"", errors.MalformedError),
)


@pytest.mark.parametrize(("status", "body", "kind"), KINDS)
def test_an_error_is_what_status_and_code_say(status: int, body: Any, kind: type[ProviderError]) -> None:
    error = problem(status, body)
    assert type(error) is kind
    assert error.status == status
    assert error.detail
    assert "<" not in error.detail


WAITS: tuple[tuple[dict[str, str], str, float | None], ...] = (
    ({}, "", None),
    ({"retry_after": "7"}, "", 7.0),
    ({"Retry_After": "7"}, "", 7.0),
    ({"retry_after_ms": "250", "retry_after": "7"}, "", 0.25),
    ({"retry_after": "-5"}, "", 0.0),
    ({"retry_after": "nan"}, "", None),
    ({"retry_after": "soon"}, "", None),
    ({"retry_after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, "", 30.0),
    ({"retry_after": "Wed, 21 Oct 2026 07:28:30 GMT"}, "", None),
    ({}, "Please try again in 2.5s. Visit", 2.5),
    ({}, "Please try again in 7m12.5s.", 432.5),
    ({}, "Please try again in 340ms.", 0.34),
    ({}, "Please retry after 20 seconds.", 20.0),
    ({}, "Please try again in 1h2m3s", 3723.0),
)


@pytest.mark.parametrize(("headers", "words", "seconds"), WAITS)
def test_how_long_to_wait_is_read_from_headers_or_words(
    headers: dict[str, str], words: str, seconds: float | None
) -> None:
    assert problem(429, {"error": {"message": words}}, **headers).retry_after == seconds


def test_what_a_provider_says_is_shown_without_keys_and_control_characters() -> None:
    words = "Incorrect API key: sk-proj-abcdef123456.\x1b[31m\n\u202eBearer abcdefghijk" + "x" * 9000
    detail = problem(401, {"error": {"message": words}}).detail
    assert "sk-proj" not in detail
    assert "abcdefghijk" not in detail
    assert len(detail) <= 400
    assert detail.isprintable()


@given(st.integers(100, 599), st.one_of(st.binary(max_size=60), json_values.map(lambda v: json.dumps(v).encode())))
def test_no_error_breaks_the_reader(status: int, body: bytes) -> None:
    assert problem(status, body).detail
