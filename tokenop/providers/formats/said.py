"""What a provider says when it fails, made fit to show: cut, cleaned, with the wait that it asks for."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from tokenop.providers.errors import (
    AuthError,
    BadRequestError,
    MalformedError,
    NotFoundError,
    OverloadedError,
    ProviderError,
    RateLimitedError,
    ServerError,
    TimedOutError,
    TooLongError,
)

LONGEST = 400
_KEY = re.compile(
    r"(?i)\b(?:(?:bearer|basic)\s+[^\s\"',;]{6,}|(?:sk|gsk|pk|rk|hf|r8|fw|tgp|xai|key|tok)[-_][A-Za-z0-9*_.\-]{6,})"
)
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]+")
_AGAIN = re.compile(r"(?i)(?:try again|retry)(?: again)? (?:in|after) ((?:\d+(?:\.\d+)?\s?(?:ms|h|m|s)[a-z]*\s?)+)")
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s?(ms|h|m|s)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def clean(text: str, longest: int = LONGEST) -> str:
    """Return one line without control characters and without what looks like a key, at most `longest` characters."""
    line = _UNSHOWN.sub(" ", text[: 8 * longest]).strip()
    line = _KEY.sub("[key]", line)
    return line if len(line) <= longest else line[: longest - 1] + "…"


def without(text: str, key: str | None) -> str:
    """Return `text` without the key, which a provider may send back."""
    return text.replace(key, "[key]") if key else text


def retry_after(headers: Mapping[str, str], message: str = "") -> float | None:
    """Return how many seconds to wait, as headers or words tell; None where neither does.

    `headers` have lower-case names. A date counts from the answer's own `date`, so that no clock is needed.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    said = headers.get("retry-after")
    seconds = _number(said)
    if seconds is not None:
        return seconds
    if said and (until := _until(said, headers.get("date"))) is not None:
        return until
    words = _AGAIN.search(message)
    if words is None:
        return None
    wait = sum(float(number) * _SECONDS[unit] for number, unit in _SPAN.findall(words[1].lower()))
    return wait if math.isfinite(wait) else None


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return max(number, 0.0) if math.isfinite(number) else None


def _until(said: str, now: str | None) -> float | None:
    try:
        return max((parsedate_to_datetime(said) - parsedate_to_datetime(now or "")).total_seconds(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return None


_BY_STATUS: Mapping[int, type[ProviderError]] = {
    401: AuthError,
    402: AuthError,
    403: AuthError,
    404: NotFoundError,
    413: TooLongError,
    429: RateLimitedError,
    498: OverloadedError,
    503: OverloadedError,
    529: OverloadedError,
}


def error_of(
    status: int, message: str, headers: Mapping[str, str], kind: type[ProviderError] | None = None
) -> ProviderError:
    """Return the error that `status` tells, or one of `kind` where the body says more than the status does."""
    lower = {name.lower(): value for name, value in headers.items()}
    detail = clean(message) or f"status {status}"
    request_id = lower.get("x-request-id") or lower.get("request-id")
    wait = retry_after(lower, message)
    more: dict[str, object] = {
        "status": status,
        "request_id": clean(request_id, 100) if request_id else None,
        "retry_after": wait,
    }
    if kind is None and status in {408, 504}:
        return TimedOutError(detail, phase="first_token", **more)
    if kind is None:
        kind = _BY_STATUS.get(status)
    if kind is None:
        kind = ServerError if status >= 500 else BadRequestError if status >= 400 else MalformedError
    return kind(detail, **more)  # type: ignore[arg-type]  # the same keywords
