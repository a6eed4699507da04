"""Answers written as chat completions read as the same answers, whole and streamed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.providers.openai import strategies
from tests.thoroughness import examples
from tokenop.providers.errors import CannotCarryError
from tokenop.providers.formats.openai_chat import FORMAT
from tokenop.providers.model import MISSING, Delta, Native, Part, Response, Text, Thinking, Usage
from tokenop.providers.sending.whole import deltas

FINISHES = st.sampled_from(
    (("stop", "stop"), ("length", "length"), ("tool_calls", "tool_calls"), ("refused", "content_filter"))
)
USAGES = st.sampled_from((MISSING, Usage(7, 2), Usage(7, 2, 3, 1, None, 2), Usage(7, None)))


@st.composite
def answers(draw: st.DrawFn) -> Response:
    parts: list[Part] = [
        *draw(st.lists(st.builds(Thinking, strategies.words), max_size=1)),
        *draw(st.lists(strategies.plain_texts, max_size=1)),
        *draw(st.lists(strategies.calls, max_size=2)),
    ]
    finish, native = draw(FINISHES)
    return Response("m", tuple(parts), finish, draw(USAGES), "c1", native)


@settings(max_examples=examples(30, 100))
@given(answers())
def test_a_whole_answer_reads_as_it_was(response: Response) -> None:
    read = FORMAT.read_response(json.dumps(FORMAT.write_response(response)).encode())
    assert (read.parts, read.finish, read.usage) == (response.parts, response.finish, response.usage)


@settings(max_examples=examples(30, 100))
@given(answers())
def test_a_streamed_answer_reads_as_it_was(response: Response) -> None:
    writer, reader = FORMAT.writer(), FORMAT.reader()
    data = b"".join(writer.write(delta) for delta in deltas(response))
    assert list(reader.feed(data))[-1].kind == "end"
    read = reader.end()
    assert (read.parts, read.finish, read.usage) == (response.parts, response.finish, response.usage)
    assert (read.id, read.model) == ("c1", "m")


def test_usage_is_streamed_only_to_who_asked_for_it() -> None:
    response = Response("m", (Text("x"),), "stop", Usage(1, 2))
    writer = FORMAT.writer(include_usage=False)
    assert b"prompt_tokens" not in b"".join(writer.write(delta) for delta in deltas(response))


def test_a_refusal_stays_one() -> None:
    response = Response("m", (Text("No.", extra={"refusal": True}),), "refused")
    body = FORMAT.write_response(response)
    assert body["choices"][0]["message"] == {"role": "assistant", "content": None, "refusal": "No."}
    assert FORMAT.read_response(json.dumps(body).encode()).finish == "refused"


def test_parts_of_other_wires_are_refused() -> None:
    native = Native("anthropic-messages", {"type": "server_tool_use"})
    with pytest.raises(CannotCarryError, match="anthropic-messages"):
        FORMAT.write_response(Response("m", (native,), "stop"))
    with pytest.raises(CannotCarryError):
        FORMAT.writer().write(Delta("native", data={}))
