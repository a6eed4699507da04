"""The bundled price data of genai-prices as segments: its own resolver is asked wherever a price can change."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from tokenop.prices.model import DAY_SECONDS, Origin, Rates, Segment, Slot

BATCH = {"processing": "batch"}
ANY_MIDNIGHT = datetime(2020, 1, 1, tzinfo=UTC)
PER_MILLION = Decimal("1e-6")
PER_THOUSAND = Decimal("1e-3")
# Published rates have at most twelve places; the few longer ones in the data are traces of binary fractions.
PLACES = Decimal("1e-12")
# Keys that may be absent without making the token price of a text call unknown.
OUTPUT_ONLY = "output_"


def providers() -> Sequence[Any]:
    """Return the providers of the installed genai-prices package."""
    from genai_prices.data_snapshot import get_snapshot

    return get_snapshot().providers


def origin() -> Origin:
    """Return what to cite for a bundled price."""
    from genai_prices import __version__

    return Origin(f"genai-prices {__version__}")


def segments(model: Any, batch: bool = True) -> tuple[Segment, ...]:
    """Return the periods of a bundled model, the first one without a known start; empty where it has no token price.

    Args:
        model: a `ModelInfo` of genai-prices.
        batch: whether its batch prices apply. They do not where a provider resells another's model.
    """
    starts = [datetime.combine(day, time(), tzinfo=UTC) for day in sorted(_start_dates(model, batch))]
    bounds: list[datetime | None] = [None, *starts, None]
    found: list[Segment] = []
    cited = origin()
    for begin, end in itertools.pairwise(bounds):
        midnight = begin or (end - timedelta(days=1) if end else ANY_MIDNIGHT)
        slots = tuple(_slots(model, midnight, batch))
        if found and found[-1].slots == slots:
            found[-1] = Segment(found[-1].start, end, slots, cited)
        else:
            found.append(Segment(begin, end, slots, cited))
    return tuple(segment for segment in found if segment.slots)


def _constraints(model: Any, batch: bool) -> Iterator[Any]:
    if isinstance(model.prices, list):
        yield from (price.constraint for price in model.prices)
    if batch:
        yield from (variant.constraint for variant in _batch_variants(model))


def _batch_variants(model: Any) -> list[Any]:
    return [variant for variant in model.price_variants or () if dict(variant.when) == BATCH]


def _start_dates(model: Any, batch: bool) -> set[date]:
    return {found.start_date for found in _constraints(model, batch) if hasattr(found, "start_date")}


def _day_bounds(model: Any, batch: bool) -> list[int]:
    seconds = {0, DAY_SECONDS}
    for found in _constraints(model, batch):
        if hasattr(found, "start_time"):
            seconds |= {_second(found.start_time), _second(found.end_time)}
    return sorted(seconds)


def _second(clock: time) -> int:
    moment = datetime.combine(ANY_MIDNIGHT.date(), clock if clock.tzinfo else clock.replace(tzinfo=UTC)).astimezone(UTC)
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _slots(model: Any, midnight: datetime, batch: bool) -> Iterator[Slot]:
    bounds = _day_bounds(model, batch)
    parts: list[tuple[int, int, list[Slot]]] = []
    for begin, end in itertools.pairwise(bounds):
        moment = midnight + timedelta(seconds=begin)
        standard = model.get_prices(moment)
        slots = _tiers(model.id, standard, _batch_prices(model, moment, standard) if batch else None)
        if parts and parts[-1][2] == slots:
            parts[-1] = (parts[-1][0], end, slots)
        else:
            parts.append((begin, end, slots))
    for begin, end, slots in parts:
        for slot in slots:
            yield Slot(slot.processing, slot.rates, slot.batch_discount, begin, end, slot.above, slot.upto)


def _batch_prices(model: Any, moment: datetime, standard: Any) -> Any | None:
    """Return the batch prices at `moment`; before their first day, the earliest known ones.

    The latter only where the standard price is the same on both days: otherwise nothing is known.
    """
    variants = _batch_variants(model)
    if any(variant.constraint is None or variant.constraint.active(moment) for variant in variants):
        return model.get_prices(moment, BATCH)
    for start in sorted(v.constraint.start_date for v in variants if hasattr(v.constraint, "start_date")):
        later = datetime.combine(start, moment.timetz())
        if later > moment and model.get_prices(later) == standard:
            return model.get_prices(later, BATCH)
    return None


def _tiers(name: str, standard: Any, batch: Any | None) -> list[Slot]:
    prices = _token_prices(name, standard)
    if prices is None:
        return []
    reduced = _token_prices(name, batch) if batch is not None else None
    starts = sorted({tier.start for value in prices.values() if hasattr(value, "tiers") for tier in value.tiers})
    bounds: list[int | None] = [-1, *starts, None]
    slots: list[Slot] = []
    for above, upto in itertools.pairwise(bounds):
        assert above is not None
        rates = _rates(prices, above)
        cheap = _rates(reduced, above) if reduced else None
        discount = discount_of(rates, cheap) if cheap else None
        slots.append(Slot("standard", rates, discount, above=above, upto=upto))
        if cheap is not None and cheap != rates:
            slots.append(Slot("batch", cheap, None, above=above, upto=upto))
    return slots


def _token_prices(name: str, prices: Any) -> dict[str, Any] | None:
    """Return the priced units by key, None where tokens of text cannot be priced from them.

    A model without any price is unknown, not free, unless its own name says so.
    """
    found = {key: value for key, value in vars(prices).items() if value is not None}
    if not found:
        return {"input_mtok": Decimal(0), "output_mtok": Decimal(0)} if name.endswith(":free") else None
    if "input_mtok" not in found:
        return None
    if "output_mtok" not in found and any(key.startswith(OUTPUT_ONLY) for key in found):
        return None
    return found


def _rates(prices: dict[str, Any], above: int) -> Rates:
    def rate(*keys: str) -> Decimal | None:
        value = next((prices[key] for key in keys if key in prices), None)
        return None if value is None else (_at_size(value, above) * PER_MILLION).quantize(PLACES)

    return Rates(
        input=rate("input_mtok") or Decimal(0),
        cache_read=rate("cache_read_mtok"),
        cache_write_5m=rate("cache_write_5m_mtok", "cache_write_mtok"),
        cache_write_1h=rate("cache_write_1h_mtok", "cache_write_mtok"),
        # A model with an input price and no output price (embeddings) charges nothing for what it returns.
        output=rate("output_mtok") or Decimal(0),
        per_call=_at_size(prices.get("requests_kcount", Decimal(0)), above) * PER_THOUSAND,
    )


def _at_size(value: Any, above: int) -> Decimal:
    """Return the price that a call of more than `above` input tokens pays for all of its tokens."""
    if isinstance(value, Decimal):
        return value
    reached = [tier.price for tier in value.tiers if above >= tier.start]
    price: Decimal = reached[-1] if reached else value.base
    return price


def discount_of(standard: Rates, batch: Rates) -> Decimal | None:
    """Return the part that batch processing takes off, the smaller one of input and output; None where none."""
    pairs = [(standard.input, batch.input), (standard.output, batch.output)]
    taken = [1 - cheap / full for full, cheap in pairs if full]
    discount = min(taken, default=Decimal(0))
    return discount.quantize(Decimal("1e-9")).normalize() if discount > 0 else None
