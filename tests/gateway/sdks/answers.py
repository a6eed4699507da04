"""What the upstream answers when it is offered a tool, in each wire, whole and streamed."""

from __future__ import annotations

import json
from typing import Any

from tests.gateway.upstream import Asked, Step, hello, streamed, whole

ARGUMENTS = {"city": "Paris", "unit": "°C"}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string"}},
    "required": ["city"],
}
_RAW = json.dumps(ARGUMENTS)
_OPENAI_HEAD = {"id": "c2", "created": 1, "model": "m"}
_OPENAI_USAGE = {"prompt_tokens": 30, "completion_tokens": 9, "total_tokens": 39}
_CLAUDE = {"id": "m2", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}


def weather(asked: Asked) -> list[Step]:
    """Call the tool `weather` where it is offered and has not answered yet; then say hello."""
    said = json.dumps(asked.body["messages"], ensure_ascii=False)
    if not asked.body.get("tools") or "21 degrees" in said:
        return hello(asked)
    by_wire = {"anthropic": _anthropic, "ollama": _ollama}
    return by_wire.get(asked.wire, _openai)(asked.streaming)


def _openai(streaming: bool) -> list[Step]:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": _RAW}}
    if not streaming:
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        return whole({**_OPENAI_HEAD, "object": "chat.completion", "choices": [choice], "usage": _OPENAI_USAGE})

    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        piece = {**_OPENAI_HEAD, "object": "chat.completion.chunk", "choices": [choice], **more}
        return f"data: {json.dumps(piece)}\n\n".encode()

    def arguments(text: str) -> bytes:
        return chunk({"tool_calls": [{"index": 0, "function": {"arguments": text}}]})

    first = {"tool_calls": [{"index": 0, **call, "function": {"name": "weather", "arguments": ""}}]}
    usage = {"usage": _OPENAI_USAGE, "x_groq": {"id": "c2", "usage": _OPENAI_USAGE}}
    end = chunk({}, "tool_calls", **usage) + b"data: [DONE]\n\n"
    return streamed([chunk({"role": "assistant", **first}), arguments(_RAW[:9]), arguments(_RAW[9:]), end])


def _anthropic(streaming: bool) -> list[Step]:
    block = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": ARGUMENTS}
    usage = {"input_tokens": 30, "output_tokens": 9}
    if not streaming:
        return whole({**_CLAUDE, "content": [block], "stop_reason": "tool_use", "usage": usage})

    def event(name: str, **fields: Any) -> bytes:
        return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()

    def arguments(text: str) -> bytes:
        return event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": text})

    begun = {**_CLAUDE, "content": [], "stop_reason": None, "usage": {"input_tokens": 30, "output_tokens": 1}}
    stop = {"stop_reason": "tool_use", "stop_sequence": None}
    return streamed(
        [
            event("message_start", message=begun),
            event("content_block_start", index=0, content_block={**block, "input": {}}),
            arguments(_RAW[:9]),
            arguments(_RAW[9:]),
            event("content_block_stop", index=0),
            event("message_delta", delta=stop, usage={"output_tokens": 9}) + event("message_stop"),
        ]
    )


def _ollama(streaming: bool) -> list[Step]:
    call = {"function": {"name": "weather", "arguments": ARGUMENTS}}
    message = {"role": "assistant", "content": "", "tool_calls": [call]}
    head = {"model": "m", "created_at": "2026-11-01T00:00:00Z"}
    counts = {"done": True, "done_reason": "stop", "prompt_eval_count": 30, "eval_count": 9}
    if not streaming:
        return whole({**head, "message": message, **counts})
    empty = {"role": "assistant", "content": ""}
    lines = [{**head, "message": message, "done": False}, {**head, "message": empty, **counts}]
    return streamed([json.dumps(line).encode() + b"\n" for line in lines], "application/x-ndjson")
