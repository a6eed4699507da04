"""The request that a task makes, as its file declares it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tokenop.evals import haystack
from tokenop.providers.model import Message, Part, Request, Text, Tool, ToolCall, ToolResult

PLACEHOLDER = "{{document}}"


def request_of(declared: Mapping[str, Any]) -> Request:
    """Return what is asked, of no model yet, at temperature 0."""
    if "messages" in declared:
        messages = tuple(Message(one["role"], tuple(_parts(one))) for one in declared["messages"])
    else:
        prompt = declared["prompt"]
        if "generated" in declared:
            prompt = prompt.replace(PLACEHOLDER, haystack.document(declared["generated"]))
        messages = (Message("user", (Text(prompt.strip()),)),)
    return Request(
        model="",
        messages=messages,
        system=(Text(declared["system"].strip()),) if "system" in declared else (),
        tools=tuple(
            Tool(one["name"], one["description"].strip(), one["parameters"]) for one in declared.get("tools", ())
        ),
        max_output_tokens=declared["max_output_tokens"],
        temperature=0.0,
    )


def _parts(message: Mapping[str, Any]) -> Iterator[Part]:
    for one in message.get("tool_results", ()):
        yield ToolResult(one["call_id"], (Text(one["text"].strip()),))
    if "text" in message:
        yield Text(message["text"].strip())
    for one in message.get("tool_calls", ()):
        yield ToolCall(one["id"], one["name"], one["arguments"])
