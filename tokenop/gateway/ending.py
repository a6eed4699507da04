"""The end of a call: its rows, what its parts are told, and in which order."""

from __future__ import annotations

import traceback
from decimal import Decimal

from tokenop.gateway import rows
from tokenop.gateway.model import Call, Event, Hit, Outcome, RefusedCallError
from tokenop.gateway.parts import Audience, Parts
from tokenop.providers.model import Delta, Response
from tokenop.routing.chain import Attempt

GONE = 499


class Ending:
    """What is known by now of how a call ends. `over` hands it to all who want to know, once."""

    __slots__ = ("_audience", "_call", "_events", "_parts", "attempts", "hit", "refused", "response", "status")

    def __init__(self, parts: Parts, audience: Audience, call: Call) -> None:
        self._parts = parts
        self._call = call
        self._events: tuple[Event, ...] | None = None
        self._audience = audience
        self.status = 200
        self.attempts: list[Attempt] = []
        self.response: Response | None = None
        self.refused: RefusedCallError | None = None
        self.hit: Hit | None = None

    @property
    def cost_usd(self) -> Decimal | None:
        """Return what all attempts cost; None where one is unknown."""
        costs = [attempt.cost_usd for attempt in self.attempts]
        if len(costs) == 1:
            return costs[0]
        return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))

    def began(self) -> None:
        """Tell all who watch that a call was read."""
        for tell in self._audience.began:
            try:
                tell(self._call)
            except Exception:
                self._bug()

    def failed(self, error: Exception, status: int) -> None:
        """Take note of what the caller is told."""
        self.status = status
        self.response = None
        if isinstance(error, RefusedCallError):
            self.refused = error

    def broke_off(self, error: Exception) -> None:
        """Take note that an answer ended before its end, after its status had been said."""
        self.response = None
        if isinstance(error, RefusedCallError):
            self.refused = error

    def passed(self, delta: Delta) -> None:
        """Tell those who want to know of a piece that is passed on."""
        for tell in self._audience.listening:
            try:
                tell(self._call, delta)
            except Exception:
                self._bug()

    async def settled(self) -> None:
        """Write the rows, and with `--durable` wait until they are on disk. Raises LogError where they cannot be."""
        self._written()
        if self._parts.settings.durable:
            await self._parts.log.settled()

    def over(self) -> None:
        """Write the rows where that was not done, and tell everybody. Never raises: it stands in `finally`."""
        parts, call = self._parts, self._call
        try:
            self._written()
        except Exception:
            self._bug()
        try:
            parts.purse.release(call)
        except Exception:
            self._bug()
        outcome = self._outcome()
        for tell in self._audience.ended:
            try:
                tell(call, outcome)
            except Exception:
                self._bug()

    def _outcome(self) -> Outcome:
        attempts = tuple(self.attempts)
        return Outcome(
            self.status,
            attempts,
            self.response,
            self.cost_usd,
            self._milliseconds(),
            attempts[-1].ttft_ms if attempts else None,
            self.refused,
            self._events or (),
        )

    def _written(self) -> None:
        if self._events is not None:
            return
        parts, call = self._parts, self._call
        if self.attempts:
            events = rows.of_attempts(call, self.attempts, parts.settings.env)
        elif self.hit is not None:
            events = [rows.of_hit(call, self.hit, self._milliseconds())]
        else:
            events = [rows.of_refusal(call, self.status, self._milliseconds())]
        self._events = tuple(events)
        for event in events:
            parts.log.append(event)
        for event in events:
            parts.purse.spent(call, event)

    def _milliseconds(self) -> float:
        return (self._parts.clock() - self._call.received) * 1000

    def _bug(self) -> None:
        """Tell of a part's bug, which must not keep the others from their due."""
        self._parts.tell("a bug of the gateway:\n" + traceback.format_exc())
