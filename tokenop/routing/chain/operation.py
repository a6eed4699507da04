"""One operation under way: the chain, the attempt in flight, and the rows of those that are over.

Drivers, with and without asyncio, differ only in how they wait and send; all else is here.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TypedDict

from tokenop.providers.base import Target
from tokenop.providers.errors import MalformedError, NotUsableError, ProviderError
from tokenop.providers.model import Delta, Request, Response, Usage
from tokenop.routing.chain import charging
from tokenop.routing.chain.breaker import Breakers, Notices, Ticker
from tokenop.routing.chain.handling import costs_nothing
from tokenop.routing.chain.machine import Chain
from tokenop.routing.chain.model import CANCELLED, Action, Attempt, ChainResult, Policy, Try, policy_of
from tokenop.routing.model import Decision, RoutingConfig
from tokenop.routing.requests import fitted

if TYPE_CHECKING:
    from tokenop.prices.book import PriceBook

TOKENS = frozenset({"text", "thinking", "tool_call", "native"})


class Settings(TypedDict, total=False):
    """What a caller may say about an operation, beside its targets and its request; all is optional.

    `policy` says how far the chain may go, or `config` with its `decision` does. `breakers` are shared by all
    operations of a process; without them nothing is remembered. `clock` gives seconds, `wall` the time of day with a
    zone. `usable` says why a target cannot be asked (None: it can). `record` is given each attempt as soon as it is
    over. `notices` tells once what is not usable. `prices` are the shipped ones otherwise. `draw` gives numbers in
    [0, 1) for the jitter of waits, otherwise drawn from `operation_id`, which all rows carry (new where not given).
    """

    policy: Policy
    config: RoutingConfig
    decision: Decision
    breakers: Breakers
    clock: Callable[[], float]
    wall: Callable[[], datetime]
    usable: Callable[[Target], str | None]
    record: Callable[[Attempt], None]
    notices: Notices
    prices: PriceBook
    draw: Callable[[], float]
    operation_id: str | None


@dataclass(slots=True)
class _Flight:
    """An attempt under way."""

    told: Try
    started: datetime
    begun: float
    first: float | None = None
    characters: int = 0
    streamed: bool = False
    usage: Usage | None = None


class _Jitter:
    """Numbers drawn from an operation's id. An operation that were in a circle would outlive its call."""

    __slots__ = ("_drawn", "_seed")

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._drawn: random.Random | None = None

    def __call__(self) -> float:
        if self._drawn is None:  # most operations never wait
            self._drawn = random.Random(self._seed)  # noqa: S311  # jitter is no secret
        return self._drawn.random()


class Operation:
    """One request on its way along its chain. Every attempt that begins becomes a row, whatever happens."""

    def __init__(self, targets: Sequence[Target], request: Request, settings: Settings) -> None:
        """Begin; nobody is asked yet.

        Raises:
            FindingsError: the shipped prices cannot be read. Later it would be too late: attempts would be paid.
        """
        self.operation_id = settings.get("operation_id") or uuid.uuid4().hex
        self.request = request
        self.attempts: list[Attempt] = []
        self.response: Response | None = None
        self.error: ProviderError | None = None
        self.asked: Try | None = None
        self.model: str | None = None
        self._first = targets[0] if targets else None
        self._ticker = Ticker()
        self._flight: _Flight | None = None
        self._held: list[Delta] = []
        self._clock = settings.get("clock", time.monotonic)
        self._wall = settings.get("wall", _utc_now)
        self._record = settings.get("record")
        self._notices = settings.get("notices")
        self._prices = settings.get("prices") or charging.shipped_prices()
        breakers, usable = settings.get("breakers") or Breakers(), settings.get("usable")
        draw = settings.get("draw") or _Jitter(self.operation_id)
        self.chain = Chain(targets, _policy(settings), breakers, draw=draw, usable=usable)
        for one in self.chain.unavailable:
            self._notice(one.target, one.reason)

    def _notice(self, target: Target, reason: str) -> None:
        if self._notices is not None:
            self._notices.once(f"{target.name} is left out: {reason}")

    def next(self) -> Action:
        """Return what to do."""
        return self.chain.next(self._clock())

    def begin(self, told: Try) -> Request:
        """Start the clock of an attempt, and return what its provider is asked."""
        self._flight = _Flight(told, self._wall(), self._ticker.at(self._clock()))
        self.asked, self.model = told, told.target.model
        self._held = []
        return fitted(self.request, told.target)

    def delta(self, delta: Delta) -> list[Delta]:
        """Take a piece of a streamed answer; return the pieces to pass on.

        What comes before the first token is held back with it: until then another provider can still take over unseen.

        Raises:
            MalformedError: an end without the whole answer.
        """
        flight = self._flight
        assert flight is not None
        flight.streamed = True
        if delta.usage is not None:
            flight.usage = delta.usage
        if delta.kind == "start" and delta.name:
            self.model = delta.name
        if delta.kind == "end":
            if delta.response is None:
                raise MalformedError("the stream ended without its answer")
            self.answered(delta.response)
        elif delta.kind in TOKENS and (delta.text or delta.name or delta.data):
            flight.characters += len(delta.text)
            if flight.first is None:
                flight.first = self._ticker.at(self._clock())
                self.chain.first_token()
        elif flight.first is None:
            self._held.append(delta)
            return []
        held, self._held = self._held, []
        return [*held, delta]

    def answered(self, response: Response) -> None:
        """Take the whole answer."""
        flight = self._flight
        assert flight is not None
        self.chain.succeeded(self._clock())
        self.response = response
        told = flight.usage if response.usage.source == "missing" and flight.usage else response.usage
        usage = charging.answered(told, self.request, response.parts)
        self._row(response.model or flight.told.target.model, "ok", usage, fallback=flight.told.target != self._first)

    def failed(self, raised: Exception) -> None:
        """Take what went wrong; what no sender should raise counts as an error that nobody foresaw."""
        flight = self._flight
        if flight is None:
            raise raised
        error = raised if isinstance(raised, ProviderError) else _unforeseen(raised, flight.told.target)
        if flight.streamed:
            # Some senders count the beginning of an empty part; nothing of it was passed on.
            error.after_first_token = flight.first is not None
        self.chain.failed(error, self._clock())
        if isinstance(error, NotUsableError):
            self._notice(flight.told.target, error.detail)
        if costs_nothing(error):
            usage = charging.NOTHING_USED
        else:
            usage = charging.cut_short(flight.usage, self.request, flight.characters)
        self._row(flight.told.target.model, error.kind, usage, error=error)

    def close(self) -> None:
        """End the attempt under way, if any, as one whose caller is gone. Belongs in `finally`."""
        flight = self._flight
        if flight is None:
            return
        self.chain.abandoned(self._clock())
        usage = charging.cut_short(flight.usage, self.request, flight.characters)
        self._row(flight.told.target.model, CANCELLED, usage)

    def _row(
        self, model: str, status: str, usage: Usage, *, error: ProviderError | None = None, fallback: bool = False
    ) -> None:
        flight, self._flight = self._flight, None
        assert flight is not None
        now = self._ticker.at(self._clock())
        if usage is charging.NOTHING_USED:
            cost = charging.Cost(Decimal(0), None)
        else:
            cost = charging.cost_of(self._prices, flight.told.target, model, usage, flight.started)
        row = Attempt(
            operation_id=self.operation_id,
            attempt=flight.told.attempt,
            target=flight.told.target,
            model=model,
            started=flight.started,
            latency_ms=(now - flight.begun) * 1000,
            status=status,
            ttft_ms=None if flight.first is None else (flight.first - flight.begun) * 1000,
            usage=usage,
            cost_usd=cost.usd,
            price_id=cost.price_id,
            error_kind=error.kind if error else None,
            detail=error.detail if error else "",
            http_status=error.status if error else None,
            request_id=error.request_id if error else None,
            fallback_used=fallback,
            last_resort=flight.told.last_resort,
        )
        self.attempts.append(row)
        if self._record is not None:
            self._record(row)

    def result(self) -> ChainResult:
        """Return what came of it."""
        unavailable = tuple(self.chain.unavailable)
        return ChainResult(
            self.operation_id, self.response, self.error, tuple(self.attempts), unavailable, self.chain.waited
        )


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _policy(settings: Settings) -> Policy:
    if "policy" in settings:
        return settings["policy"]
    return policy_of(settings["config"], settings.get("decision")) if "config" in settings else Policy()


def _unforeseen(raised: Exception, target: Target) -> ProviderError:
    # The message of an exception that we do not know may hold a key.
    error = ProviderError(f"{type(raised).__name__} in the sender", provider=target.provider, model=target.model)
    error.__cause__ = raised
    return error
