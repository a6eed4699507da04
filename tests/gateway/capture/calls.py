"""Calls as they end, for what watches them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tokenop.gateway.model import Call, Identity, Outcome, Serving
from tokenop.providers.model import Image, Message, Request, Response, Text, ToolCall, ToolResult

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = "sk-ant-api03-QzXcanary7F3aLeak0000"


def request(*messages: Message, **more: Any) -> Request:
    """Return a request of these messages, by default one that holds a secret and an address."""
    said = messages or (Message("user", (Text(f"My key is {SECRET}, write to ana@example.com"),)),)
    return Request("claude-sonnet-4-5", said, **more)


def call(number: int = 1, asked: Request | None = None) -> Call:
    """Return a call that was read."""
    return Call(
        operation_id=f"op{number}",
        wire="openai-chat",
        body={},
        request=asked or request(),
        identity=Identity(),
        labels={},
        serving=Serving.__new__(Serving),
        started=NOON,
        received=0.0,
    )


def outcome(number: int = 1, tenant: str = "acme", text: str | None = "Done.", **more: Any) -> Outcome:
    """Return how a call ended: with an answer, or (None) without."""
    event = {
        "id": f"op{number}:1", "ts": "2026-11-22T12:00:00.000000Z", "attempt": 1, "tenant": tenant, "status": "ok",
        "provider": "anthropic", "model": "claude-sonnet-4-5", "user_id": "sarah",
    }  # fmt: skip
    response = None if text is None else Response("claude-sonnet-4-5", (Text(text),), "stop")
    return Outcome(status=200, response=response, events=(event,), **more)


TOOLS = (
    Message("user", (Text("What is this?"), Image("image/png", data="iVBORw0KGgo="))),
    Message("assistant", (ToolCall("c1", "look", {"password": "hunter2-hunter2"}),)),
    Message("user", (ToolResult("c1", (Text("a cat"),)),)),
)
