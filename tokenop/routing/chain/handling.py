"""What a chain does on each error: the table that the machine works by, and that docs/fallback.md shows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from tokenop.providers import errors
from tokenop.providers.errors import ProviderError
from tokenop.routing.chain.breaker import Verdict

Again = Literal["soon", "last", "never"]
Charge = Literal["nothing", "estimated"]
Fault = Literal["passing", "request", "setup"]


class Handling(NamedTuple):
    """What an error means for the chain.

    `again`: whether the same target is asked again: `soon` (after a short wait, before the next), `last` (only when
    nobody else is left), `never`. `health`: what the circuit breaker is told. `charge`: whether a call that ended so
    before its first token is taken to cost something. `fault`: which error a caller is shown when all fail: a `passing`
    one first (asking later may help), then one of the `request`, then one of the `setup`.
    """

    again: Again
    health: Verdict
    charge: Charge
    fault: Fault
    why: str


HANDLING: Mapping[str, Handling] = MappingProxyType(
    {
        errors.NotUsableError.kind: Handling(
            "never", "unknown", "nothing", "setup", "Nothing was sent: a key, a program or an SDK is missing."
        ),
        errors.AuthError.kind: Handling(
            "never", "failed", "nothing", "setup", "The key will not be better the second time."
        ),
        errors.RateLimitedError.kind: Handling(
            "last", "failed", "nothing", "passing", "Another provider answers at once; this one wants to be left alone."
        ),
        errors.OverloadedError.kind: Handling(
            "last", "failed", "nothing", "passing", "It has no room; asking again at once adds to the load."
        ),
        errors.ServerError.kind: Handling(
            "soon", "failed", "estimated", "passing", "Often gone at the second try; what it had read may be billed."
        ),
        errors.ConnectionFailedError.kind: Handling(
            "soon", "failed", "estimated", "passing", "Often gone at the second try; free where nobody was reached."
        ),
        errors.TimedOutError.kind: Handling(
            "last", "failed", "estimated", "passing", "Whoever was slow once is asked again only when nobody is left."
        ),
        errors.NotFoundError.kind: Handling(
            "never", "failed", "nothing", "setup", "The provider does not have this model."
        ),
        errors.TooLongError.kind: Handling(
            "never", "answered", "nothing", "request", "Another model may take more; the provider is well."
        ),
        errors.BadRequestError.kind: Handling(
            "never", "answered", "nothing", "request", "Another wire may take it; the provider is well."
        ),
        errors.RefusedError.kind: Handling(
            "never", "answered", "estimated", "request", "Another provider may allow it; some bill what they refuse."
        ),
        errors.MalformedError.kind: Handling(
            "soon", "failed", "estimated", "passing", "An answer came and may be billed, but it cannot be read."
        ),
        errors.CannotCarryError.kind: Handling(
            "never", "unknown", "nothing", "request", "Nothing was sent: this wire has no words for the request."
        ),
        errors.MissingRecordingError.kind: Handling(
            "never", "unknown", "nothing", "setup", "Nothing was sent: no answer is recorded."
        ),
        ProviderError.kind: Handling(
            "never", "failed", "estimated", "setup", "Something that nobody foresaw; the next provider may do."
        ),
    }
)
# Errors whose cause says that no connection came about, by the names that the libraries under the SDKs give them.
NOBODY_REACHED = frozenset(
    {"ConnectError", "ConnectTimeout", "ConnectionRefusedError", "ClientConnectorError", "gaierror"}
)


def handling(error: ProviderError) -> Handling:
    """Return what `error` means; a kind that is not in the table counts as unforeseen."""
    return HANDLING.get(error.kind, HANDLING[ProviderError.kind])


def costs_nothing(error: ProviderError) -> bool:
    """Return whether a call that ended with `error` is sure to have cost nothing."""
    if error.after_first_token:
        return False
    if handling(error).charge == "nothing":
        return True
    if isinstance(error, errors.TimedOutError):
        return error.phase == "connect"
    return isinstance(error, errors.ConnectionFailedError) and _nobody_reached(error)


def _nobody_reached(error: ProviderError) -> bool:
    below: BaseException | None = error
    for _ in range(10):
        below = below.__cause__ or below.__context__ if below else None
        if below is not None and any(kind.__name__ in NOBODY_REACHED for kind in type(below).__mro__):
            return True
    return False


def worst(failures: list[ProviderError]) -> ProviderError:
    """Return the error to show when all failed: see `fault` of `Handling`; soonest `retry_after`, else the first."""
    order: tuple[Fault, ...] = ("passing", "request", "setup")
    ranked = min(order.index(handling(error).fault) for error in failures)
    same = [error for error in failures if order.index(handling(error).fault) == ranked]
    return min(same, key=lambda error: float("inf") if error.retry_after is None else error.retry_after)
