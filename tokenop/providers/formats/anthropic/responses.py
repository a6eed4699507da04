"""Answers of the Messages API and canonical responses, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenop.providers.errors import BadRequestError, CannotCarryError, MalformedError
from tokenop.providers.formats.anthropic import failures, parts, usage
from tokenop.providers.formats.fields import arguments_of, compact, object_of
from tokenop.providers.model import FinishReason, Part, Response, ToolCall

FINISHES: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refused",
    "pause_turn": "paused",
    "compaction": "paused",
}
_STOP_REASONS: Mapping[FinishReason, str] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "refused": "refusal",
    "paused": "pause_turn",
}
_KNOWN = frozenset({"id", "type", "role", "model", "content", "stop_reason", "usage"})


def read(body: bytes) -> Response:
    """Return the answer that `body` is.

    Raises:
        MalformedError: it is no message.
        ProviderError: it is an error, although the status said otherwise.
    """
    message = object_of(body)
    if message.get("type") == "error":
        raise failures.of_event(message)
    content = message.get("content")
    if not isinstance(content, list):
        raise MalformedError("the answer has no content")
    found = tuple(read_part(block, f"content[{number}]") for number, block in enumerate(content))
    return assembled(message, found)


def read_part(block: Any, where: str) -> Part:
    """Return the part that a block of an answer is. Raises MalformedError."""
    if not isinstance(block, dict):
        raise MalformedError(f"{where}: must be an object")
    arguments = block.get("input")
    if block.get("type") == "tool_use" and not isinstance(arguments, dict):
        raw = arguments if isinstance(arguments, str) else compact(arguments)
        return with_arguments(block, raw, where)
    try:
        return parts.read_block(block, where)
    except BadRequestError as error:
        raise MalformedError(error.detail) from error


def with_arguments(block: Mapping[str, Any], raw: str, where: str) -> ToolCall:
    """Return the call of a `tool_use` block whose arguments are the text `raw`, which may be no JSON object."""
    arguments = arguments_of(raw)
    call = read_part({**block, "input": arguments or {}}, where)
    if not isinstance(call, ToolCall):
        raise MalformedError(f"{where}: must be a tool_use block")
    return call if arguments is not None else ToolCall(call.id, call.name, None, raw, call.cache, call.extra)


def assembled(message: Mapping[str, Any], found: tuple[Part, ...]) -> Response:
    """Return the response of a `message` object whose parts are read. Raises MalformedError."""
    model, message_id, reason = message.get("model"), message.get("id"), message.get("stop_reason")
    if not isinstance(model, str):
        raise MalformedError("the answer does not say its model")
    extra = {name: value for name, value in message.items() if name not in _KNOWN and value is not None}
    if more := usage.rest(message.get("usage")):
        extra["usage"] = more
    return Response(
        model=model,
        parts=found,
        finish=FINISHES.get(reason, "unknown") if isinstance(reason, str) else "unknown",
        usage=usage.read(message.get("usage")),
        id=message_id if isinstance(message_id, str) else None,
        native_finish=reason if isinstance(reason, str) else None,
        extra=extra,
    )


def stop_reason(response: Response) -> str | None:
    """Return Anthropic's word for why the answer ended; another wire's own word only where nothing else is known."""
    if response.native_finish is not None and FINISHES.get(response.native_finish) == response.finish:
        return response.native_finish
    return _STOP_REASONS.get(response.finish, response.native_finish)


def write(response: Response) -> dict[str, Any]:
    """Return the body that says `response` on this wire.

    Raises:
        CannotCarryError: it names everything that this wire cannot say.
    """
    lost: list[str] = []
    content = parts.write_content(response.parts, "content", lost)
    if lost:
        raise CannotCarryError("Anthropic's messages cannot say " + "; ".join(lost))
    extra = {name: value for name, value in response.extra.items() if name != "usage"}
    for block in content:
        if block["type"] == "thinking":
            block.setdefault("signature", "")  # the SDK's type demands one
    return {
        "id": response.id,
        "type": "message",
        "role": "assistant",
        "model": response.model,
        "content": content,
        "stop_reason": stop_reason(response),
        "stop_sequence": None,
        **extra,
        "usage": full_usage(response),
    }


def full_usage(response: Response) -> dict[str, Any]:
    """Return the `usage` object of a response, with what only this wire knows of it."""
    more = response.extra.get("usage")
    return {**(more if isinstance(more, Mapping) else {}), **usage.write(response.usage)}
