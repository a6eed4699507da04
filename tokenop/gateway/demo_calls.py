"""The calls of the demo, and the answers that it gives: samples, written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from tokenop.gateway import wires
from tokenop.gateway.model import Wire
from tokenop.providers.model import Part, Response, Text, ToolCall, Usage, nothing
from tokenop.providers.recordings import Recording, Recordings, request_hash

BY = "written by hand; no model was asked"
WRITTEN = datetime(2026, 11, 22, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DemoCall:
    """One call: what is sent, and who answers what with how many tokens in and out."""

    title: str
    wire: Literal["openai-chat", "anthropic-messages"]
    body: Mapping[str, Any]
    provider: str
    model: str
    answer: Part
    tokens: tuple[int, int]
    labels: Mapping[str, str] = field(default_factory=nothing)


_TICKET = "I was charged twice for my order A-1042. Please have a look."
_ORDER = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}
_LOOK_UP = ToolCall("call_1", "look_up_order", {"order": "A-1042"})
_SUPPORT = "You answer the mail of a small shop. Be short and kind."
_REFUND = Text(
    "You were charged twice by mistake: the second payment goes back to your card within three days. I am sorry for "
    "the trouble."
)


def _openai(user: str, **more: Any) -> dict[str, Any]:
    said = [{"role": "system", "content": _SUPPORT}, {"role": "user", "content": user}]
    return {"model": "auto", "messages": said, "max_tokens": 200, **more}


def _anthropic(user: str, model: str, **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": user}]
    return {"model": model, "system": _SUPPORT, "messages": said, "max_tokens": 200, **more}


_STREAMED = DemoCall(
    "Anthropic's wire, streamed: a model by its name",
    "anthropic-messages",
    _anthropic(f"Write the answer to this: {_TICKET}", "claude-opus-5", stream=True),
    "anthropic",
    "claude-opus-5",
    _REFUND,
    (380, 150),
    {"intent": "answer mail"},
)

CALLS: tuple[DemoCall, ...] = (
    DemoCall(
        "OpenAI's wire: a label, which the rules give to a small local model",
        "openai-chat",
        _openai(f"One word, billing or delivery: {_TICKET}"),
        "ollama",
        "qwen2.5-coder:7b",
        Text("billing"),
        (62, 2),
        {"intent": "classify ticket"},
    ),
    DemoCall(
        "OpenAI's wire, streamed: a summary, for which no rule holds",
        "openai-chat",
        _openai(f"Sum this up in one sentence: {_TICKET}", stream=True),
        "ollama",
        "devstral:24b",
        Text("A customer says that order A-1042 was charged twice and asks for a check."),
        (74, 18),
        {"intent": "summarise"},
    ),
    DemoCall(
        "OpenAI's wire, a tool is called",
        "openai-chat",
        _openai(_TICKET, tools=[{"type": "function", "function": {"name": "look_up_order", "parameters": _ORDER}}]),
        "ollama",
        "devstral:24b",
        _LOOK_UP,
        (160, 21),
        {"intent": "plan the answer", "session": "demo-1"},
    ),
    DemoCall(
        "Anthropic's wire, and a provider of OpenAI's wire calls a tool",
        "anthropic-messages",
        _anthropic(_TICKET, "T4", tools=[{"name": "look_up_order", "input_schema": _ORDER}]),
        "groq",
        "openai/gpt-oss-120b",
        _LOOK_UP,
        (160, 24),
        {"intent": "plan the answer", "session": "demo-1"},
    ),
    DemoCall(
        "Anthropic's wire: Groq has no answer, so the next provider of the tier is asked",
        "anthropic-messages",
        _anthropic(f"May we refund this without asking? {_TICKET}", "T4"),
        "anthropic",
        "claude-sonnet-5",
        Text("Yes: both payments are for one order, and the second came four seconds after the first."),
        (420, 96),
        {"intent": "decide refund"},
    ),
    _STREAMED,
    DemoCall(
        "The same again: the answer is kept from before, and nobody is asked",
        _STREAMED.wire,
        _STREAMED.body,
        _STREAMED.provider,
        _STREAMED.model,
        _STREAMED.answer,
        _STREAMED.tokens,
        _STREAMED.labels,
    ),
    DemoCall(
        "One more, and a limit of this user is near",
        "anthropic-messages",
        _anthropic(f"Say it more formally: {_TICKET}", "claude-opus-5"),
        "anthropic",
        "claude-opus-5",
        Text("Order A-1042 has been charged twice. I kindly ask you to look into it."),
        (390, 60),
        {"intent": "answer mail"},
    ),
)


def write_recordings(folder: Path) -> None:
    """Write the answers to all calls into `folder`, which is made."""
    folder.mkdir(parents=True)
    recordings = Recordings.load(folder)
    for number, call in enumerate(CALLS, 1):
        recordings.append(_recording(f"demo-{number}", call))


def _recording(task: str, call: DemoCall) -> Recording:
    wire: Wire = call.wire
    request = wires.of(wire).read(dict(call.body), {})
    usage = Usage(*call.tokens, source="estimated")
    finish: Literal["stop", "tool_calls"] = "tool_calls" if isinstance(call.answer, ToolCall) else "stop"
    return Recording(
        task=task,
        repeat=0,
        request_sha256=request_hash(request),
        provider=call.provider,
        model=call.model,
        response=Response(call.model, (call.answer,), finish, usage),
        latency_ms=None,
        recorded_at=WRITTEN,
        origin="sample",
        by=BY,
    )
