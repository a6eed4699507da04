"""Streams of the Messages API as the world sends them: cut, broken, empty, with errors in them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import wire
from tests.providers.anthropic.test_responses import cut, read
from tokenop.providers.errors import (
    BadRequestError,
    MalformedError,
    OverloadedError,
    ProviderError,
    RateLimitedError,
    ServerError,
    TimedOutError,
)
from tokenop.providers.formats.anthropic import FORMAT
from tokenop.providers.model import MISSING, Native, Text, Thinking, ToolCall, Usage


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


START = event(
    "message_start",
    message={
        "id": "msg_1",
        "model": "claude-opus-4-8",
        "content": [],
        "usage": {"input_tokens": 5, "output_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": 0}},
    },
)
STOP = event("message_stop")


def block(start: dict[str, Any], *deltas: dict[str, Any], index: int = 0) -> bytes:
    pieces = (event("content_block_delta", index=index, delta=delta) for delta in deltas)
    begun = event("content_block_start", index=index, content_block=start)
    return begun + b"".join(pieces) + event("content_block_stop", index=index)


def text(words: str, index: int = 0) -> bytes:
    return block({"type": "text", "text": ""}, {"type": "text_delta", "text": words}, index=index)


def ended(reason: str = "end_turn", **usage: Any) -> bytes:
    return event("message_delta", delta={"stop_reason": reason}, usage=usage) + STOP


def test_a_stream_is_the_answer_that_it_spells() -> None:
    deltas, response = read(START + event("ping") + text("Hé") + event("later_kind") + ended(output_tokens=4))
    assert (response.text, response.finish, response.id) == ("Hé", "stop", "msg_1")
    assert response.usage == Usage(5, 4, cache_creation_1h_input_tokens=0)
    assert [delta.kind for delta in deltas] == ["start", "text", "text", "usage", "end"]


@pytest.mark.parametrize("returns", [b"\r\n", b"\r"])
def test_lines_may_end_in_any_way(returns: bytes) -> None:
    stream = (START + text("a\nb") + ended()).replace(b"\n", returns)
    assert read(*cut(stream, range(0, len(stream), 3)))[1].text == "a\nb"


@pytest.mark.parametrize(
    ("pieces", "arguments", "raw"),
    [
        ((), {}, None),
        (("",), {}, None),
        (('{"city": "Par', 'is"}'), {"city": "Paris"}, None),
        (('{"city": ',), None, '{"city": '),
        (("[1]",), None, "[1]"),
        (("oops",), None, "oops"),
        (('{"n": NaN}',), None, '{"n": NaN}'),
    ],
)
def test_arguments_are_an_object_or_kept_as_they_came(pieces: tuple[str, ...], arguments: Any, raw: str | None) -> None:
    start = {"type": "tool_use", "id": "t1", "name": "get", "input": {}}
    call = block(start, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))
    deltas, response = read(START + call + ended("tool_use"))
    assert response.tool_calls == (ToolCall("t1", "get", arguments, raw),)
    assert "".join(delta.text for delta in deltas) == "".join(pieces)
    assert next(delta for delta in deltas if delta.kind == "tool_call").name == "get"


def test_thoughts_keep_their_signature_and_what_is_redacted() -> None:
    thought = block(
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "hm"},
        {"type": "signature_delta", "signature": "s1"},
    )
    hidden = block({"type": "redacted_thinking", "data": "xyz"}, index=1)
    assert read(START + thought + hidden + ended())[1].parts == (Thinking("hm", "s1"), Thinking("", redacted="xyz"))


def test_a_servers_own_parts_are_whole_once_they_end() -> None:
    search = block(
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}},
        {"type": "input_json_delta", "partial_json": '{"query": "x"}'},
    )
    compacted = block(
        {"type": "compaction", "content": "Su"}, {"type": "compaction_delta", "content": "mmary"}, index=1
    )
    deltas, response = read(START + search + compacted + ended())
    assert [part.data for part in response.parts if isinstance(part, Native)] == [
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}},
        {"type": "compaction", "content": "Summary"},
    ]
    assert [delta.kind for delta in deltas].count("native") == 2


def test_a_block_that_is_not_closed_ends_with_the_answer() -> None:
    search = event("content_block_start", index=0, content_block={"type": "web_search_tool_result", "content": []})
    deltas, response = read(START + search + ended())
    assert [delta.kind for delta in deltas] == ["start", "usage", "native", "end"]
    assert len(response.parts) == 1


def test_an_answer_without_tokens_is_an_answer() -> None:
    response = read(START + ended(output_tokens=0))[1]
    assert (response.parts, response.usage.output_tokens, response.finish) == ((), 0, "stop")


def test_usage_that_never_comes_is_unknown_and_not_zero() -> None:
    bare = event("message_start", message={"id": "m", "model": "x", "content": []})
    assert read(bare + text("a") + STOP)[1].usage == MISSING


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("overloaded_error", OverloadedError),
        ("rate_limit_error", RateLimitedError),
        ("api_error", ServerError),
        ("timeout_error", TimedOutError),
        ("invalid_request_error", BadRequestError),
        ("something_new", ServerError),
        (None, ServerError),
        ({"a": 1}, ServerError),
    ],
)
@pytest.mark.parametrize("begun", [False, True])
def test_an_error_in_the_stream_is_that_error(kind: Any, expected: type[ProviderError], begun: bool) -> None:
    told = event("error", error={"type": kind, "message": "No room for sk-ant-api03-abcdef"})
    with pytest.raises(expected) as caught:
        read(START + (text("a") if begun else b"") + told)
    assert caught.value.after_first_token is begun
    assert "sk-ant" not in str(caught.value)


BROKEN = {
    "no start": text("a"),
    "no start before its end": STOP,
    "two starts": START + START,
    "a start of nothing": event("message_start"),
    "a start without a model": event("message_start", message={"id": "m"}),
    "no JSON": START + b"event: content_block_delta\ndata: {oops\n\n",
    "no object": START + b"data: [1]\n\n",
    "no UTF-8": START + b'event: ping\ndata: {"type": "\xff\xfe"}\n\n',
    "a delta of no block": START + event("content_block_delta", index=3, delta={"type": "text_delta", "text": "a"}),
    "a delta after the end": START + text("a") + event("content_block_delta", index=0, delta={"type": "text_delta"}),
    "a block twice": START + text("a") + text("b"),
    "a block without a number": START + event("content_block_start", content_block={"type": "text", "text": ""}),
    "words in a call": START + block({"type": "tool_use", "id": "1", "name": "a"}, {"type": "text_delta", "text": "a"}),
    "a call without a name": START + block({"type": "tool_use", "id": "1"}),
    "words that are none": START + block({"type": "text", "text": ""}, {"type": "text_delta", "text": 1}),
    "a delta that is none": START + event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    + event("content_block_delta", index=0),
    "a delta of no type": START + block({"type": "text", "text": ""}, {"text": "a"}),
    "nothing": b"",
    "a page": b"<html><body>502 Bad Gateway</body></html>",
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_stream_that_breaks_the_wires_promise_is_malformed(name: str) -> None:
    with pytest.raises(MalformedError):
        read(BROKEN[name])


def test_every_prefix_of_a_stream_is_malformed_and_says_whether_the_answer_had_begun() -> None:
    stream = START + text("One.") + text("Two.", 1) + ended(output_tokens=2)
    first, last = stream.index(b"content_block_start"), stream.index(b"event: message_stop")
    whole = len(stream.rstrip(b"\n"))
    for length in range(len(stream)):
        if length >= whole:  # only the empty line at its end is missing: all was said
            assert read(stream[:length])[1].text == "One.Two."
            continue
        with pytest.raises(MalformedError) as caught:
            read(stream[:length])
        assert length >= first or not caught.value.after_first_token
        assert length < last or caught.value.after_first_token


def test_what_comes_after_the_end_is_not_read() -> None:
    assert read(START + text("a") + ended() + b"data: garbage\n\n" + text("b"))[1].text == "a"


@given(
    st.lists(st.sampled_from([*BROKEN.values(), START, STOP, text("a"), ended()]), max_size=5), st.binary(max_size=9)
)
@settings(max_examples=60)
def test_any_bytes_are_an_answer_or_an_error_of_ours(pieces: list[bytes], more: bytes) -> None:
    try:
        response = read(*pieces, more)[1]
    except ProviderError:
        return
    assert all(isinstance(part, Text | ToolCall) for part in response.parts)


@pytest.fixture(scope="module")
def recorded() -> list[wire.Exchange]:
    if not wire.WIRE.is_dir():
        pytest.skip("real development data (../shared/data) is not beside this checkout")
    return [exchange for exchange in wire.exchanges("anthropic") if exchange.is_stream]


def test_recorded_streams_read_the_same_wherever_they_are_cut(recorded: list[wire.Exchange]) -> None:
    assert len(recorded) == 6
    for exchange in recorded:
        data = exchange.response_body
        _, whole = read(data)
        for step in (1, 7, 1000) if len(data) < 6000 else (97,):
            deltas, response = read(*cut(data, range(0, len(data), step)))
            assert response == whole
            assert "".join(delta.text for delta in deltas if delta.kind == "text") == whole.text


def test_recorded_streams_can_be_passed_on(recorded: list[wire.Exchange]) -> None:
    for exchange in recorded:
        deltas, response = read(exchange.response_body)
        writer = FORMAT.writer()
        assert read(b"".join(map(writer.write, deltas)))[1] == response
