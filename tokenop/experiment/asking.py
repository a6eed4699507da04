"""Making the calls: each once, paid out of one purse, and none after the money or the time is up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from tokenop.errors import TokenOpError
from tokenop.evals import spend
from tokenop.experiment.model import NO_USAGE, Origin, Prompt, Reply
from tokenop.experiment.sources import recorded
from tokenop.experiment.store import Store, key
from tokenop.experiment.targets import full_name
from tokenop.providers.base import Target, Timeouts, WholeSender
from tokenop.providers.errors import NotUsableError
from tokenop.providers.model import Request, Response, Text
from tokenop.routing import chain
from tokenop.routing.chain import charging
from tokenop.routing.model import Retry

if TYPE_CHECKING:
    from tokenop.prices.book import PriceBook

DEFAULT_MAX_OUTPUT = 1024
Role = Literal["answer", "judge"]
Why = Literal["ceiling", "deadline"]
RETRY = Retry(attempts=4, budget=4, backoff_seconds=0.5, max_backoff_seconds=20.0)
"""A run has time: a busy provider is asked again rather than counted as missing, and no breaker hurries past it."""

# Whoever refused the key once refuses it the next hundred times.
_HOPELESS = frozenset({"not_usable", "auth", "not_found"})


class CutShortError(TokenOpError):
    """A call was not made: the ceiling or the time is up."""

    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(detail)
        self.why = why


class Purse:
    """A ceiling that waits for calls under way before it says no: what is set aside for them is more than they cost."""

    def __init__(self, ceiling: spend.Ceiling) -> None:
        self.ceiling = ceiling
        self._turn = threading.Condition()
        self._under_way = 0

    def take(self, worst_case: Decimal | None) -> spend.Reservation:
        """Set money aside. Raises CeilingError where it does not fit even when every call under way is settled."""
        with self._turn:
            while True:
                try:
                    found = self.ceiling.reserve(worst_case)
                except spend.CeilingError:
                    if not self._under_way:
                        raise
                    self._turn.wait()
                else:
                    self._under_way += 1
                    return found

    def settle(self, reservation: spend.Reservation, actual: Decimal | None) -> None:
        """Book what a call cost."""
        with self._turn:
            self._under_way -= 1
            reservation.settle(actual)
            self._turn.notify_all()


@dataclass(frozen=True)
class Asker:
    """Asks models, each question once. `seconds_left` is asked before each call; those under way end by timeouts.

    `policy` holds where a question brings none of its own; `timeouts`, where they are given, hold before both.
    """

    store: Store
    sender: WholeSender
    purse: Purse
    book: PriceBook
    now: Callable[[], datetime]
    seconds_left: Callable[[], float]
    policy: chain.Policy
    sleep: Callable[[float], None]
    timeouts: Timeouts | None = None
    usable: Callable[[Target], str | None] = lambda _: None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _asked: dict[str, Future[Reply]] = field(default_factory=dict)
    _dead: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        prompt: str,
        targets: Sequence[Target],
        request: Request,
        *,
        role: Role = "answer",
        again: int = 0,
        policy: chain.Policy | None = None,
    ) -> Reply:
        """Return the answer of the chain `targets`, from the file where it was asked before; `again`: see `store.key`.

        Raises:
            CutShortError: it was not asked before, and the ceiling or the time is up.
        """
        name = key(role, prompt, targets, request, again)
        with self._lock:
            waiting = self._asked.get(name)
            if waiting is None:
                mine: Future[Reply] = Future()
                self._asked[name] = mine
        if waiting is not None:
            return waiting.result()
        try:
            found = self.store.get(name) or self._call(name, prompt, targets, request, role, policy)
        except BaseException as error:
            mine.set_exception(error)
            raise
        mine.set_result(found)
        return found

    def _call(
        self,
        name: str,
        prompt: str,
        targets: Sequence[Target],
        request: Request,
        role: Role,
        policy: chain.Policy | None,
    ) -> Reply:
        metered = _Metered(self)
        came = chain.run(
            targets,
            request,
            metered,
            sleep=self.sleep,
            policy=self._held(policy or self.policy),
            usable=self._usable,
            prices=self.book,
            wall=self.now,
            record=metered.settle,
        )
        for attempt in came.attempts:
            if attempt.error_kind in _HOPELESS and metered.refused is None:
                self._dead[full_name(attempt.target)] = attempt.detail
        reply = replace(self._reply(name, prompt, targets, role, came), booked_usd=metered.booked)
        if metered.refused is not None and came.response is None:
            if reply.cost_usd != 0:  # an earlier attempt was paid, or may have been: the file must know
                self.store.put(reply)
            raise metered.refused
        self.store.put(reply)
        return reply

    def _held(self, policy: chain.Policy) -> chain.Policy:
        return policy if self.timeouts is None else replace(policy, default_timeouts=self.timeouts, timeouts={})

    def _usable(self, target: Target) -> str | None:
        return self._dead.get(full_name(target)) or self.usable(target)

    def _reply(self, name: str, prompt: str, targets: Sequence[Target], role: Role, came: chain.ChainResult) -> Reply:
        last = came.attempts[-1] if came.attempts else None
        target = last.target if last else targets[0]
        who = (full_name(target), charging.biller_of(target), target.model)
        if came.response is None or last is None:
            kind = came.error.kind if came.error else "error"
            cost = came.cost_usd if came.attempts else Decimal(0)
            detail = came.told()[:400]
            return Reply(
                name, role, prompt, *who, (), "unknown", NO_USAGE, cost, None, self.now(), "live", kind, detail
            )
        response = came.response
        cost, latency, at = came.cost_usd, came.latency_ms, last.started
        origin: Origin = "live"
        if (mark := recorded(response)) is not None:
            origin, at, latency = mark
            # The price is that of the day on which it was answered.
            cost = charging.cost_of(self.book, target, response.model, last.usage, at).usd
        return Reply(
            name, role, prompt, *who, response.parts, response.finish, last.usage, cost,
            None if latency is None else round(latency, 3), at, origin,
        )  # fmt: skip


class _Metered:
    """A sender for one question: sets money aside before each call, and books what it cost after it."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._reserved: spend.Reservation | None = None
        self.refused: CutShortError | None = None
        self.booked = Decimal(0)

    def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        """Send, if there is money and time. Raises a ProviderError."""
        asker = self._asker
        if asker.seconds_left() <= 0:
            self._refuse("deadline", "the time is up")
        worst = spend.worst_case(request, asker.book, charging.biller_of(target), target.model, asker.now())
        try:
            self._reserved = asker.purse.take(worst)
        except spend.CeilingError as error:
            self._refuse("ceiling", str(error))
        return asker.sender.send(request, target, timeouts)

    def _refuse(self, why: Why, detail: str) -> None:
        self.refused = self.refused or CutShortError(why, detail)
        raise NotUsableError(detail)

    def settle(self, attempt: chain.Attempt) -> None:
        """Book what an attempt cost; what nobody knows counts as the worst case."""
        reserved, self._reserved = self._reserved, None
        if reserved is not None:
            self._asker.purse.settle(reserved, attempt.cost_usd)
            taken = reserved.worst_case if attempt.cost_usd is None else attempt.cost_usd
            self.booked += taken or Decimal(0)


def request(prompt: Prompt, limit: int | None = None) -> Request:
    """Return what is sent for a prompt; the model is filled in for each target."""
    return Request(
        model="",
        messages=prompt.messages,
        system=(Text(prompt.system),) if prompt.system else (),
        max_output_tokens=prompt.max_output_tokens or limit or DEFAULT_MAX_OUTPUT,
    )
