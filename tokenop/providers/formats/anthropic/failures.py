"""What Anthropic says when it fails, as our errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tokenop.providers.errors import (
    AuthError,
    MalformedError,
    NotFoundError,
    OverloadedError,
    ProviderError,
    RateLimitedError,
    RefusedError,
    ServerError,
    TooLongError,
)
from tokenop.providers.formats.fields import mapping, object_of
from tokenop.providers.formats.said import error_of

# The `type` of an error, with the status that it comes with; in a stream it comes without.
_TYPES: Mapping[str, tuple[int, type[ProviderError] | None]] = {
    "api_error": (500, ServerError),
    "authentication_error": (401, AuthError),
    "billing_error": (402, AuthError),
    "invalid_request_error": (400, None),
    "not_found_error": (404, NotFoundError),
    "overloaded_error": (529, OverloadedError),
    "permission_error": (403, AuthError),
    "rate_limit_error": (429, RateLimitedError),
    "request_too_large": (413, TooLongError),
    "timeout_error": (504, None),
}
# An `invalid_request_error` whose words say more than its type.
_WORDS: tuple[tuple[re.Pattern[str], type[ProviderError]], ...] = (
    (re.compile(r"prompt is too long|exceeds? (?:the )?context (?:limit|window)|too many total text"), TooLongError),
    (re.compile(r"blocked by content filtering policy"), RefusedError),
    (re.compile(r"credit balance is too low|specified API usage limits"), AuthError),
)


def of_response(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Return the error that a status other than 2xx tells."""
    try:
        told = object_of(body)
    except MalformedError:
        told = {}
    if not isinstance(told.get("error"), dict):
        return error_of(status, body.decode("utf-8", "replace"), headers)
    return _error(told, status, headers)


def of_event(told: Mapping[str, Any]) -> ProviderError:
    """Return the error that an `error` event of a stream tells."""
    return _error(told, None, {})


def _error(told: Mapping[str, Any], status: int | None, headers: Mapping[str, str]) -> ProviderError:
    error = mapping(told.get("error"))
    message, name = (said if isinstance(said, str) else "" for said in (error.get("message"), error.get("type")))
    usual, kind = _TYPES.get(name, (500, ServerError))
    if name == "invalid_request_error":
        kind = next((kind for words, kind in _WORDS if words.search(message)), None)
    elif name not in _TYPES and status is not None:
        kind = None
    request_id = told.get("request_id")
    if isinstance(request_id, str):
        headers = {"request-id": request_id, **{key.lower(): value for key, value in headers.items()}}
    return error_of(usual if status is None else status, message or name, headers, kind)
