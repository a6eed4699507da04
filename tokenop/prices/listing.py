"""Entries of the price book as people and programs read them: USD per million tokens, times as text."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from tokenop.errors import InputError, MisuseError
from tokenop.prices.book import PriceBook
from tokenop.prices.model import DAY_SECONDS, Entry, ModelKey, moment_text

MILLION = Decimal(1_000_000)


def find(book: PriceBook, provider: str, model: str) -> ModelKey:
    """Return the model that the names mean.

    Raises:
        InputError: it is unknown, or several are meant; the message says which names are near.
    """
    key = book.resolve(provider, model)
    if key is not None:
        return key
    asked = f"{provider}/{model}" if provider else model
    near = book.near(provider, model)
    if not near and provider:
        near = book.near("", model)
    if not near:
        raise InputError(
            f"{asked}: no model of that name is known. A price of your own: see templates/prices/README.md"
        )
    lines = "\n".join(
        f"  tokenop prices show {name.partition('/')[2]} --provider {name.partition('/')[0]}" for name in near
    )
    raise InputError(f"{asked}: no single model is meant. Did you mean one of these?\n{lines}")


def parse_moment(text: str) -> datetime:
    """Return the UTC time of `2025-02-08` or an RFC 3339 time.

    Raises:
        MisuseError: it is neither.
    """
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise MisuseError(f"--at {text}: not a date such as 2025-02-08 or a time such as 2025-02-08T16:00Z") from error
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def holding(entries: Iterable[Entry], moment: datetime) -> tuple[Entry, ...]:
    """Return the entries that hold on the day of a time, for every hour, prompt size and kind of processing."""
    return tuple(
        entry
        for entry in entries
        if (entry.valid_from is None or entry.valid_from <= moment)
        and (entry.valid_until is None or moment < entry.valid_until)
    )


def per_million(rate: Decimal | None) -> str | None:
    """Return USD per million tokens as plain text, None where the provider has no such price."""
    return None if rate is None else f"{(rate * MILLION).normalize():f}"


def hours(entry: Entry) -> str:
    """Return the part of the UTC day that an entry is for."""
    slot = entry.slot
    if (slot.second_from, slot.second_until) == (0, DAY_SECONDS):
        return "all day"
    return f"{_clock(slot.second_from)}–{_clock(slot.second_until)}"


def size(entry: Entry) -> str:
    """Return the range of input tokens of a call that an entry is for."""
    slot = entry.slot
    if slot.upto is None:
        return "any" if slot.above < 0 else f"> {slot.above:,}"
    return f"≤ {slot.upto:,}" if slot.above < 0 else f"{slot.above + 1:,}–{slot.upto:,}"


def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second % 3600 // 60:02d}"


def as_dict(entry: Entry) -> dict[str, object]:
    """Return an entry JSON-ready. Rates are text, so that they stay exact."""
    rates, slot = entry.rates, entry.slot
    return {
        "price_id": entry.price_id,
        "processing": slot.processing,
        "valid_from": moment_text(entry.valid_from) if entry.valid_from else None,
        "valid_until": moment_text(entry.valid_until) if entry.valid_until else None,
        "undated": entry.undated,
        "hours_utc": hours(entry),
        "min_input_tokens": slot.above + 1,
        "max_input_tokens": slot.upto,
        "usd_per_million": {
            "input": per_million(rates.input),
            "cache_read": per_million(rates.cache_read),
            "cache_write_5m": per_million(rates.cache_write_5m),
            "cache_write_1h": per_million(rates.cache_write_1h),
            "output": per_million(rates.output),
        },
        "usd_per_call": f"{rates.per_call.normalize():f}",
        "batch_discount": None if slot.batch_discount is None else float(slot.batch_discount),
        "source": entry.origin.source,
        "verified_on": entry.origin.verified_on,
        "note": entry.origin.note or None,
    }


def sample_cost(entries: Iterable[Entry], tokens_in: int, tokens_out: int) -> Decimal | None:
    """Return what a call of that size costs at the last of the standard entries that fit it; None where none does."""
    fitting = [
        entry
        for entry in entries
        if entry.slot.processing == "standard"
        and entry.slot.above < tokens_in
        and (entry.slot.upto is None or tokens_in <= entry.slot.upto)
    ]
    return fitting[-1].rates.cost(tokens_in, 0, 0, 0, tokens_out) if fitting else None
