"""The chain of one operation as a machine: it decides who is asked next, and leaves asking to its driver.

No I/O, no clock, no randomness of its own: time and draws are told. A driver goes round: `next()`, do what it says,
tell what came of it (`succeeded`, `failed`, `abandoned`), until it gives up or has an answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import NotUsableError, ProviderError, TimedOutError
from tokenop.routing.chain.breaker import Breakers, Pass, Ticker
from tokenop.routing.chain.handling import handling, worst
from tokenop.routing.chain.model import Action, GiveUp, Policy, Try, Unavailable, Wait

MOST_DOUBLINGS = 30


@dataclass(slots=True)
class _Place:
    """A usable target of the chain, and how it went with it."""

    target: Target
    timeouts: Timeouts
    tries: int = 0
    error: ProviderError | None = None
    ready_at: float | None = None  # when the provider said that it may be asked again


class Chain:
    """Who is asked for one operation, in which order. Not safe to share between threads; `breakers` is.

    Each usable target gets a try before the call is lost, one with an open circuit after all others. Tries of a target
    that was asked before come from the budget that these first tries leave. So there are at most
    max(1 + budget, targets) attempts and at most `budget` waits, none longer than `max_backoff_seconds`.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        policy: Policy,
        breakers: Breakers,
        *,
        draw: Callable[[], float],
        usable: Callable[[Target], str | None] | None = None,
    ) -> None:
        """Take the targets that may be asked.

        Args:
            targets: in the order in which they are asked.
            policy: how far the chain may go.
            breakers: the circuits that all chains share.
            draw: a number in [0, 1) each time, for the jitter of waits.
            usable: None for a target that can be asked, else the reason why not.
        """
        self.policy = policy
        self.breakers = breakers
        self.attempts = 0
        self.waited = 0.0
        self.unavailable: list[Unavailable] = []
        self._draw = draw
        self._waits = 0
        self._ticker = Ticker()
        self._places: list[_Place] = []
        for target in targets if policy.fallback else targets[:1]:
            reason = usable(target) if usable else None
            if reason is None:
                self._places.append(_Place(target, policy.timeouts_of(target)))
            else:
                self.unavailable.append(Unavailable(target, reason))
        self._failures: list[ProviderError] = []
        self._flying: tuple[_Place, Pass] | None = None
        self._last: _Place | None = None
        self._waiting_for: _Place | None = None
        self._passed_on = False
        self._lost: ProviderError | None = None
        self._over = False

    def next(self, now: float) -> Action:
        """Return what to do at the time `now`, in seconds."""
        if self._flying is not None or (self._over and self._lost is None):
            raise RuntimeError("a chain is asked for the next step only while it waits for one")
        time = self._ticker.at(now)
        left = math.inf if self.policy.deadline is None else self.policy.deadline - time
        if self._lost is None and left <= 0:
            late = TimedOutError("the whole operation took too long", phase="total")
            return self._give_up(worst(self._failures) if self._failures else late)
        if self._lost is not None:
            return self._give_up(self._lost)
        waited_for, self._waiting_for = self._waiting_for, None
        if waited_for is not None and (given := self._let_in(waited_for, now, rested=True)):
            return self._try(waited_for, given, left)
        if waited_for is None and self._last is not None and (wait := self._soon(self._last, now)) is not None:
            return self._wait(self._last, wait, left) or self._next_one(now, left)
        return self._next_one(now, left)

    def _next_one(self, now: float, left: float) -> Action:
        for place in self._places:
            if not place.tries and (given := self._let_in(place, now)):
                return self._try(place, given, left)
        for wait, _, place in sorted(
            (wait, number, place)
            for number, place in enumerate(self._places)
            if (wait := self._later(place, now)) is not None
        ):
            if action := self._wait(place, wait, left):
                return action
        untried = [place for place in self._places if not place.tries]
        if untried:
            place = min(untried, key=lambda one: self.breakers.last_failed(one.target))
            return self._try(place, self.breakers.force(place.target), left)
        return self._give_up(worst(self._failures) if self._failures else self._nobody())

    def _let_in(self, place: _Place, now: float, *, rested: bool = False) -> Pass | None:
        given = self.breakers.admit(place.target, now, place.timeouts.total)
        if given is None and rested and self.breakers.door(place.target, now) == "resting":
            # It said itself how long to wait, and that is over by our clock.
            return self.breakers.force(place.target)
        return given

    def _may_repeat(self, place: _Place) -> bool:
        retry = self.policy.retry
        reserved = sum(1 for one in self._places if not one.tries)
        return 0 < place.tries < retry.attempts and self.attempts + reserved <= retry.budget

    def _soon(self, place: _Place, now: float) -> float | None:
        """Return how long to wait before the target that just failed is asked again; None where others come first."""
        error = place.error
        if error is None or handling(error).again != "soon" or not error.again or place.ready_at is not None:
            return None
        if not self._may_repeat(place) or self.breakers.door(place.target, now) != "closed":
            return None
        return self._backoff(place)

    def _later(self, place: _Place, now: float) -> float | None:
        """Return how long to wait before a target is asked again because nobody else is left; None where it is not."""
        error = place.error
        if error is None or not error.again or handling(error).again == "never" or not self._may_repeat(place):
            return None
        if self.breakers.door(place.target, now) not in ("closed", "resting"):
            return None
        if place.ready_at is None:
            return self._backoff(place)
        wait = max(0.0, place.ready_at - self._ticker.at(now))
        return wait if wait <= self.policy.retry.max_backoff_seconds else None

    def _backoff(self, place: _Place) -> float:
        retry = self.policy.retry
        doubled = retry.backoff_seconds * 2.0 ** min(place.tries - 1, MOST_DOUBLINGS)
        return self._draw() * min(retry.max_backoff_seconds, doubled)

    def _wait(self, place: _Place, seconds: float, left: float) -> Wait | None:
        # Where other calls keep closing the door behind a wait, waits must end too.
        if seconds >= left or self._waits >= self.policy.retry.budget:
            return None
        self._waits += 1
        self._waiting_for = place
        self.waited += seconds
        return Wait(seconds)

    def _try(self, place: _Place, given: Pass, left: float) -> Try:
        place.tries += 1
        self.attempts += 1
        self._flying, self._last = (place, given), place
        timeouts = place.timeouts
        if left < timeouts.total:
            timeouts = Timeouts(min(timeouts.connect, left), min(timeouts.first_token, left), left)
        return Try(place.target, self.attempts, timeouts, last_resort=given.kind == "forced")

    def _nobody(self) -> NotUsableError:
        reasons = "; ".join(f"{one.target.name}: {one.reason}" for one in self.unavailable)
        return NotUsableError(f"no provider of the chain can be asked: {reasons or 'the chain is empty'}")

    def _give_up(self, error: ProviderError) -> GiveUp:
        self._over, self._lost = True, error
        self._forget()
        # Where it was raised its request is held, which would hold it in turn.
        return GiveUp(error.with_traceback(None))

    def _forget(self) -> None:
        """Let go of what went wrong: nobody asks for it any more."""
        self._failures.clear()
        for place in self._places:
            place.error = None

    def first_token(self) -> None:
        """Take note that part of the answer was passed on to the caller."""
        self._passed_on = True

    def succeeded(self, now: float) -> None:
        """Take note that the attempt was answered in full."""
        self._breaker(now, None)
        self._over = True
        self._forget()

    def failed(self, error: ProviderError, now: float) -> None:
        """Take note that the attempt failed."""
        self._failures.append(error)
        place = self._breaker(now, error)
        place.error = error
        seconds = error.retry_after
        if seconds is not None and math.isfinite(seconds) and seconds > 0:
            place.ready_at = self._ticker.at(now) + seconds
        else:
            place.ready_at = None
        begun = error.after_first_token or self._passed_on
        if not error.moves_on or (begun and not self.policy.retry.after_first_token):
            self._lost = error

    def abandoned(self, now: float) -> None:
        """Take note that the caller went away: nothing is known of the provider, and nothing more is asked."""
        if self._flying is not None:
            _, given = self._flying
            self._flying = None
            self.breakers.told(given, "unknown", now)
        self._over, self._lost = True, None
        self._forget()

    def _breaker(self, now: float, error: ProviderError | None) -> _Place:
        if self._flying is None:
            raise RuntimeError("no attempt is under way")
        place, given = self._flying
        self._flying = None
        self._ticker.at(now)
        rest = error.retry_after if error and error.retry_after and math.isfinite(error.retry_after) else None
        self.breakers.told(given, handling(error).health if error else "answered", now, rest)
        return place
