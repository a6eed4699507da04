"""From Anthropic's wire to chat completions and to Ollama's, and back: nothing is lost on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests import wire
from tests.providers import meanings
from tests.providers.openai import strategies
from tests.thoroughness import examples
from tokenop.providers.base import Target
from tokenop.providers.errors import CannotCarryError
from tokenop.providers.formats import FORMATS
from tokenop.providers.model import Message, Request, Tool, ToolCall, ToolChoice

ANTHROPIC = FORMATS["anthropic-messages"]
OPENAI = FORMATS["openai-chat"]
CLAUDE = Target("claude", "anthropic", "m")
SERVER = Target("server", "openai-compatible", "m", base_url="http://127.0.0.1:1", options={"preset": "openrouter"})
GROQ = Target("groq", "groq", "m")

_arguments = st.builds(ToolCall, id=strategies.names, name=strategies.names, arguments=strategies.objects)
_assistants = st.builds(
    lambda said, called: Message("assistant", (*said, *called)),
    st.lists(strategies.plain_texts, min_size=1, max_size=2),
    st.lists(_arguments, max_size=2),
)
_users = strategies.user_turns(st.one_of(strategies.plain_texts, strategies.pictures))


@st.composite
def portable(draw: st.DrawFn) -> Request:
    """Draw a request that both wires can say."""
    turns = [draw(_users)]
    for _ in range(draw(st.integers(0, 2))):
        turns += [draw(_assistants), draw(_users)]
    tools = draw(
        st.lists(
            st.builds(
                Tool,
                name=strategies.names,
                description=st.one_of(st.none(), strategies.words),
                schema=strategies.schemas,
                strict=st.sampled_from((None, True)),
            ),
            max_size=2,
        )
    )
    choices = st.sampled_from((None, ToolChoice("auto"), ToolChoice("any", parallel=False), ToolChoice("tool", "f")))
    return Request(
        "m",
        tuple(turns),
        system=tuple(draw(st.lists(strategies.plain_texts, max_size=2))),
        tools=tuple(tools),
        tool_choice=draw(choices) if tools else None,
        max_output_tokens=draw(st.integers(1, 99)),
        temperature=draw(strategies.finite),
        top_k=draw(st.one_of(st.none(), st.integers(1, 9))),
        stop=tuple(draw(st.lists(strategies.words, max_size=2))),
        stream=draw(st.booleans()),
        user_id=draw(st.one_of(st.none(), strategies.names)),
    )


@settings(max_examples=examples(30, 100))
@given(portable())
def test_a_body_of_anthropics_comes_back_from_chat_completions_as_it_went(request: Request) -> None:
    first = json.loads(json.dumps(ANTHROPIC.write_request(request, CLAUDE).body))
    between = json.loads(json.dumps(OPENAI.write_request(ANTHROPIC.read_request(first), SERVER).body))
    back = ANTHROPIC.write_request(OPENAI.read_request(between), CLAUDE).body
    assert json.loads(json.dumps(back)) == first


def test_recorded_tool_use_of_anthropics_goes_to_groq_and_back(shared_data: object) -> None:
    carried, refused = 0, 0
    for exchange in wire.exchanges("anthropic"):
        body = exchange.request_body or {}
        if exchange.host != "api.anthropic.com" or exchange.request_path.partition("?")[0] != "/v1/messages":
            continue
        request = replace(ANTHROPIC.read_request(body), top_k=None)
        try:
            between = json.loads(json.dumps(OPENAI.write_request(request, GROQ).body))
        except CannotCarryError:
            refused += 1
            continue
        target = Target("claude", "anthropic", request.model)
        back = ANTHROPIC.write_request(OPENAI.read_request(between), target).body
        assert meanings.same("anthropic-messages", without_hints(back), without_hints(body)), exchange.name
        carried += 1
    # Signed thinking, documents and servers' own tools are most of what is recorded.
    assert (carried, refused) == (CARRIED, REFUSED)


CARRIED, REFUSED = 12, 38


def without_hints(value: Any) -> Any:
    """Return a body without hints to cache, which are advice."""
    if isinstance(value, dict):
        return {name: without_hints(each) for name, each in value.items() if name != "cache_control"}
    return [without_hints(each) for each in value] if isinstance(value, list) else value
