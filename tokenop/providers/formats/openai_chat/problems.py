"""What a server of chat completions says when it fails."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tokenop.providers.errors import (
    AuthError,
    BadRequestError,
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

# platform.openai.com/docs/guides/error-codes and console.groq.com/docs/errors; the code says more than the status.
_BY_CODE: Mapping[str, type[ProviderError]] = {
    "invalid_api_key": AuthError,
    # Asking again does not help until somebody pays.
    "insufficient_quota": AuthError,
    "billing_hard_limit_reached": AuthError,
    "model_not_found": NotFoundError,
    "model_decommissioned": NotFoundError,
    "context_length_exceeded": TooLongError,
    "string_above_max_length": TooLongError,
    "request_too_large": TooLongError,
    "content_filter": RefusedError,
    "content_policy_violation": RefusedError,
    "moderation_blocked": RefusedError,
    "rate_limit_exceeded": RateLimitedError,
    "server_overloaded": OverloadedError,
    "over_capacity": OverloadedError,
    "server_error": ServerError,
    # The model wrote a call that does not fit the tool's schema, or none where one was asked for: it may do better.
    "tool_use_failed": MalformedError,
    "json_validate_failed": MalformedError,
}
# vLLM, SGLang, llama.cpp and Together give no code; these are their words.
_TOO_LONG = re.compile(
    r"(?i)maximum context length|prompt is too long|longer than the model's context"
    r"|context (?:length|size|window)[^.]{0,40}exceed|exceeds? (?:the )?(?:available |maximum )?context"
    r"|`?inputs`? tokens? \+ `?max_new_tokens"
)


def read(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Return the error that a status other than 2xx tells; `body` may be anything."""
    try:
        answer: Mapping[str, Any] = object_of(body)
    except MalformedError:
        # A page of HTML of some proxy says nothing that its status does not.
        text = body[:2000].decode("utf-8", errors="replace")
        return error_of(status, "" if "<" in text[:200] else text, headers)
    return of_body(status, headers, answer)


def of_body(status: int, headers: Mapping[str, str], answer: Mapping[str, Any]) -> ProviderError:
    """Return the error that `answer` tells. An error that comes with status 200 may hold its own."""
    raw = answer.get("error")
    error = mapping(raw) or answer
    message = raw if isinstance(raw, str) else _message(error)
    code, kind = error.get("code"), error.get("type")
    if status < 300:
        said = next((n for n in (code, error.get("status_code")) if isinstance(n, int) and 400 <= n < 600), 500)
        status = said
    words = [word for word in (code, kind) if isinstance(word, str)]
    found = next((_BY_CODE[word] for word in words if word in _BY_CODE), None)
    if status == 413 or (status == 429 and found is TooLongError):
        # Groq answers 413 to a request that is larger than its limit of tokens a minute: asking again cannot help.
        found = TooLongError
    if found is None and status in {400, 422} and _TOO_LONG.search(message):
        found = TooLongError
    if found in {ServerError, OverloadedError} and status < 500:
        found = found if found is OverloadedError else None
    if isinstance(code, str) and code and code not in message:
        message = f"{code}: {message}"
    return error_of(status, message, headers, found or (BadRequestError if status == 422 else None))


def _message(error: Mapping[str, Any]) -> str:
    for name in ("message", "detail", "error_message"):
        value = error.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, list | dict) and value:
            # FastAPI's list of what is wrong with which field.
            first = value[0] if isinstance(value, list) else value
            return str(mapping(first).get("msg") or mapping(first).get("message") or "")
    return ""
