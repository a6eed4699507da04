"""Canonical requests and bodies of the Messages API, both ways."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.providers.anthropic import strategies
from tests.thoroughness import examples
from tokenop.providers.base import Target
from tokenop.providers.errors import BadRequestError, CannotCarryError
from tokenop.providers.formats.anthropic import FORMAT
from tokenop.providers.formats.anthropic.parts import NAME
from tokenop.providers.model import (
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


def target(model: str = "claude-sonnet-4-5", **options: Any) -> Target:
    return Target("test", "anthropic", model, options=options)


def written(request: Request, **options: Any) -> dict[str, Any]:
    return dict(FORMAT.write_request(request, target(request.model, **options)).body)


def asking(*parts: Part, **more: Any) -> Request:
    return Request("claude-sonnet-4-5", (Message("user", parts or (Text("Hi"),)),), max_output_tokens=9, **more)


@settings(max_examples=examples(30, 100))
@given(strategies.requests)
def test_what_is_written_reads_as_the_same_request(request: Request) -> None:
    body = json.loads(json.dumps(written(request)))
    assert FORMAT.read_request(body) == request


LOST: dict[str, tuple[Callable[[Request], Request], str]] = {
    "seed": (lambda r: replace(r, seed=1), "seed"),
    "json": (lambda r: replace(r, answer_format=AnswerFormat("json")), "JSON without a schema"),
    "effort": (lambda r: replace(r, reasoning_effort="minimal"), "'minimal'"),
    "choice": (lambda r: replace(r, tool_choice=ToolChoice("none", parallel=False)), "parallel"),
    "nameless": (lambda r: replace(r, tool_choice=ToolChoice("tool")), "without the name"),
    "schema": (lambda r: replace(r, tools=(*r.tools, Tool("odd", schema={"type": "string"}))), "'odd'"),
    "tool": (lambda r: replace(r, tools=(*r.tools, Tool("search", native=Native("groq", {})))), "'search' of groq"),
    "part": (lambda r: with_part(r, Native("openai-chat", {"type": "audio"})), "openai-chat (audio)"),
    "arguments": (lambda r: with_part(r, ToolCall("1", "cut", None, '{"a":')), "'cut'"),
    "image": (lambda r: with_part(r, Image(data="AAAA")), "without its media type"),
    "nested": (lambda r: with_part(r, ToolResult("1", (Thinking("hm"),))), "a Thinking within the result"),
    "redacted": (lambda r: with_part(r, Thinking("words", redacted="data")), "redacted"),
    "system": (lambda r: replace(r, system=(*r.system, Image(url="https://x.test/a.png"))), "in the system prompt"),
}


def with_part(request: Request, part: Part) -> Request:
    return replace(request, messages=(*request.messages, Message("user", (part,))))


@settings(max_examples=examples(30, 100))
@given(strategies.requests, st.lists(st.sampled_from(sorted(LOST)), min_size=1, max_size=4, unique=True))
def test_everything_that_cannot_be_carried_is_named_at_once(request: Request, kinds: list[str]) -> None:
    kept = [kind for kind in kinds if not (kind == "choice" and "nameless" in kinds)]
    for kind in kept:
        request = LOST[kind][0](request)
    with pytest.raises(CannotCarryError) as caught:
        written(request)
    assert [kind for kind in kept if LOST[kind][1] not in caught.value.detail] == []


def test_fields_of_another_wire_are_named_and_not_passed_on() -> None:
    request = asking(Text("a", extra={"refusal": "no"}), extra={"logit_bias": {}}, extra_format="openai-chat")
    with pytest.raises(CannotCarryError, match=r"logit_bias \(a field of openai-chat\); messages\[0\]"):
        written(request)


def test_a_limit_that_is_not_said_becomes_what_each_model_of_the_family_allows() -> None:
    silent = replace(asking(), max_output_tokens=None)
    assert written(silent)["max_tokens"] == 32_000
    assert written(silent.to("claude-3-5-haiku-20241022"))["max_tokens"] == 8_192
    assert written(silent, max_tokens=700)["max_tokens"] == 700
    assert written(replace(silent, max_output_tokens=0), max_tokens=700)["max_tokens"] == 0


def test_the_version_that_takes_no_temperature_is_only_used_where_asked_for() -> None:
    warm = asking(temperature=0.0, top_k=3)
    assert FORMAT.write_request(warm, target()).headers["anthropic-version"] == "2023-06-01"
    cold = FORMAT.write_request(asking(), target(anthropic_version="2026-10-21"))
    assert cold.headers["anthropic-version"] == "2026-10-21"
    with pytest.raises(CannotCarryError, match=r"temperature .*; top_k"):
        FORMAT.write_request(warm, target(anthropic_version="2026-10-21"))


def test_betas_travel_as_a_header_and_not_in_the_body() -> None:
    request = FORMAT.read_request({**written(asking()), "betas": ["mcp-client-2025-11-20"]})
    wire = FORMAT.write_request(request, target(betas=("context-1m-2025-08-07",)))
    assert wire.headers["anthropic-beta"] == "context-1m-2025-08-07,mcp-client-2025-11-20"
    assert "betas" not in wire.body


def test_a_cache_mark_that_says_more_than_a_time_stays_as_it_is() -> None:
    marked = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "scope": "global"}}
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": [marked]}]}
    request = FORMAT.read_request(body)
    assert request.messages[0].parts[0].cache is None
    assert written(request) == body


def test_a_block_that_only_this_wire_knows_comes_out_as_it_went_in() -> None:
    document = {"type": "document", "source": {"type": "file", "file_id": "f1"}, "title": None, "citations": {}}
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": [document]}]}
    assert FORMAT.read_request(body).messages[0].parts == (Native(NAME, document),)
    assert written(FORMAT.read_request(body)) == body


BROKEN: list[tuple[str, Any]] = [
    ("body", []),
    ("model", {}),
    ("messages", {"model": "m"}),
    ("messages[0]", {"model": "m", "messages": ["hi"]}),
    ("messages[0].role", {"model": "m", "messages": [{"role": "tool", "content": ""}]}),
    ("messages[0].content", {"model": "m", "messages": [{"role": "user"}]}),
    ("messages[0].content[0]", {"model": "m", "messages": [{"role": "user", "content": [1]}]}),
    ("messages[0].content[0].type", {"model": "m", "messages": [{"role": "user", "content": [{}]}]}),
    ("messages[0].content[0].text", {"model": "m", "messages": [{"role": "user", "content": [{"type": "text"}]}]}),
    ("messages[0].content[0].input", {"model": "m", "messages": [{"role": "user", "content": [{"type": "tool_use"}]}]}),
    ("tools[0].input_schema", {"model": "m", "messages": [], "tools": [{"name": "a"}]}),
    ("tools[0].name", {"model": "m", "messages": [], "tools": [{"input_schema": {}}]}),
    ("max_tokens", {"model": "m", "messages": [], "max_tokens": True}),
    ("temperature", {"model": "m", "messages": [], "temperature": "hot"}),
    ("stream", {"model": "m", "messages": [], "stream": "yes"}),
    ("stop_sequences[0]", {"model": "m", "messages": [], "stop_sequences": [1]}),
    ("tool_choice", {"model": "m", "messages": [], "tool_choice": "auto"}),
    ("output_config", {"model": "m", "messages": [], "output_config": 1}),
]


@pytest.mark.parametrize(("field", "body"), BROKEN, ids=[field for field, _ in BROKEN])
def test_a_broken_body_is_refused_by_the_name_of_its_field(field: str, body: Any) -> None:
    with pytest.raises(BadRequestError) as caught:
        FORMAT.read_request(body)
    assert caught.value.detail.startswith(f"{field}: must be ")


FIELDS = ("model", "messages", "system", "tools", "tool_choice", "metadata", "stop_sequences")
OTHERS = ("output_config", "max_tokens", "thinking")


@settings(max_examples=examples(30, 100))
@given(st.dictionaries(st.sampled_from(FIELDS + OTHERS), strategies.json_values))
def test_any_body_is_a_request_or_refused(body: dict[str, Any]) -> None:
    try:
        request = FORMAT.read_request({"model": "m", "messages": [], **body})
    except BadRequestError:
        return
    assert FORMAT.read_request(written(replace(request, max_output_tokens=1))) == replace(request, max_output_tokens=1)
