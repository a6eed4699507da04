"""Trying again: how often, how long apart, and what a server's `Retry-After` counts for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random
from typing import TypeVar

from tokenop.extract.model import ExtractError, Waiter

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits of trying again, in seconds.

    Attributes:
        attempts: how often one question is asked.
        first: back-off before the second attempt; it doubles each time.
        longest: largest back-off.
        longest_asked: largest `Retry-After` that is honoured; a longer one ends the run.
        total: largest sum of all waits for one question.
    """

    attempts: int = 8
    first: float = 1.0
    longest: float = 60.0
    longest_asked: float = 900.0
    total: float = 1800.0


class Transient(Exception):  # noqa: N818 - not an error yet
    """One attempt that failed in a way that may pass.

    Attributes:
        error: what to raise when no attempt is left.
        after: seconds that the server asks to wait, None where it does not say.
    """

    def __init__(self, error: ExtractError, after: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after


def attempt(step: Callable[[], T], wait: Waiter, random: Random, policy: Policy | None = None) -> T:
    """Return what `step` returns, calling it again while it raises `Transient` and the policy allows.

    Half of a back-off is fixed and half is drawn from `random`, so that many clients do not come back at once; a
    `Retry-After` is waited for in full.

    Raises:
        ExtractError: the last failure's, once attempts or waiting time are used up.
    """
    import tenacity

    limits = policy or Policy()
    reasons: list[str] = []

    def seconds(state: tenacity.RetryCallState) -> float:
        failure = _failure(state)
        reasons.append(str(failure.error))
        pause = min(limits.longest, limits.first * 2.0 ** (state.attempt_number - 1))
        drawn = pause / 2 + random.uniform(0, pause / 2)
        return failure.after or drawn

    def enough(state: tenacity.RetryCallState) -> bool:
        after = _failure(state).after or 0.0
        waited = state.idle_for + max(after, state.upcoming_sleep)
        return state.attempt_number >= limits.attempts or after > limits.longest_asked or waited > limits.total

    again = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Transient),
        wait=seconds,
        stop=enough,
        sleep=lambda pause: wait(pause, reasons[-1]),
        reraise=True,
    )
    try:
        return again(step)
    except Transient as failure:
        raise failure.error from None


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that an answer's `Retry-After` asks for: given as such, or as an HTTP date.

    A date counts from the answer's own `Date` where it has one, so that a wrong clock here does not matter; a date
    that has passed gives 0. None: there is none, or it is neither.
    """
    text = headers.get("retry-after", "").strip()
    if text.replace(".", "", 1).isdecimal() and text.isascii():
        return float(text)
    until = _date(text)
    if until is None:
        return None
    return max(0.0, (until - (_date(headers.get("date", "")) or now)).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)


def _failure(state: object) -> Transient:
    outcome = getattr(state, "outcome", None)
    failure = outcome.exception() if outcome is not None else None
    assert isinstance(failure, Transient)
    return failure
