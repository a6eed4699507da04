"""What a caller is told when there is no answer: one status and one kind for each error, whichever wire tells it.

The statuses are those from which the vendors' own SDKs make their exceptions. What is a matter of asking again later
says so; where asking again changes nothing, `x-should-retry` keeps the SDKs from doing so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tokenop.gateway.model import RefusedCallError
from tokenop.providers.errors import ProviderError
from tokenop.providers.formats.said import clean
from tokenop.routing.deciding import NotAllowedError

Kind = Literal[
    "auth",
    "bad_request",
    "billing",
    "forbidden",
    "not_found",
    "overloaded",
    "rate_limited",
    "refused",
    "server",
    "timeout",
    "too_large",
    "too_long",
]
LONGEST = 2000
# The error's kind: the caller's status, what it is, and whether asking again may help.
_PROVIDERS: Mapping[str, tuple[int, Kind, bool]] = {
    "auth": (401, "auth", False),
    "bad_request": (400, "bad_request", False),
    "cannot_carry": (400, "bad_request", False),
    "connection": (502, "server", True),
    "malformed": (502, "server", True),
    "missing_recording": (404, "not_found", False),
    "not_found": (404, "not_found", False),
    "not_usable": (503, "server", False),
    "overloaded": (503, "overloaded", True),
    "rate_limited": (429, "rate_limited", True),
    "refused": (400, "refused", False),
    "server": (502, "server", True),
    "timeout": (504, "timeout", True),
    "too_long": (400, "too_long", False),
}
_BY_STATUS: Mapping[int, Kind] = {
    401: "auth",
    402: "billing",
    403: "forbidden",
    404: "not_found",
    408: "timeout",
    413: "too_large",
    429: "rate_limited",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a caller is told. `code` is a word for programs, `retry_after` in seconds, None where nobody says.

    `own` is True where the gateway refuses, and no provider was wrong.
    """

    status: int
    kind: Kind
    code: str
    message: str
    again: bool = False
    retry_after: float | None = None
    own: bool = False

    def headers(self) -> dict[str, str]:
        """Return the headers that say when to ask again, and whether to."""
        said = {} if self.again else {"x-should-retry": "false"}
        if self.retry_after is None or not math.isfinite(self.retry_after):
            return said
        seconds = max(self.retry_after, 0.0)
        return {**said, "retry-after": str(math.ceil(seconds)), "retry-after-ms": str(math.ceil(seconds * 1000))}


def told(error: Exception) -> Told:
    """Return what a caller is told of `error`. Of one that nobody foresaw nothing but that there was one."""
    if isinstance(error, RefusedCallError):
        kind = _BY_STATUS.get(error.status, "server" if error.status >= 500 else "bad_request")
        again = error.retry_after is not None
        return Told(error.status, kind, error.kind, _shown(error), again, error.retry_after, own=True)
    if isinstance(error, NotAllowedError):
        return Told(404, "not_found", "model_not_found", _shown(error), own=True)
    if isinstance(error, ProviderError):
        return _of_provider(error)
    return Told(500, "server", "internal_error", "the gateway failed; its log says why", own=True)


def _of_provider(error: ProviderError) -> Told:
    status, kind, again = _PROVIDERS.get(error.kind, (502, "server", True))
    said = error.status
    if said in {401, 402, 403} and kind == "auth":
        status, kind = said, _BY_STATUS[said]
    elif said == 413 and kind == "too_long":
        status, kind = 413, "too_large"
    elif said is not None and 500 <= said < 600 and kind == "server" and again:
        status = said
    elif said == 422 and kind == "bad_request":
        status = 422
    elif said in {400, 422} and error.kind == "malformed":
        # Groq: the model wrote a call that does not fit its tool's schema.
        status, kind, again = said, "bad_request", False
    return Told(status, kind, error.kind, _shown(error), again, error.retry_after)


def _shown(error: Exception) -> str:
    return clean(str(error), LONGEST) or type(error).__name__
