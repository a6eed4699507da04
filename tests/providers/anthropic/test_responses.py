"""Answers of the Messages API, whole and streamed, both ways."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.providers.anthropic import strategies
from tests.thoroughness import examples
from tokenop.providers.errors import CannotCarryError, MalformedError, OverloadedError
from tokenop.providers.formats.anthropic import FORMAT
from tokenop.providers.model import MISSING, Delta, Native, Response, Text, Thinking, ToolCall, Usage


def cut(data: bytes, places: Iterable[int]) -> Iterator[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return (data[start:end] for start, end in itertools.pairwise(edges))


def read(*pieces: bytes) -> tuple[list[Delta], Response]:
    reader = FORMAT.reader()
    deltas = [delta for piece in pieces for delta in reader.feed(piece)]
    return deltas, reader.end()


def pieces_of(response: Response) -> Iterator[Delta]:
    """Yield an answer in the pieces that another wire could send."""
    yield Delta("start", id=response.id, name=response.model)
    for index, part in enumerate(response.parts):
        match part:
            case Text(text, _, extra):
                yield Delta("text", index, text[:1], data=dict(extra) or None)
                yield Delta("text", index, text[1:])
            case Thinking(_, _, redacted) if redacted is not None:
                yield Delta("thinking", index, data={"redacted": redacted})
            case Thinking(text, signature):
                yield Delta("thinking", index, text)
                yield Delta("thinking", index, data={"signature": signature})
            case ToolCall():
                raw = json.dumps(part.arguments)
                yield Delta("tool_call", index, raw[:3], part.id, part.name)
                yield Delta("tool_call", index, raw[3:])
            case Native(_, data):
                yield Delta("native", index, data=data)
    yield Delta("usage", usage=response.usage)
    yield Delta("end", response=response)


def without_callers(response: Response) -> Response:
    """Leave out what no piece of a stream says: who called a tool from a program."""
    plain = tuple(replace(part, extra={}) if isinstance(part, ToolCall) else part for part in response.parts)
    return replace(response, parts=plain)


@settings(max_examples=examples(30, 100))
@given(strategies.responses())
def test_what_is_written_reads_as_the_same_answer(response: Response) -> None:
    assert FORMAT.read_response(json.dumps(FORMAT.write_response(response)).encode()) == response


@settings(max_examples=examples(30, 100))
@given(strategies.responses(), st.lists(st.integers(0, 10_000), max_size=6))
def test_a_stream_that_is_written_reads_as_the_same_answer_wherever_it_is_cut(
    response: Response, places: list[int]
) -> None:
    response = without_callers(response)
    writer = FORMAT.writer()
    stream = b"".join(writer.write(delta) for delta in pieces_of(response))
    _, got = read(*cut(stream, places))
    assert got == response


@settings(max_examples=examples(30, 100))
@given(strategies.responses())
def test_what_a_reader_yields_can_be_written_again(response: Response) -> None:
    first, second = FORMAT.writer(), FORMAT.writer()
    stream = b"".join(first.write(delta) for delta in pieces_of(without_callers(response)))
    deltas, got = read(stream)
    assert read(b"".join(map(second.write, deltas)))[1] == got
    assert "".join(delta.text for delta in deltas if delta.kind == "text") == got.text
    assert deltas[0].kind == "start"
    assert deltas[-1].response == got


def test_calls_of_tools_that_come_interleaved_keep_their_arguments_apart() -> None:
    writer = FORMAT.writer()
    stream = b"".join(
        map(
            writer.write,
            (
                Delta("text", 0, "Both."),
                Delta("tool_call", 0, '{"a"', "1", "one"),
                Delta("tool_call", 1, '{"b"', "2", "two"),
                Delta("tool_call", 1, ":2}"),
                Delta("end", response=Response("m", (), "tool_calls", native_finish="tool_calls")),
            ),
        )
    )
    starts = [line for line in stream.decode().splitlines() if "content_block_start" in line and "data" in line]
    assert [json.loads(line[6:])["index"] for line in starts] == [0, 1, 2]
    with_broken = read(stream)[1]
    assert with_broken.tool_calls == (ToolCall("1", "one", None, '{"a"'), ToolCall("2", "two", {"b": 2}))
    assert with_broken.finish == "tool_calls"


def body(**fields: Any) -> bytes:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-4-8", "content": []}
    return json.dumps({**message, "stop_reason": "end_turn", **fields}).encode()


def test_cached_tokens_are_part_of_the_input() -> None:
    counted = {
        "input_tokens": 3,
        "cache_read_input_tokens": 1111,
        "cache_creation_input_tokens": 418,
        "cache_creation": {"ephemeral_5m_input_tokens": 18, "ephemeral_1h_input_tokens": 400},
        "output_tokens": 33,
        "output_tokens_details": {"thinking_tokens": 7},
    }
    assert FORMAT.read_response(body(usage=counted)).usage == Usage(1532, 33, 1111, 418, 400, 7)


@pytest.mark.parametrize("usage", [None, {}, [], {"input_tokens": -1}, {"input_tokens": "9"}, {"output_tokens": True}])
def test_usage_that_is_missing_or_nonsense_is_unknown_and_not_zero(usage: Any) -> None:
    assert FORMAT.read_response(body(usage=usage)).usage == MISSING


def test_part_of_the_usage_is_kept() -> None:
    assert FORMAT.read_response(body(usage={"output_tokens": 0})).usage == Usage(output_tokens=0)


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "refused"),
        ("pause_turn", "paused"),
        ("tool_use", "tool_calls"),
        ("something_new", "unknown"),
        (None, "unknown"),
        (7, "unknown"),
    ],
)
def test_each_way_to_end_has_its_word(word: Any, finish: str) -> None:
    assert FORMAT.read_response(body(stop_reason=word)).finish == finish


def test_a_refusal_keeps_what_it_says() -> None:
    details = {"type": "refusal", "category": "cyber"}
    response = FORMAT.read_response(body(stop_reason="refusal", stop_details=details))
    assert (response.parts, response.extra) == ((), {"stop_details": details})


@pytest.mark.parametrize("given_input", ["{not json", [1], None, 7])
def test_arguments_that_are_no_object_are_kept_as_they_came(given_input: Any) -> None:
    call = {"type": "tool_use", "id": "t1", "name": "get", "input": given_input}
    (found,) = FORMAT.read_response(body(content=[call])).tool_calls
    raw = given_input if isinstance(given_input, str) else json.dumps(given_input)
    assert (found.arguments, found.raw) == (None, raw)
    with pytest.raises(CannotCarryError, match="'get'"):
        FORMAT.write_response(Response("m", (found,), "tool_calls"))


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\xff\xfe",
        b"<html>busy</html>",
        b"[]",
        b'{"model": "m"}',
        b'{"content": []}',
        b'{"model": "m", "content": [1]}',
        b'{"model": "m", "content": [{"type": "text", "text": 1}]}',
        b"[" * 100_000,
    ],
)
def test_an_answer_that_is_none_is_malformed(broken: bytes) -> None:
    with pytest.raises(MalformedError):
        FORMAT.read_response(broken)


def test_an_error_that_comes_with_a_good_status_is_that_error() -> None:
    with pytest.raises(OverloadedError, match="Overloaded"):
        FORMAT.read_response(b'{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}')


def test_parts_of_another_wire_are_not_answered_with() -> None:
    with pytest.raises(CannotCarryError, match="groq"):
        FORMAT.write_response(Response("m", (Native("groq", {"type": "executed_tool"}),), "stop"))
