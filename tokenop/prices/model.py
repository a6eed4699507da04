"""What a price is: rates of one model, in one period, for one size of call."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

Processing = Literal["standard", "batch"]
DAY_SECONDS = 86_400


class ModelKey(NamedTuple):
    """The one name of a model in the price book."""

    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class Rates:
    """USD per token of each bucket, and USD per call.

    A cache rate of None means that the provider has none: those tokens cost what uncached input costs.
    """

    input: Decimal
    cache_read: Decimal | None
    cache_write_5m: Decimal | None
    cache_write_1h: Decimal | None
    output: Decimal
    per_call: Decimal = Decimal(0)

    def charged(self) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal]:
        """Return what uncached, read, 5-minute write, 1-hour write and output tokens really cost, USD per token."""
        cached = (self.cache_read, self.cache_write_5m, self.cache_write_1h)
        read, short, long = (self.input if rate is None else rate for rate in cached)
        return self.input, read, short, long, self.output

    def cost(self, uncached: int, read: int, write_5m: int, write_1h: int, output: int, calls: int = 1) -> Decimal:
        """Return the exact cost in USD of disjoint token buckets over `calls` calls."""
        buckets = (uncached, read, write_5m, write_1h, output)
        total = sum((rate * tokens for rate, tokens in zip(self.charged(), buckets, strict=True)), Decimal(0))
        return total + self.per_call * calls

    def fingerprint(self) -> str:
        """Return eight hex digits that change when a rate changes."""
        rates = (self.input, self.cache_read, self.cache_write_5m, self.cache_write_1h, self.output, self.per_call)
        text = ";".join("-" if rate is None else f"{rate.normalize():f}" for rate in rates)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Slot:
    """Rates for one part of the day and one range of prompt sizes.

    `second_from` ≤ second of the UTC day < `second_until`; `above` < input tokens of the call ≤ `upto` (None: no end).
    `batch_discount` is the part of the price that the provider's batch API takes off (0.5: half price).
    """

    processing: Processing
    rates: Rates
    batch_discount: Decimal | None = None
    second_from: int = 0
    second_until: int = DAY_SECONDS
    above: int = -1
    upto: int | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A period in which the prices of a model do not change: `start` ≤ time < `end`; None is unknown or open."""

    start: datetime | None
    end: datetime | None
    slots: tuple[Slot, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a price comes from."""

    source: str
    verified_on: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the price book. `undated`: it is the earliest known price, but no source says since when it held."""

    key: ModelKey
    valid_from: datetime | None
    valid_until: datetime | None
    undated: bool
    slot: Slot
    origin: Origin

    @property
    def rates(self) -> Rates:
        """Return the rates in USD per token."""
        return self.slot.rates

    @property
    def price_id(self) -> str:
        """Return provider/model/valid-from/hash of the rates; `earliest` stands for an unknown first day."""
        start = "earliest" if self.undated or self.valid_from is None else moment_text(self.valid_from)
        return f"{self.key.provider}/{self.key.model}/{start}/{self.rates.fingerprint()}"


def moment_text(moment: datetime) -> str:
    """Return a UTC time in its shortest form: the day alone where it is midnight."""
    day = moment.astimezone(UTC)
    return day.strftime("%Y-%m-%d") if (day.hour, day.minute) == (0, 0) else day.strftime("%Y-%m-%dT%H:%MZ")
