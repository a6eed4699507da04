"""A ceiling on what a run may spend: the worst case is set aside before each call, what it cost is booked after it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tokenop.errors import TokenOpError
from tokenop.providers.base import Target
from tokenop.providers.model import Image, Native, Part, Request, Text, Thinking, ToolCall, ToolResult, Usage
from tokenop.routing.chain import charging

if TYPE_CHECKING:
    from tokenop.prices.book import PriceBook

ZERO = Decimal(0)
# Tokens that a wire wraps around a message, a tool, and the request, beyond what stands in them; generous.
_AROUND = 32


class CeilingError(TokenOpError):
    """A call was not made: its worst case does not fit below the ceiling, or nobody knows what it costs."""


@dataclass
class Reservation:
    """Money set aside for one call, in US dollars; None where its price is unknown."""

    ceiling: Ceiling = field(repr=False)
    worst_case: Decimal | None
    settled: bool = False

    def settle(self, actual: Decimal | None) -> None:
        """Book what the call cost, in US dollars; None: unknown, so all that was set aside counts as spent.

        Raises:
            ValueError: it is settled already, or `actual` is below 0.
        """
        self.ceiling.settle(self, actual)


class Ceiling:
    """Money that may be spent, in US dollars; None is no limit. Safe to use from several threads.

    What is spent and what is set aside never exceed it together, as long as no call costs more than its worst case;
    one that does is booked as it was, and no further call is let through.
    """

    def __init__(self, usd: Decimal | None, *, allow_unknown: bool = False) -> None:
        if usd is not None and (not usd.is_finite() or usd < 0):
            raise ValueError(f"a ceiling of {usd} US dollars")
        self.usd = usd
        self.allow_unknown = allow_unknown
        self._lock = threading.Lock()
        self._spent = self._reserved = ZERO
        self._unpriced = 0

    @property
    def spent(self) -> Decimal:
        """Return what settled calls cost, in US dollars."""
        with self._lock:
            return self._spent

    @property
    def reserved(self) -> Decimal:
        """Return what is set aside for calls under way, in US dollars."""
        with self._lock:
            return self._reserved

    @property
    def unpriced(self) -> int:
        """Return how many settled calls nobody knows the cost of."""
        with self._lock:
            return self._unpriced

    def reserve(self, worst_case: Decimal | None) -> Reservation:
        """Set aside what a call costs at worst, in US dollars; None where its price is unknown.

        Raises:
            CeilingError: it does not fit, or the price is unknown under a ceiling and `allow_unknown` is not set.
            ValueError: it is below 0 or no number.
        """
        if worst_case is not None and (not worst_case.is_finite() or worst_case < 0):
            raise ValueError(f"a worst case of {worst_case} US dollars")
        with self._lock:
            if self.usd is not None:
                self._admit(worst_case, self.usd)
            self._reserved += worst_case or ZERO
            return Reservation(self, worst_case)

    def book(self, spent: Decimal) -> None:
        """Count money, in US dollars, that an earlier start of the same work spent."""
        with self._lock:
            self._spent += spent

    def _admit(self, worst_case: Decimal | None, usd: Decimal) -> None:
        if worst_case is None:
            if not self.allow_unknown:
                raise CeilingError("its price is unknown, so it cannot be held to the ceiling")
            return
        left = usd - self._spent - self._reserved
        if worst_case > left:
            raise CeilingError(
                f"it may cost ${worst_case:f}, and of the ceiling of ${usd:f} ${max(left, ZERO):f} are left"
            )

    def settle(self, reservation: Reservation, actual: Decimal | None) -> None:
        """Book what a call cost; see `Reservation.settle`."""
        if actual is not None and (not actual.is_finite() or actual < 0):
            raise ValueError(f"a cost of {actual} US dollars")
        with self._lock:
            if reservation.settled:
                raise ValueError("this call is settled already")
            reservation.settled = True
            self._reserved -= reservation.worst_case or ZERO
            cost = reservation.worst_case if actual is None else actual
            self._spent += cost or ZERO
            self._unpriced += cost is None


def worst_case(request: Request, book: PriceBook, provider: str, model: str, when: datetime) -> Decimal | None:
    """Return the most that a call can cost, in US dollars; None where nobody knows.

    `provider` is who bills it, as `tokenop.routing.chain.charging.biller_of` says of a target.
    Its input counts a token per byte, which no tokenizer exceeds, at the dearest of the input's rates; its output is
    `max_output_tokens`. Unknown are calls without that, with pictures or parts that only one wire knows, and models
    without a price.
    """
    tokens = most_input_tokens(request)
    if tokens is None or request.max_output_tokens is None:
        return None
    price = book.at(provider, model, when, tokens)
    small = book.at(provider, model, when)
    if price is None or small is None:
        return None
    dearest = [max(each.rates.charged()[:4]) * tokens for each in (price, small)]
    output = [each.rates.output * request.max_output_tokens for each in (price, small)]
    return max(dearest) + max(output) + max(price.rates.per_call, small.rates.per_call)


def cost(usage: Usage, book: PriceBook, provider: str, model: str, when: datetime) -> Decimal | None:
    """Return what a call cost, in US dollars; None where its tokens or its price are unknown."""
    return charging.cost_of(book, Target(provider, provider, model), model, usage, when).usd


def most_input_tokens(request: Request) -> int | None:
    """Return a number of tokens that the request's input cannot exceed; None where that is not known."""
    counts = [_most(part) for part in request.system]
    for message in request.messages:
        counts += [_AROUND, *(_most(part) for part in message.parts)]
    for tool in request.tools:
        if tool.native is not None:
            return None
        counts += [_AROUND, _bytes(tool.name), _bytes(tool.description or ""), _json(tool.schema)]
    if request.answer_format is not None and request.answer_format.schema is not None:
        counts.append(_json(request.answer_format.schema))
    known = [count for count in counts if count is not None]
    return sum(known) + _AROUND if len(known) == len(counts) else None


def _most(part: Part) -> int | None:
    if isinstance(part, Text | Thinking):
        signature = part.signature or "" if isinstance(part, Thinking) else ""
        return _AROUND + _bytes(part.text) + _bytes(signature)
    if isinstance(part, ToolCall):
        return _AROUND + _bytes(part.id) + _bytes(part.name) + max(_json(part.arguments or {}), _bytes(part.raw or ""))
    if isinstance(part, ToolResult):
        inner = [_most(each) for each in part.parts]
        known = [count for count in inner if count is not None]
        return _AROUND + _bytes(part.call_id) + sum(known) if len(known) == len(inner) else None
    assert isinstance(part, Image | Native)
    return None


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _json(value: Mapping[str, Any]) -> int:
    import json

    return _bytes(json.dumps(value, default=dict, ensure_ascii=False))
