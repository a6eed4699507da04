"""Callers who speak Anthropic's Messages API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tokenop.gateway.model import Wire
from tokenop.gateway.wires import base, failing
from tokenop.gateway.wires.failing import Kind, Told
from tokenop.providers.errors import BadRequestError
from tokenop.providers.formats.anthropic import FORMAT
from tokenop.providers.formats.anthropic.requests import read
from tokenop.providers.formats.fields import compact
from tokenop.providers.model import NOTHING, AsSent, Delta, Request, Response, Usage

# docs: api/errors; each with the status that it comes with.
_TYPES: Mapping[Kind, tuple[str, int | None]] = {
    "auth": ("authentication_error", 401),
    "billing": ("billing_error", 402),
    "forbidden": ("permission_error", 403),
    "not_found": ("not_found_error", 404),
    "overloaded": ("overloaded_error", 529),
    "rate_limited": ("rate_limit_error", 429),
    "server": ("api_error", None),
    "timeout": ("timeout_error", 504),
    "too_large": ("request_too_large", 413),
}
_VERSION = re.compile(r"\d{4}-\d\d-\d\d\Z")
_BETA = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,100}\Z")
_MOST_BETAS = 50
# What an answer of this wire says beside its content.
_FIELDS = frozenset({"container", "context_management", "stop_details", "stop_sequence", "usage"})
_NONE_YET = Usage(0, 0)


def error_body(told: Told) -> dict[str, Any]:
    """Return the body that tells of an error; an event of a stream holds the same."""
    kind, _ = _TYPES.get(told.kind, ("invalid_request_error", None))
    message = told.message
    if told.kind == "too_long" and "prompt is too long" not in message:
        # The words that Anthropic's own clients look for.
        message = f"prompt is too long: {message}"
    return {"type": "error", "error": {"type": kind, "message": message}}


class AnthropicWire:
    """See `CallerWire`."""

    name: Wire = "anthropic-messages"

    def read(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Request:
        """Return the request. Raises BadRequestError naming the field."""
        betas, kept = _headers(headers)
        return read({**body, "betas": betas} if betas else body, AsSent(FORMAT.name, body, kept))

    def body(self, response: Response, answered_format: str | None = None, *, created: int = 0) -> bytes:  # noqa: ARG002 this wire says no time
        """Return the body that says `response`. Raises CannotCarryError naming what this wire cannot say."""
        if response.raw is not None and answered_format in (None, FORMAT.name):
            return response.raw
        known = response if answered_format == FORMAT.name else _own(response)
        known = replace(known, usage=_in_numbers(known.usage))
        return compact(FORMAT.write_response(known)).encode()

    def stream(self, request: Request, *, created: int = 0) -> _Writer:  # noqa: ARG002 this wire says neither
        """Return a writer of one streamed answer to `request`."""
        return _Writer()

    def error(self, error: Exception) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body that tell a caller of `error`."""
        told = failing.told(error)
        _, usual = _TYPES.get(told.kind, ("", None))
        return usual or told.status, {**base.JSON, **told.headers()}, compact(error_body(told)).encode()


class _Writer:
    """See `StreamWriter`."""

    def __init__(self) -> None:
        self._translated = FORMAT.writer()
        self._raw: bool | None = None
        self._begun = False

    def write(self, delta: Delta) -> bytes:
        if self._raw is None:
            self._raw = delta.raw is not None
        if self._raw:
            return delta.raw or b""
        begun = b""
        if not self._begun:
            self._begun = True
            if delta.kind != "start":
                begun = self._translated.write(Delta("start", usage=_NONE_YET))
            else:
                delta = replace(delta, usage=_in_numbers(delta.usage))
        if delta.response is not None:
            own = _own(delta.response)
            delta = replace(delta, response=replace(own, usage=_in_numbers(own.usage)))
        return begun + self._translated.write(delta)

    def fail(self, error: Exception) -> bytes:
        return b"event: error\ndata: " + compact(error_body(failing.told(error))).encode() + b"\n\n"

    def comment(self, text: str) -> bytes:
        return base.comment(text)


# This wire's clients expect numbers, also before anybody has counted; the log says what is unknown.
def _in_numbers(usage: Usage | None) -> Usage:
    if usage is None:
        return _NONE_YET
    return replace(usage, input_tokens=usage.input_tokens or 0, output_tokens=usage.output_tokens or 0)


def _own(response: Response) -> Response:
    """Return an answer of whatever wire without the fields that only another one may have."""
    if response.extra.keys() <= _FIELDS:
        return response
    return replace(response, extra={name: value for name, value in response.extra.items() if name in _FIELDS})


def _headers(headers: Mapping[str, str]) -> tuple[list[str], Mapping[str, str]]:
    """Return the betas that the caller asks for, and the headers that only this wire's providers understand."""
    version, named = headers.get("anthropic-version"), headers.get("anthropic-beta")
    if version is None and named is None:
        return [], NOTHING
    kept = {}
    if version is not None:
        if not _VERSION.match(version):
            raise BadRequestError("anthropic-version: must be a day such as 2023-06-01")
        kept["anthropic-version"] = version
    betas = list(dict.fromkeys(word for each in (named or "").split(",") if (word := each.strip())))
    if len(betas) > _MOST_BETAS or not all(map(_BETA.match, betas)):
        raise BadRequestError("anthropic-beta: must be names separated by commas")
    if betas:
        kept["anthropic-beta"] = ",".join(betas)
    return betas, kept
