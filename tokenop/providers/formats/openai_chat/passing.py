"""What a caller put on this wire, for any server that speaks it: word for word, but for what that calls otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenop.providers import presets
from tokenop.providers.base import Target, WireRequest
from tokenop.providers.formats.fields import mapping
from tokenop.providers.formats.openai_chat.marks import NAME
from tokenop.providers.formats.openai_chat.writing import HEADERS, NOT_OURS
from tokenop.providers.model import AsSent, Request

_LIMITS = ("max_completion_tokens", "max_tokens")
_THOUGHTS = ("reasoning", "reasoning_content")
# What a caller says of a call to whoever keeps its record; OpenAI takes it with what it stores alone.
_RECORDED = "metadata"


def pass_on(sent: AsSent, request: Request, target: Target) -> WireRequest | None:
    """Return what was sent, for `target`'s model.

    The limit of tokens gets the server's name for it, a stream tells its usage, and the target's `extra_body` fills in
    what is not said. None where the server needs more than that: the request is then written anew, or refused by name.
    """
    if sent.format != NAME:
        return None
    quirks = presets.quirks(target)
    body = dict(sent.body)
    messages = _messages(body.get("messages"), quirks, openai=_is_openai(target))
    if messages is None or (not quirks.top_k and body.get("top_k") is not None):
        return None
    if not quirks.schema_answers and body.get("response_format") is not None:
        return None
    limits = [body.pop(name) for name in _LIMITS if name in body]
    limit = next((one for one in limits if one is not None), None)
    if limit is not None:
        body[quirks.max_tokens] = limit
    if _RECORDED in body and not (_is_openai(target) and body.get("store") is True):
        del body[_RECORDED]
    body |= {"model": target.model or request.model, "messages": messages, "stream": request.stream}
    if not request.stream:
        body.pop("stream_options", None)
    elif quirks.usage_on_request:
        body["stream_options"] = {**mapping(body.get("stream_options")), "include_usage": True}
    beside = target.options.get("extra_body")
    if isinstance(beside, Mapping):
        body = {**{name: value for name, value in beside.items() if name not in NOT_OURS}, **body}
    return WireRequest("POST", "/chat/completions", HEADERS, body)


def _is_openai(target: Target) -> bool:
    return target.options.get("preset") == "openai"


def _messages(sent: Any, quirks: presets.Quirks, *, openai: bool) -> list[Any] | None:
    """Return the messages as the server takes them, the same list where it takes them all; None where it does not."""
    if not isinstance(sent, list):
        return None
    changed: list[Any] | None = None
    for at, message in enumerate(sent):
        if not isinstance(message, dict):
            return None
        role = message.get("role")
        if role == "assistant":
            if any(message.get(name) and name != quirks.reasoning for name in _THOUGHTS):
                return None
            if quirks.wordless or message.get("content") is not None:
                continue
            message = {**message, "content": ""}
        elif role == "developer" and not openai:
            message = {**message, "role": "system"}
        else:
            continue
        changed = list(sent) if changed is None else changed
        changed[at] = message
    return sent if changed is None else changed
