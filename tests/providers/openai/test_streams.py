"""Streamed answers of chat completions: cut anywhere, cut short, and told in every server's own way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import wire
from tokenop.providers.errors import MalformedError, OverloadedError, ProviderError, RateLimitedError
from tokenop.providers.formats.openai_chat import FORMAT
from tokenop.providers.model import Delta, Response, Text, Thinking, ToolCall


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({"id": "c1", "model": "m", "choices": choices, **more}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}


def call(index: int | None, call_id: str | None = None, name: str | None = None, words: str | None = None) -> Any:
    said = {"index": index, "id": call_id, "function": {"name": name, "arguments": words}}
    return {"tool_calls": [{key: value for key, value in said.items() if value is not None}]}


def read(*chunks: bytes, size: int | None = None) -> tuple[list[Delta], Response]:
    data, reader = b"".join(chunks), FORMAT.reader()
    step = size or max(len(data), 1)
    deltas = [delta for at in range(0, len(data), step) for delta in reader.feed(data[at : at + step])]
    return deltas, reader.end()


WHOLE = (
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning": "Hm"}),
    chunk({"content": "Grüße "}),
    b": keep-alive\n\n",
    chunk({"content": "🌍"}),
    chunk(call(0, "a", "f", "")),
    chunk(call(0, words='{"x"')),
    chunk(call(1, "b", "g", "{}")),
    chunk(call(0, words=": 1}")),
    chunk({}, "tool_calls"),
    chunk(usage=USAGE),
    DONE,
)
PARTS = (Thinking("Hm"), Text("Grüße 🌍"), ToolCall("a", "f", {"x": 1}, '{"x": 1}'), ToolCall("b", "g", {}))


@given(st.integers(1, 60), st.sampled_from(("\n", "\r\n", "\r")))
def test_a_stream_may_be_cut_anywhere(size: int, line_end: str) -> None:
    data = b"".join(WHOLE).replace(b"\n", line_end.encode())
    deltas, response = read(data, size=size)
    assert response.parts == PARTS
    assert (response.finish, response.id, response.model) == ("tool_calls", "c1", "m")
    assert (response.usage.input_tokens, response.usage.cache_read_input_tokens) == (7, 4)
    assert deltas[0].kind == "start"
    assert deltas[-1] == Delta("end", usage=response.usage, response=response)
    for index, part in enumerate(PARTS):
        said = "".join(delta.text for delta in deltas if delta.index == index and delta.kind not in {"start", "usage"})
        expected = part.text if isinstance(part, Text | Thinking) else part.raw or "{}"
        assert said == expected


@pytest.mark.parametrize("until", range(len(WHOLE) - 3))
def test_half_a_stream_is_no_answer(until: int) -> None:
    with pytest.raises(MalformedError, match="ended before") as raised:
        read(*WHOLE[:until])
    assert raised.value.after_first_token == (until > 1)


def test_an_answer_is_whole_without_the_done_line_and_without_its_last_empty_line() -> None:
    _, response = read(*WHOLE[:-2])
    assert (response.parts, response.usage.source) == (PARTS, "missing")
    data = b"".join(WHOLE[:-1]).rstrip(b"\n")
    assert read(data)[1].usage.input_tokens == 7


def test_groq_tells_usage_in_its_own_field() -> None:
    _, response = read(chunk({"content": "a"}), chunk({}, "stop", x_groq={"id": "r", "usage": USAGE}), DONE)
    assert (response.usage.input_tokens, response.extra["x_groq"]["id"]) == (7, "r")


def test_calls_are_told_apart_where_the_server_gives_no_index_or_always_the_same() -> None:
    expected = (ToolCall("a", "f", {"x": 1}, '{"x": 1}'), ToolCall("b", "g", {}))
    for first, second in ((None, None), (0, 0)):
        _, response = read(
            chunk(call(first, "a", "f", '{"x": ')),
            chunk(call(first, words="1}")),
            chunk(call(second, "b", "g", "{}")),
            chunk({}, "tool_calls"),
        )
        assert response.parts == expected


def test_arguments_that_are_no_json_come_as_they_are() -> None:
    _, response = read(chunk(call(0, "a", "f", '{"x": ')), chunk({}, "length"), DONE)
    assert response.parts == (ToolCall("a", "f", None, '{"x": '),)


def test_a_refusal_is_an_answer_that_says_so() -> None:
    _, response = read(chunk({"refusal": "I will"}), chunk({"refusal": " not."}), chunk({}, "stop"), DONE)
    assert (response.finish, response.text) == ("refused", "I will not.")


def test_an_answer_of_no_tokens_is_an_answer() -> None:
    _, response = read(chunk({}, "stop"), chunk(usage={"prompt_tokens": 5, "completion_tokens": 0}), DONE)
    assert (response.parts, response.usage.output_tokens) == ((), 0)


BAD: tuple[tuple[bytes, str], ...] = (
    (b"data: {not json}\n\n", "no JSON"),
    (b'data: {"choices": NaN}\n\n', "no JSON"),
    (b"data: 7\n\n", "must be an object"),
    (b"data: " + b"[" * 100_000 + b"\n\n", "no JSON"),
    (b'data: {"choices": {}}\n\n', "choices"),
    (b'data: "\xff"\n\n', "no UTF-8"),
    (chunk({"content": 5}), "must be a text"),
    (chunk({"content": [1]}), "must be a text"),
    (chunk({"tool_calls": {}}), "tool_calls"),
    (chunk(call(0, "a", "f")) + chunk({"tool_calls": [{"index": 0, "function": {"arguments": {}}}]}), "arguments"),
    (b"".join(chunk(call(at, f"c{at}", "f")) for at in range(1001)), "more than 1000"),
)


@pytest.mark.parametrize(("data", "named"), BAD, ids=[named for _, named in BAD])
def test_a_malformed_chunk_is_told_with_whether_something_came_before(data: bytes, named: str) -> None:
    for before, after in ((b"", False), (chunk({"content": "a"}), True)):
        with pytest.raises(MalformedError, match=named) as raised:
            read(before + data)
        assert raised.value.after_first_token or not after


def test_a_call_that_never_gets_a_name_is_malformed() -> None:
    with pytest.raises(MalformedError, match="without a name"):
        read(chunk(call(0, "a", None, "{}")), chunk({}, "tool_calls"), DONE)


ERRORS: tuple[tuple[dict[str, Any], type[ProviderError]], ...] = (
    ({"message": "x", "code": "tool_use_failed", "status_code": 400}, MalformedError),
    ({"message": "Rate limit", "code": 429}, RateLimitedError),
    ({"message": "no room", "code": 503}, OverloadedError),
)


@pytest.mark.parametrize(("error", "kind"), ERRORS)
def test_an_error_in_the_stream_is_raised_as_what_it_is(error: dict[str, Any], kind: type[ProviderError]) -> None:
    with pytest.raises(kind) as raised:
        read(chunk({"content": "a"}), b"event: error\ndata: " + json.dumps({"error": error}).encode() + b"\n\n")
    assert raised.value.after_first_token


def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenop.providers.formats.openai_chat.streaming.LARGEST", 10)
    with pytest.raises(MalformedError, match="longer than 10"):
        read(*[chunk({"content": "aaaa"})] * 3)


def test_recorded_streams_read_the_same_in_pieces_of_any_size(shared_data: object) -> None:
    streams = [each for each in wire.exchanges("groq") if each.is_stream]
    assert len(streams) == 6
    for exchange in streams:
        results: list[Any] = []
        for size in (1, 1000, None):
            try:
                results.append(read(exchange.response_body, size=size)[1])
            except ProviderError as error:
                results.append((type(error), error.detail))
        assert results[0] == results[1] == results[2], exchange.name
