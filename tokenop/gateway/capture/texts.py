"""Prompts and answers as texts: what was said, turn by turn, without pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from tokenop.providers.model import Image, Part, Request, Response, Text, Thinking, ToolCall, ToolResult

Turn = dict[str, str]
_ENCODE = msgspec.json.Encoder(enc_hook=dict).encode


def prompt_of(request: Request) -> list[Turn]:
    """Return the turns of a request as `{role, text}`, the system prompt first. Tools are left out."""
    turns = [{"role": "system", "text": text_of(request.system)}] if request.system else []
    return turns + [{"role": message.role, "text": text_of(message.parts)} for message in request.messages]


def output_of(response: Response | None) -> str | None:
    """Return an answer as text, calls of tools included; None where there is no whole answer."""
    return None if response is None else text_of(response.parts)


def text_of(parts: Sequence[Part]) -> str:
    """Return parts as text, one below the other."""
    return "\n".join(_texts(parts))


def _texts(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Text):
            yield part.text
        elif isinstance(part, Image):
            yield f"[image {part.media_type or 'at an address'}]"
        elif isinstance(part, Thinking):
            yield f"[thought] {part.text}"
        elif isinstance(part, ToolCall):
            said = part.raw if part.arguments is None else _ENCODE(part.arguments).decode()
            yield f"[call {part.name}] {said or ''}"
        elif isinstance(part, ToolResult):
            yield f"[result] {text_of(part.parts)}"
        else:
            yield f"[{part.format}] {part.data.get('type', '')}"
