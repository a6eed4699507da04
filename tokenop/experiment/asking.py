"""Making the calls: each once, paid out of one purse, and none after the money or the time is up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from tokenop.errors import TokenOpError
from tokenop.evals import spend
from tokenop.experiment import store as answers
from tokenop.experiment.model import NO_USAGE, Origin, Prompt, Reply
from tokenop.experiment.targets import billed_to, described
from tokenop.providers.base import Target
from tokenop.providers.errors import ProviderError
from tokenop.providers.model import Request, Response, Text

if TYPE_CHECKING:
    from tokenop.prices.book import PriceBook

DEFAULT_MAX_OUTPUT = 1024


class CutShortError(TokenOpError):
    """A call was not made: the ceiling or the time is up."""

    def __init__(self, why: Literal["ceiling", "deadline"], detail: str) -> None:
        super().__init__(detail)
        self.why = why


class Came(NamedTuple):
    """An answer and where it comes from."""

    response: Response
    latency_ms: float | None
    at: datetime
    origin: Origin


class Source(Protocol):
    """Where answers come from: the providers, or recordings of them."""

    def fetch(self, target: Target, request: Request) -> Came:
        """Return the answer. Raises a ProviderError."""
        ...


class Purse:
    """A ceiling that waits for calls under way before it says no: what they were reserved is more than they cost."""

    def __init__(self, ceiling: spend.Ceiling) -> None:
        self.ceiling = ceiling
        self._turn = threading.Condition()
        self._under_way = 0

    def take(self, worst_case: Decimal | None) -> spend.Reservation:
        """Set money aside. Raises CutShortError where it does not fit even when every call under way is settled."""
        with self._turn:
            while True:
                try:
                    found = self.ceiling.reserve(worst_case)
                except spend.CeilingError as error:
                    if not self._under_way:
                        raise CutShortError("ceiling", str(error)) from error
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
    """Asks models. `seconds_left` is asked before each call; calls under way end by their own timeouts."""

    store: answers.Store
    source: Source
    purse: Purse
    book: PriceBook
    now: Callable[[], datetime]
    seconds_left: Callable[[], float]
    told: Callable[[Reply], None] = lambda _: None

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lock", threading.Lock())
        object.__setattr__(self, "_futures", {})
        object.__setattr__(self, "_dead", {})

    def ask(self, prompt: str, target: Target, request: Request, role: Literal["answer", "judge"] = "answer") -> Reply:
        """Return the answer of `target`, from the file where it was asked before.

        Raises:
            CutShortError: it was not asked before, and the ceiling or the time is up.
        """
        name = answers.key(role, described(target), request)
        lock: threading.Lock = self._lock  # type: ignore[attr-defined]
        futures: dict[str, Future[Reply]] = self._futures  # type: ignore[attr-defined]
        with lock:
            waiting = futures.get(name)
            if waiting is None:
                mine: Future[Reply] = Future()
                futures[name] = mine
        if waiting is not None:
            return waiting.result()
        try:
            found = self.store.get(name) or self._call(name, prompt, target, request, role)
        except BaseException as error:
            mine.set_exception(error)
            raise
        mine.set_result(found)
        return found

    def _call(
        self, name: str, prompt: str, target: Target, request: Request, role: Literal["answer", "judge"]
    ) -> Reply:
        if self.seconds_left() <= 0:
            raise CutShortError("deadline", "the time is up")
        provider = billed_to(target)
        asked = request.to(target.model)
        reservation = self.purse.take(spend.worst_case(asked, self.book, provider, target.model, self.now()))
        cost: Decimal | None = None
        try:
            reply = self._fetched(name, prompt, target, asked, role)
            # What never reached a model is not paid; what a broken answer cost, nobody knows.
            unpaid = reply.error_kind in _UNPAID
            cost = Decimal(0) if unpaid or reply.origin != "live" else reply.cost_usd
        finally:
            self.purse.settle(reservation, cost)
        self.store.put(reply)
        self.told(reply)
        return reply

    def _fetched(
        self, name: str, prompt: str, target: Target, request: Request, role: Literal["answer", "judge"]
    ) -> Reply:
        who = (target.name, billed_to(target), target.model)
        dead: dict[str, ProviderError] = self._dead  # type: ignore[attr-defined]
        try:
            if target.name in dead:
                raise dead[target.name]
            came = self.source.fetch(target, request)
        except ProviderError as error:
            if error.kind in _HOPELESS:
                dead[target.name] = error
            return Reply(
                name, role, prompt, *who, (), "unknown", NO_USAGE, None, None, self.now(), "live", error.kind,
                error.detail[:400],
            )  # fmt: skip
        response = came.response
        cost = spend.cost(response.usage, self.book, who[1], target.model, came.at)
        return Reply(
            name, role, prompt, *who, response.parts, response.finish, response.usage, cost, came.latency_ms, came.at,
            came.origin,
        )  # fmt: skip


# Whoever refused the key once refuses it the next hundred times.
_HOPELESS = frozenset({"not_usable", "auth", "not_found"})
_UNPAID = frozenset(
    {
        "not_usable", "auth", "rate_limited", "overloaded", "connection", "not_found", "too_long", "bad_request",
        "cannot_carry", "missing_recording",
    }
)  # fmt: skip


def request(prompt: Prompt, limit: int | None = None) -> Request:
    """Return what is sent for a prompt; the model is filled in for each target."""
    return Request(
        model="",
        messages=prompt.messages,
        system=(Text(prompt.system),) if prompt.system else (),
        max_output_tokens=prompt.max_output_tokens or limit or DEFAULT_MAX_OUTPUT,
    )
