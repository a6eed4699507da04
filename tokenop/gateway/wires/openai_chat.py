"""Callers who speak OpenAI's chat completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenop.gateway.model import Wire
from tokenop.gateway.wires import base, failing
from tokenop.gateway.wires.failing import Kind, Told
from tokenop.providers.formats.fields import compact, mapping
from tokenop.providers.formats.openai_chat import FORMAT
from tokenop.providers.formats.openai_chat.reading import read
from tokenop.providers.model import AsSent, Delta, Request, Response

# platform.openai.com/docs/guides/error-codes.
_TYPES: Mapping[Kind, str] = {
    "auth": "authentication_error",
    "billing": "insufficient_quota",
    "forbidden": "permission_error",
    "overloaded": "server_error",
    "rate_limited": "rate_limit_error",
    "server": "server_error",
    "timeout": "server_error",
}
_CODES: Mapping[Kind, str] = {"too_long": "context_length_exceeded", "refused": "content_filter"}
# What a client may send that asks for nothing beyond what every provider does: no reason to refuse the others.
_DEFAULTS: Mapping[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"],),
    "presence_penalty": (0,),
    "service_tier": ("auto", "default"),
    "store": (False,),
}
# For whoever keeps records of calls, which is the gateway.
_FOR_US = "metadata"
_MAY_TELL_NOTHING = frozenset({*_DEFAULTS, _FOR_US})


def _telling(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `body` without the fields that ask nothing of a provider."""
    if _MAY_TELL_NOTHING.isdisjoint(body):
        return body
    return {name: value for name, value in body.items() if name != _FOR_US and value not in _DEFAULTS.get(name, ())}


def error_body(told: Told) -> dict[str, Any]:
    """Return the object under `error`."""
    code = _CODES.get(told.kind, told.code)
    return {
        "message": told.message,
        "type": _TYPES.get(told.kind, "invalid_request_error"),
        "param": None,
        "code": code,
    }


def error_answer(raised: Exception) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body that tell a caller of OpenAI's wires of an error."""
    told = failing.told(raised)
    return told.status, {**base.JSON, **told.headers()}, compact({"error": error_body(told)}).encode()


class OpenAIWire:
    """See `CallerWire`."""

    name: Wire = "openai-chat"

    def read(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Request:  # noqa: ARG002 nothing is in them
        """Return the request. Raises BadRequestError naming the field."""
        return read(_telling(body), AsSent(FORMAT.name, body))

    def body(self, response: Response, answered_format: str | None = None, *, created: int = 0) -> bytes:
        """Return the body that says `response`. Raises CannotCarryError naming what this wire cannot say."""
        if response.raw is not None and answered_format in (None, FORMAT.name):
            return response.raw
        written = FORMAT.write_response(response)
        return compact({**written, "created": written["created"] or created}).encode()

    def stream(self, request: Request, *, created: int = 0) -> _Writer:
        """Return a writer of one streamed answer to `request`."""
        sent = request.as_sent.body if request.as_sent is not None else {}
        wanted = mapping(sent.get("stream_options")).get("include_usage") is True
        return _Writer(include_usage=wanted, created=created)

    def error(self, error: Exception) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body that tell a caller of `error`."""
        return error_answer(error)


class _Writer:
    """See `StreamWriter`."""

    def __init__(self, *, include_usage: bool, created: int) -> None:
        self._translated = FORMAT.writer(include_usage=include_usage, created=created)
        self._raw: bool | None = None

    def write(self, delta: Delta) -> bytes:
        if self._raw is None:
            self._raw = delta.raw is not None
        return (delta.raw or b"") if self._raw else self._translated.write(delta)

    def fail(self, error: Exception) -> bytes:
        return b"data: " + compact({"error": error_body(failing.told(error))}).encode() + b"\n\n"

    def comment(self, text: str) -> bytes:
        return base.comment(text)
