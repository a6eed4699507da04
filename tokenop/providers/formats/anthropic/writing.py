"""Writes one answer as a stream of the Messages API, piece by piece."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tokenop.providers.formats.anthropic import responses, usage
from tokenop.providers.model import MISSING, Delta, Response, Usage


class Writer:
    """Turns the pieces of an answer, of whatever wire, into bytes of this one.

    Parts that only a wire knows (`native`) must be this one's: whoever passes on another's leaves them out first.
    """

    def __init__(self) -> None:
        self._started = False
        self._usage = MISSING
        self._open: tuple[str, int] | None = None
        self._numbers: dict[tuple[str, int], int] = {}
        self._next = 0

    def write(self, delta: Delta) -> bytes:
        """Return the bytes that pass on `delta`; none where this wire says it later."""
        match delta.kind:
            case "start":
                return self._start(delta.id, delta.name or "", delta.usage or MISSING)
            case "usage":
                self._usage = delta.usage or self._usage
                return b""
            case "end":
                return self._end(delta.response)
            case "native":
                return self._begun() + self._block(delta, dict(delta.data or {})) + self._close()
            case "tool_call":
                call_id = f"call_{delta.index}" if delta.id is None else delta.id
                first: dict[str, Any] = {"type": "tool_use", "id": call_id, "name": delta.name, "input": {}}
                return self._piece(delta, first, "input_json_delta", "partial_json")
            case "text":
                return self._piece(delta, {"type": "text", "text": ""}, "text_delta", "text") + self._citations(delta)
            case "thinking":
                return self._thinking(delta)

    def _start(self, message_id: str | None, model: str, counted: Usage) -> bytes:
        self._started = True
        self._usage = counted
        message = responses.write(Response(model, (), "unknown", counted, message_id))
        return _event("message_start", message=message)

    def _begun(self) -> bytes:
        return b"" if self._started else self._start(None, "", MISSING)

    def _block(self, delta: Delta, first: Mapping[str, Any]) -> bytes:
        """Return the start of the block that `delta` belongs to, where it is not begun yet."""
        key = (delta.kind, delta.index)
        if key == self._open or (key in self._numbers and delta.kind == "tool_call"):
            return b""
        # Words after a call are a block of their own: here a block that is closed stays closed.
        closed = self._close()
        self._numbers[key] = self._next
        self._next += 1
        self._open = key
        return closed + _event("content_block_start", index=self._numbers[key], content_block=first)

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        number, self._open = self._numbers[self._open], None
        return _event("content_block_stop", index=number)

    def _piece(self, delta: Delta, first: Mapping[str, Any], kind: str, name: str) -> bytes:
        begun = self._begun() + self._block(delta, first)
        return begun + (self._delta(delta, {"type": kind, name: delta.text}) if delta.text else b"")

    def _delta(self, delta: Delta, said: Mapping[str, Any]) -> bytes:
        return _event("content_block_delta", index=self._numbers[delta.kind, delta.index], delta=said)

    def _citations(self, delta: Delta) -> bytes:
        said = (delta.data or {}).get("citations")
        cited = said if isinstance(said, list | tuple) else ()
        return b"".join(self._delta(delta, {"type": "citations_delta", "citation": each}) for each in cited)

    def _thinking(self, delta: Delta) -> bytes:
        data = delta.data or {}
        if "redacted" in data:
            redacted = {"type": "redacted_thinking", "data": data["redacted"]}
            return self._begun() + self._block(delta, redacted) + self._close()
        written = self._piece(
            delta, {"type": "thinking", "thinking": "", "signature": ""}, "thinking_delta", "thinking"
        )
        if data.get("signature") is not None:
            written += self._delta(delta, {"type": "signature_delta", "signature": data["signature"]})
        return written

    def _end(self, response: Response | None) -> bytes:
        begun = self._begun() + self._close()
        told: dict[str, Any] = {"stop_reason": None, "stop_sequence": None}
        counted = usage.write(self._usage)
        if response is not None:
            told |= {name: value for name, value in response.extra.items() if name != "usage"}
            told["stop_reason"] = responses.stop_reason(response)
            counted = responses.full_usage(response)
        return begun + _event("message_delta", delta=told, usage=counted) + _event("message_stop")


def _event(kind: str, **fields: Any) -> bytes:
    """Return one event. ASCII alone, so that half a surrogate pair passes as well."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()
