"""Canonical requests and responses as Hypothesis draws them: everything that Anthropic's wire can say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from tokenop.providers.formats.anthropic.parts import NAME
from tokenop.providers.formats.anthropic.requests import _any_extra
from tokenop.providers.model import (
    MISSING,
    NOTHING,
    AnswerFormat,
    Image,
    Message,
    Native,
    Request,
    Response,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Usage,
)

words = st.text(st.characters(codec="utf-8"), max_size=12)
names = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)
caches = st.sampled_from((None, None, "5m", "1h"))
json_values = st.recursive(
    st.one_of(st.booleans(), st.integers(-9, 9), words),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(names, inner, max_size=2)),
    max_leaves=4,
)
objects = st.dictionaries(names, json_values, max_size=2)
cited = st.just({"citations": [{"type": "char_location", "cited_text": "x"}]})

texts = st.builds(Text, words, caches, st.one_of(st.just(NOTHING), cited))
images = st.one_of(
    st.builds(Image, media_type=st.just("image/png"), data=words, cache=caches),
    st.builds(Image, url=words, cache=caches),
)
thoughts = st.one_of(
    st.builds(Thinking, words, st.one_of(st.none(), words.filter(bool))),
    st.builds(lambda data: Thinking("", redacted=data), words),
)
calls = st.builds(
    ToolCall,
    id=words,
    name=names,
    arguments=objects,
    cache=caches,
    extra=st.sampled_from((NOTHING, {"caller": {"type": "code_execution_20250825", "tool_id": "s1"}})),
)
natives = st.builds(
    lambda kind, more: Native(NAME, {**more, "type": kind}),
    st.sampled_from(("document", "server_tool_use", "web_search_tool_result", "compaction", "search_result")),
    objects,
)
results = st.builds(
    ToolResult,
    call_id=words,
    parts=st.lists(st.one_of(texts, images, natives), max_size=2).map(tuple),
    is_error=st.booleans(),
    cache=caches,
)
parts = st.one_of(texts, images, thoughts, calls, results, natives)
messages = st.builds(
    Message,
    role=st.sampled_from(("user", "assistant", "system")),
    parts=st.lists(parts, max_size=3).map(tuple),
)
tools = st.one_of(
    st.builds(
        Tool,
        name=names,
        description=st.one_of(st.none(), words),
        schema=st.one_of(
            st.just(NOTHING), objects.map(lambda properties: {"type": "object", "properties": properties})
        ),
        strict=st.sampled_from((None, True, False)),
        cache=caches,
        extra=st.sampled_from((NOTHING, {"defer_loading": True})),
    ),
    st.builds(
        lambda name, cache: Tool(name, cache=cache, native=Native(NAME, {"type": "bash_20250124", "name": name})),
        names,
        caches,
    ),
)
choices = st.one_of(
    st.builds(ToolChoice, st.sampled_from(("auto", "any")), parallel=st.sampled_from((None, True, False))),
    st.builds(ToolChoice, st.just("tool"), names, st.sampled_from((None, True, False))),
    st.just(ToolChoice("none")),
)
finite = st.one_of(st.none(), st.floats(0, 1))
extras = st.dictionaries(
    st.sampled_from(("thinking", "container", "context_management", "mcp_servers", "service_tier", "cache_control")),
    json_values,
    max_size=2,
)
requests = st.builds(
    Request,
    model=names,
    messages=st.lists(messages, max_size=3).map(tuple),
    system=st.lists(texts, max_size=2).map(tuple),
    tools=st.lists(tools, max_size=2).map(tuple),
    tool_choice=st.one_of(st.none(), choices),
    max_output_tokens=st.integers(0, 9999),
    temperature=finite,
    top_p=finite,
    top_k=st.one_of(st.none(), st.integers(0, 99)),
    stop=st.lists(words, max_size=2).map(tuple),
    answer_format=st.one_of(st.none(), st.builds(AnswerFormat, st.just("json_schema"), objects)),
    reasoning_effort=st.sampled_from((None, "low", "medium", "high", "xhigh", "max")),
    stream=st.booleans(),
    user_id=st.one_of(st.none(), words),
    extra=extras.map(lambda extra: extra or NOTHING),
).map(
    lambda request: (
        replace(request, extra_format=NAME)
        if request.extra or _any_extra(request.system, request.messages, request.tools)
        else request
    )
)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Draw counts that can be true at once, each of them known or not."""
    read, written, fresh, output = (draw(st.one_of(st.none(), st.integers(0, 99))) for _ in range(4))
    hour = None if written is None else draw(st.one_of(st.none(), st.integers(0, written)))
    thinking = None if output is None else draw(st.one_of(st.none(), st.integers(0, output)))
    total = None if fresh is None else fresh + (read or 0) + (written or 0)
    usage = Usage(total, output, read, written, hour, thinking)
    return MISSING if usage == Usage() else usage


_FINISHES = (
    ("stop", "end_turn"),
    ("stop_sequence", "stop_sequence"),
    ("length", "max_tokens"),
    ("length", "model_context_window_exceeded"),
    ("tool_calls", "tool_use"),
    ("refused", "refusal"),
    ("paused", "pause_turn"),
    ("unknown", "a_later_word"),
    ("unknown", None),
)


@st.composite
def responses(draw: st.DrawFn) -> Response:
    """Draw an answer with everything that one can hold."""
    finish, native = draw(st.sampled_from(_FINISHES))
    extra: dict[str, Any] = draw(
        st.sampled_from(
            ({}, {"stop_sequence": "END"}, {"container": {"id": "c1"}}, {"usage": {"service_tier": "batch"}})
        )
    )
    found = draw(st.lists(st.one_of(texts, thoughts, calls, natives), max_size=4))
    plain = [replace(part, cache=None) if isinstance(part, Text | ToolCall) else part for part in found]
    return Response(
        model=draw(names),
        parts=tuple(plain),
        finish=finish,
        usage=draw(usages()),
        id=draw(st.one_of(st.none(), names)),
        native_finish=native,
        extra=extra,
    )
