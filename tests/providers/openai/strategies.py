"""Canonical requests as Hypothesis draws them: everything that chat completions can say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from tokenop.providers.formats.marks import TOOL_ERROR
from tokenop.providers.formats.openai_chat.marks import NAME
from tokenop.providers.model import (
    NOTHING,
    AnswerFormat,
    Image,
    Message,
    Native,
    Part,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
names = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)
json_values = st.recursive(
    st.one_of(st.booleans(), st.integers(-9, 9), words),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(names, inner, max_size=2)),
    max_leaves=4,
)
objects = st.dictionaries(names, json_values, max_size=2)
schemas = st.dictionaries(names, st.sampled_from(({"type": "string"}, {"type": "integer"}, {"enum": ["a"]}))).map(
    lambda properties: {"type": "object", "properties": properties, "additionalProperties": False}
)

plain_texts = st.builds(Text, words)
texts = st.one_of(plain_texts, st.builds(Text, words, extra=st.just({"prompt_cache_breakpoint": {"mode": "explicit"}})))
pictures = st.builds(Image, media_type=st.sampled_from(("image/png", "image/jpeg")), data=st.just("iVBORw0KGgo="))
images = st.one_of(pictures, st.builds(Image, url=st.just("https://x/y.png"), extra=st.just({"detail": "low"})))
natives = st.builds(lambda data: Native(NAME, {"type": "input_audio", "input_audio": data}), objects)
calls = st.one_of(
    st.builds(ToolCall, id=names, name=names, arguments=objects),
    st.builds(ToolCall, id=names, name=names, arguments=st.none(), raw=st.sampled_from(('{"a":', "[1]", "NaN", "x"))),
    st.builds(ToolCall, id=names, name=names, arguments=st.just({"a": 1}), raw=st.just('{"a": 1}')),
)
results = st.builds(
    ToolResult,
    call_id=names,
    parts=st.lists(plain_texts.filter(lambda text: not text.text.startswith(TOOL_ERROR)), max_size=2).map(tuple),
    is_error=st.booleans(),
)


def user_turns(said: st.SearchStrategy[Part]) -> st.SearchStrategy[Message]:
    """Draw what a user says, after the results of tools."""
    return st.builds(
        lambda first, rest: Message("user", (*first, *rest)),
        st.lists(results, max_size=2),
        st.lists(said, min_size=1, max_size=3),
    )


def assistant_turns(thinking: bool = True) -> st.SearchStrategy[Message]:
    """Draw what an assistant says, in the one order that the wire knows."""
    thoughts = st.lists(st.builds(Thinking, words), max_size=1 if thinking else 0)
    return st.builds(
        lambda thought, said, called: Message("assistant", (*thought, *said, *called)),
        thoughts,
        st.lists(plain_texts, max_size=2),
        st.lists(calls, max_size=2),
    )


def marked(request: Request) -> Request:
    """Say whose the extra fields are, as reading does."""
    parts = [part for message in request.messages for part in message.parts] + list(request.system)
    extra = any(getattr(part, "extra", None) for part in parts) or bool(request.extra)
    return replace(request, extra_format=NAME) if extra else request


tools = st.one_of(
    st.builds(
        Tool,
        name=names,
        description=st.one_of(st.none(), st.just(""), words),
        schema=st.one_of(st.just(NOTHING), schemas),
        strict=st.sampled_from((None, True, False)),
    ),
    st.builds(lambda name: Tool(name, native=Native(NAME, {"type": "custom", "name": name})), names),
)
choices: st.SearchStrategy[Any] = st.one_of(
    st.builds(ToolChoice, st.sampled_from(("auto", "any", "none")), parallel=st.sampled_from((None, True, False))),
    st.builds(ToolChoice, st.just("tool"), names, st.sampled_from((None, True, False))),
)
formats = st.one_of(
    st.just(AnswerFormat("json")),
    st.builds(
        AnswerFormat,
        st.just("json_schema"),
        schemas,
        names,
        st.sampled_from((None, True, False)),
        st.one_of(st.none(), words),
    ),
)
finite = st.one_of(st.none(), st.floats(0, 1))
requests = st.builds(
    Request,
    model=names,
    messages=st.lists(st.one_of(user_turns(st.one_of(texts, images, natives)), assistant_turns()), max_size=4).map(
        tuple
    ),
    system=st.lists(texts, max_size=2).map(tuple),
    tools=st.lists(tools, max_size=2).map(tuple),
    tool_choice=st.one_of(st.none(), choices),
    max_output_tokens=st.one_of(st.none(), st.integers(1, 9999)),
    temperature=finite,
    top_p=finite,
    top_k=st.one_of(st.none(), st.integers(0, 99)),
    seed=st.one_of(st.none(), st.integers(0, 99)),
    stop=st.lists(words, max_size=2).map(tuple),
    answer_format=st.one_of(st.none(), formats),
    reasoning_effort=st.sampled_from((None, "low", "high", "none")),
    stream=st.booleans(),
    user_id=st.one_of(st.none(), words),
    extra=st.dictionaries(st.sampled_from(("service_tier", "metadata", "logprobs")), json_values, max_size=2).map(
        lambda extra: extra or NOTHING
    ),
).map(marked)
