"""An answer, of whatever wire, as chat completions: what a gateway gives back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenop.providers.errors import CannotCarryError
from tokenop.providers.formats.fields import compact
from tokenop.providers.formats.openai_chat import responses
from tokenop.providers.formats.openai_chat.marks import NAME
from tokenop.providers.model import MISSING, Delta, FinishReason, Native, Response, Text, Thinking, ToolCall, Usage

_FINISHES: Mapping[FinishReason, str] = {"length": "length", "tool_calls": "tool_calls", "refused": "content_filter"}
_OF_ALL = ("created", "system_fingerprint", "service_tier", "x_groq", "usage_breakdown", "provider", "citations")


def write(response: Response) -> dict[str, Any]:
    """Return the body that says `response`; a signature of what was thought has no place in it and is left out.

    Raises:
        CannotCarryError: names the parts that only another wire knows.
    """
    lost = [part.format for part in response.parts if isinstance(part, Native) and part.format != NAME]
    if lost:
        raise CannotCarryError(f"{NAME} cannot carry parts of {', '.join(sorted(set(lost)))} in an answer")
    texts = [part for part in response.parts if isinstance(part, Text)]
    refusal = "".join(part.text for part in texts if part.extra.get("refusal") is True)
    said = "".join(part.text for part in texts if part.extra.get("refusal") is not True)
    thought = "".join(part.text for part in response.parts if isinstance(part, Thinking))
    calls = [_call(part) for part in response.parts if isinstance(part, ToolCall | Native)]
    message: dict[str, Any] = {"role": "assistant", "content": said if said or not (calls or refusal) else None}
    beside = {"refusal": refusal, "reasoning": thought, "tool_calls": calls}
    message |= {name: value for name, value in beside.items() if value}
    choice = {
        "index": 0,
        "message": {**message, **response.extra.get("message", {})},
        "finish_reason": _finish(response),
    }
    body: dict[str, Any] = {
        "id": response.id or "chatcmpl-unknown",
        "object": "chat.completion",
        "created": 0,
        "model": response.model,
        "choices": [{**choice, **response.extra.get("choice", {})}],
    }
    body |= {name: response.extra[name] for name in _OF_ALL if name in response.extra}
    usage = _usage(response.usage, response.extra.get("usage_details", {}))
    return {**body, "usage": usage} if usage else body


def _call(part: ToolCall | Native) -> dict[str, Any]:
    if isinstance(part, Native):
        return dict(part.data)
    words = part.raw if part.raw is not None else compact(dict(part.arguments or {}))
    return {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": words}}


def _finish(response: Response) -> str:
    native = response.native_finish
    if native is not None and responses.FINISHES.get(native) in {response.finish, "stop"}:
        return native
    return _FINISHES.get(response.finish, "stop")


def _usage(usage: Usage, details: Mapping[str, Any]) -> dict[str, Any]:
    if usage == MISSING:
        return {}
    counts = (usage.input_tokens, usage.output_tokens)
    of_prompt = {
        "cached_tokens": usage.cache_read_input_tokens,
        "cache_write_tokens": usage.cache_creation_input_tokens,
    }
    of_completion = {"reasoning_tokens": usage.reasoning_output_tokens}
    said: dict[str, Any] = {
        "prompt_tokens": counts[0],
        "completion_tokens": counts[1],
        "total_tokens": None if None in counts else sum(count or 0 for count in counts),
        "prompt_tokens_details": _known({**of_prompt, **details.get("prompt_tokens_details", {})}),
        "completion_tokens_details": _known({**of_completion, **details.get("completion_tokens_details", {})}),
    }
    return {**{name: value for name, value in details.items() if name not in said}, **(_known(said) or {})}


def _known(said: Mapping[str, Any]) -> dict[str, Any] | None:
    return {name: value for name, value in said.items() if value is not None} or None


class Writer:
    """Turns the pieces of an answer, of whatever wire, into bytes of this one.

    `include_usage` is what the client asked for with `stream_options`; `created` is seconds since 1970.
    """

    def __init__(self, *, include_usage: bool = True, created: int = 0) -> None:
        self._include_usage = include_usage
        self._said: dict[str, Any] = {"id": "chatcmpl-unknown", "object": "chat.completion.chunk", "created": created}
        self._model = ""
        self._calls: dict[int, int] = {}

    def write(self, delta: Delta) -> bytes:
        """Return the bytes that pass on `delta`; none where this wire says it later.

        Raises:
            CannotCarryError: a part that only another wire knows.
        """
        match delta.kind:
            case "start":
                self._said["id"] = delta.id or self._said["id"]
                self._model = delta.name or ""
                return self._chunk({"role": "assistant", "content": ""})
            case "text":
                refused = delta.data is not None and delta.data.get("refusal") is True
                return self._chunk({"refusal" if refused else "content": delta.text}) if delta.text else b""
            case "thinking":
                return self._chunk({"reasoning": delta.text}) if delta.text else b""
            case "tool_call":
                return self._chunk({"tool_calls": [self._call(delta)]})
            case "end":
                return self._end(delta)
            case "native":
                raise CannotCarryError(f"{NAME} cannot carry a part that only another wire knows in an answer")
        return b""

    def _call(self, delta: Delta) -> dict[str, Any]:
        begins = delta.index not in self._calls
        number = self._calls.setdefault(delta.index, len(self._calls))
        function = _known({"name": delta.name, "arguments": delta.text}) or {}
        call_id = f"call_{delta.index}" if delta.id is None else delta.id
        first = {"id": call_id, "type": "function"} if begins else {}
        return {"index": number, **first, "function": function}

    def _end(self, delta: Delta) -> bytes:
        response = delta.response
        finish = _finish(response) if response is not None else "stop"
        usage = _usage(response.usage if response is not None else delta.usage or MISSING, {})
        data = self._chunk({}, finish)
        if self._include_usage and usage:
            data += self._event({**self._said, "model": self._model, "choices": [], "usage": usage})
        return data + b"data: [DONE]\n\n"

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return self._event({**self._said, "model": self._model, "choices": [choice]})

    def _event(self, chunk: dict[str, Any]) -> bytes:
        return b"data: " + compact(chunk).encode() + b"\n\n"
