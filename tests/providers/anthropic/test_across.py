"""Tools, their calls and results from Anthropic's wire to OpenAI's and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.providers.anthropic import strategies
from tests.thoroughness import examples
from tokenop.providers.base import Target
from tokenop.providers.errors import CannotCarryError
from tokenop.providers.formats import FORMATS
from tokenop.providers.model import Message, Native, Request, Text, Tool, ToolCall, ToolResult

ANTHROPIC, OPENAI = FORMATS["anthropic-messages"], FORMATS["openai-chat"]

tools = st.builds(
    Tool,
    name=strategies.names,
    description=st.one_of(st.none(), st.text("ab", min_size=1)),
    schema=strategies.objects.map(lambda properties: {"type": "object", "properties": properties}),
    strict=st.sampled_from((None, True, False)),
)
calls = st.builds(ToolCall, id=st.text("abc", min_size=1), name=strategies.names, arguments=strategies.objects)
choices = strategies.choices


@st.composite
def conversations(draw: st.DrawFn) -> Request:
    """Draw a conversation with calls of tools and their results, as both wires can say it."""
    called = draw(st.lists(calls, min_size=1, max_size=3, unique_by=lambda call: call.id))
    results = tuple(ToolResult(call.id, (Text(draw(st.text("xyz", min_size=1))),)) for call in called)
    turns = (
        Message("user", (Text("Go."),)),
        Message("assistant", (Text("I look."), *called)),
        Message("user", results),
        Message("assistant", (Text("Done."),)),
    )
    offered = tuple(draw(st.lists(tools, min_size=1, max_size=3)))
    choice = draw(st.one_of(st.none(), choices))
    return Request("m", turns, (Text("Be brief."),), offered, choice, max_output_tokens=9)


def over(wire: Any, request: Request) -> tuple[Request, Mapping[str, Any]]:
    """Return the request as it comes off a wire, and the body that it was there."""
    body = json.loads(json.dumps(wire.write_request(request, Target("t", "x", "m")).body))
    return without_raw(wire.read_request(body)), body


def without_raw(request: Request) -> Request:
    """Leave out the text that arguments were once parsed from: Anthropic's wire has none."""
    messages = tuple(
        replace(
            message,
            parts=tuple(replace(part, raw=None) if isinstance(part, ToolCall) else part for part in message.parts),
        )
        for message in request.messages
    )
    return replace(request, messages=messages)


@settings(max_examples=examples(30, 100))
@given(conversations())
def test_a_conversation_with_tools_is_the_same_after_both_wires(request: Request) -> None:
    first, anthropic = over(ANTHROPIC, request)
    assert first == request
    second, _ = over(OPENAI, first)
    assert second == request
    third, again = over(ANTHROPIC, second)
    assert (third, again) == (request, anthropic)


@pytest.mark.parametrize(
    ("tool", "named"),
    [
        (Tool("bash", native=Native("anthropic-messages", {"type": "bash_20250124", "name": "bash"})), "bash"),
        (Tool("find", schema={"type": "object"}, extra={"defer_loading": True}), "defer_loading"),
    ],
)
def test_tools_that_only_anthropic_knows_are_refused_by_openai_by_name(tool: Tool, named: str) -> None:
    request = Request("m", (Message("user", (Text("Go."),)),), tools=(tool,), extra_format="anthropic-messages")
    with pytest.raises(CannotCarryError, match=named):
        OPENAI.write_request(request, Target("t", "groq", "m"))


def test_a_schema_that_is_no_object_is_refused_by_anthropic_by_the_tools_name() -> None:
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "Go."}],
        "tools": [{"type": "function", "function": {"name": "pick", "parameters": {"anyOf": [{"type": "object"}]}}}],
    }
    with pytest.raises(CannotCarryError, match="'pick'"):
        ANTHROPIC.write_request(OPENAI.read_request(body), Target("t", "anthropic", "m"))
