"""Canonical requests and bodies of chat completions, both ways."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from tests.providers.openai import strategies
from tests.thoroughness import examples
from tokenop.providers.base import Target
from tokenop.providers.errors import BadRequestError, CannotCarryError
from tokenop.providers.formats.marks import TOOL_ERROR
from tokenop.providers.formats.openai_chat import FORMAT
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
    ToolResult,
)


def written(request: Request, provider: str = "openai-compatible", **options: Any) -> dict[str, Any]:
    target = Target("test", provider, request.model, base_url="http://127.0.0.1:1", options=options)
    return dict(FORMAT.write_request(request, target).body)


def asking(*parts: Part, **more: Any) -> Request:
    return Request("m", (Message("user", parts or (Text("Hi"),)),), **more)


@settings(max_examples=examples(30, 100))
@given(strategies.requests)
def test_what_is_written_reads_as_the_same_request(request: Request) -> None:
    body = json.loads(json.dumps(written(request, preset="openrouter")))
    assert FORMAT.read_request(body) == request


@settings(max_examples=examples(30, 100))
@given(strategies.requests)
def test_what_was_read_is_written_as_it_stood(request: Request) -> None:
    body = json.loads(json.dumps(written(request)))
    assert json.dumps(written(FORMAT.read_request(body))) == json.dumps(body)


def test_a_server_whose_template_takes_one_system_prompt_is_given_one() -> None:
    request = asking(system=(Text("You are kind."), Text("Be brief.")))
    assert written(request, preset="vllm")["messages"][0]["content"] == "You are kind.\n\nBe brief."
    parts = [{"type": "text", "text": "You are kind."}, {"type": "text", "text": "Be brief."}]
    assert written(request, preset="openai")["messages"][0]["content"] == parts


def test_a_tool_that_failed_says_so_and_is_read_back_as_failed() -> None:
    result = ToolResult("c1", (Text("no such file"),), is_error=True)
    body = written(asking(result))
    assert body["messages"] == [{"role": "tool", "tool_call_id": "c1", "content": f"{TOOL_ERROR}no such file"}]
    assert FORMAT.read_request(body).messages[0].parts == (result,)


def test_an_empty_failure_is_still_a_failure() -> None:
    result = ToolResult("c1", (), is_error=True)
    assert FORMAT.read_request(written(asking(result))).messages[0].parts == (result,)


SIGNED = Message("assistant", (Thinking("hm", signature="s"),))
LOST: dict[str, tuple[Callable[[Request], Request], str]] = {
    "signature": (lambda r: replace(r, messages=(*r.messages, SIGNED)), "messages[1].parts[0]: signed"),
    "document": (lambda r: asking(Native("anthropic-messages", {"type": "document"})), "document of anthropic"),
    "server tool": (lambda r: replace(r, tools=(Tool("web", native=Native("anthropic-messages", {})),)), "web, a tool"),
    "picture of a tool": (lambda r: asking(ToolResult("c", (Image(url="u"),))), "a picture in a tool's result"),
    "late thinking": (
        lambda r: replace(r, messages=(Message("assistant", (Text("a"), Thinking("b"))),)),
        "thinking after text",
    ),
    "late text": (
        lambda r: replace(r, messages=(Message("assistant", (ToolCall("c", "f", {}), Text("b"))),)),
        "text after a tool call",
    ),
    "late result": (lambda r: asking(Text("a"), ToolResult("c", ())), "a tool's result after other parts"),
    "false error": (lambda r: asking(ToolResult("c", (Text(f"{TOOL_ERROR}x"),))), "is no error"),
    "field": (lambda r: replace(r, extra={"mcp_servers": []}, extra_format="anthropic-messages"), "mcp_servers"),
    "part's field": (
        lambda r: replace(asking(Text("a", extra={"citations": []})), extra_format="anthropic-messages"),
        "citations",
    ),
    "temperature": (lambda r: replace(r, temperature=float("nan")), "temperature"),
    "nameless picture": (lambda r: asking(Image(data="aaaa")), "media type"),
}


@pytest.mark.parametrize("name", LOST)
def test_what_the_wire_cannot_say_is_refused_by_name(name: str) -> None:
    change, named = LOST[name]
    with pytest.raises(CannotCarryError) as raised:
        written(change(asking()))
    assert named in str(raised.value)


def test_everything_that_is_lost_is_told_at_once() -> None:
    request = replace(asking(Native("x", {"type": "document"})), top_k=1, messages=(*asking().messages, SIGNED))
    with pytest.raises(CannotCarryError) as raised:
        written(request, preset="openai")
    assert "top_k" in raised.value.detail
    assert "signed" in raised.value.detail


def test_a_hint_to_cache_is_advice_and_left_out() -> None:
    assert written(asking(Text("Hi", cache="1h"))) == written(asking())


def test_presets_say_what_differs() -> None:
    request = asking(max_output_tokens=5, stream=True)
    assert written(request, preset="openai")["max_completion_tokens"] == 5
    assert written(request, preset="vllm")["max_tokens"] == 5
    assert "stream_options" not in written(request, "groq")
    assert written(request, preset="vllm")["stream_options"] == {"include_usage": True}
    thought = replace(request, messages=(Message("assistant", (Thinking("hm"),)),))
    assert written(thought, preset="sglang")["messages"][0]["reasoning_content"] == "hm"
    assert written(thought, "groq")["messages"][0]["reasoning"] == "hm"
    with pytest.raises(CannotCarryError, match="thinking"):
        written(thought, preset="openai")
    with pytest.raises(CannotCarryError, match="answer's format"):
        written(replace(request, answer_format=AnswerFormat("json")), preset="mlx")


def test_a_message_that_only_calls_tools_has_content_where_open_models_are_served() -> None:
    request = replace(asking(), messages=(Message("assistant", (ToolCall("c", "f", {}),)),))
    assert written(request)["messages"][0]["content"] == ""
    assert "content" not in written(request, "groq")["messages"][0]


def test_fields_of_a_target_fill_in_what_the_request_does_not_say() -> None:
    given = {"service_tier": "flex", "temperature": 1, "model": "another", "messages": []}
    body = written(asking(temperature=0.5), extra_body=given)
    assert (body["service_tier"], body["temperature"], body["model"]) == ("flex", 0.5, "m")
    assert body["messages"] == [{"role": "user", "content": "Hi"}]


BAD: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "messages"),
    ({"messages": "x"}, "messages: must be a list"),
    ({"messages": ["x"]}, "messages[0]"),
    ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
    ({"messages": [{"role": "assistant", "function_call": {}}]}, "function_call"),
    ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]}, "tool_calls[0].function"),
    ({"messages": [], "n": 2}, "n: more than one"),
    ({"messages": [], "max_tokens": True}, "max_tokens"),
    ({"messages": [], "temperature": "hot"}, "temperature: must be a number"),
    ({"messages": [], "stop": [1]}, "stop[0]"),
    ({"messages": [], "tools": [{"type": "function"}]}, "tools[0].function"),
    ({"messages": [], "tool_choice": {"type": "allowed_tools"}}, "tool_choice.type"),
    ({"messages": [], "response_format": {"type": "xml"}}, "response_format.type"),
)


@pytest.mark.parametrize(("body", "named"), BAD)
def test_a_bad_body_is_refused_with_its_field(body: dict[str, Any], named: str) -> None:
    with pytest.raises(BadRequestError) as raised:
        FORMAT.read_request(body)
    assert named in raised.value.detail


@pytest.mark.parametrize("raw", ['{"a":1e999}', '{"a":NaN}', "[" * 100_000, '{"a":"\\ud800"}', "7", "null"])
def test_arguments_that_are_no_json_object_are_kept_as_they_came(raw: str) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": raw}}
    body = {"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}]}
    request = FORMAT.read_request(body)
    assert request.messages[0].parts == (ToolCall("c", "f", None, raw),)
    assert written(request)["messages"][0]["tool_calls"] == [call]


def test_a_call_without_arguments_has_none() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
    request = FORMAT.read_request({"messages": [{"role": "assistant", "tool_calls": [call]}]})
    assert request.messages[0].parts == (ToolCall("c", "f", {}),)
