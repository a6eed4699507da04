"""What an attempt used and cost, also where it ended before its provider could say so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from tokenop.prices import names
from tokenop.providers.base import Target
from tokenop.providers.model import (
    MISSING,
    Image,
    Native,
    Part,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
)

if TYPE_CHECKING:
    from tokenop.prices.book import PriceBook
    from tokenop.prices.model import Entry

# Of English text in the common tokenisers. Only for what no provider counted; such counts are marked `estimated`.
CHARACTERS_PER_TOKEN = 4
# Ten times the longest prompt that any provider takes. One answer that says more must not use up the limits of a month.
MOST_TOKENS = 100_000_000
_COMPATIBLE = "openai-compatible"
NOTHING_USED = Usage(input_tokens=0, output_tokens=0, source="estimated")


class Cost(NamedTuple):
    """What a call cost in US dollars, and by which entry of the price book; None where unknown."""

    usd: Decimal | None
    price_id: str | None


@cache
def shipped_prices() -> PriceBook:
    """Return the price book of this installation, read once."""
    from tokenop.prices import book

    return book.load()


def tokens_of(characters: int) -> int:
    """Return about how many tokens so many characters are."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def estimated_input(request: Request) -> int | None:
    """Return about how many tokens a request has; None where it holds pictures, which have no length in characters."""
    parts = [*request.system, *(part for message in request.messages for part in message.parts)]
    lengths = [_length(part) for part in parts]
    if None in lengths:
        return None
    tools = sum(len(tool.name) + len(tool.description or "") + _json(tool.schema) for tool in request.tools)
    return tokens_of(sum(length for length in lengths if length is not None) + tools)


def characters_of(parts: Iterable[Part]) -> int:
    """Return how many characters an answer has, thoughts and calls of tools included."""
    return sum(_length(part) or 0 for part in parts)


def _length(part: Part) -> int | None:
    if isinstance(part, Text | Thinking):
        return len(part.text)
    if isinstance(part, ToolCall):
        return len(part.name) + (len(part.raw) if part.raw is not None else _json(part.arguments or {}))
    if isinstance(part, ToolResult):
        inner = [_length(one) for one in part.parts]
        return None if None in inner else sum(length for length in inner if length is not None)
    if isinstance(part, Native):
        return _json(part.data)
    assert isinstance(part, Image)
    return None


def _json(value: Mapping[str, Any]) -> int:
    return len(json.dumps(dict(value), default=_plain, ensure_ascii=False))


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def answered(usage: Usage, request: Request, parts: Iterable[Part]) -> Usage:
    """Return what a whole answer of `parts` used: see `completed`. Its characters are counted where need be alone."""
    usage = _possible(usage)
    if usage.input_tokens is not None and usage.output_tokens is not None and usage.source != "missing":
        return usage
    return completed(usage, request, characters_of(parts))


def completed(usage: Usage, request: Request, characters: int) -> Usage:
    """Return `usage` with estimates, marked so, where the provider gave no or impossible counts.

    Args:
        usage: what is known.
        request: what was asked.
        characters: how many came of the answer.
    """
    usage = _possible(usage)
    if usage.input_tokens is not None and usage.output_tokens is not None:
        return usage if usage.source != "missing" else replace(usage, source="reported")
    asked = usage.input_tokens if usage.input_tokens is not None else estimated_input(request)
    answered = usage.output_tokens if usage.output_tokens is not None else tokens_of(characters)
    if asked is None:
        return replace(usage, source="missing")
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    return replace(usage, input_tokens=max(asked, cached), output_tokens=answered, source="estimated")


def cut_short(usage: Usage | None, request: Request, characters: int) -> Usage:
    """Return what an attempt used that broke off: what was counted before, never less than what came."""
    known = _possible(usage or MISSING)
    if known.output_tokens is not None:
        # A stream that is cut has told the count of its beginning at most.
        known = replace(known, output_tokens=max(known.output_tokens, tokens_of(characters)), source="estimated")
    return completed(known, request, characters)


def _possible(usage: Usage) -> Usage:
    """Return `usage` without counts that no call has: below 0, beyond all bounds, larger than their whole."""
    wrong = [
        name for name, count in zip(_COUNTS, _counts(usage), strict=True) if count is not None and not _count(count)
    ]
    if wrong:
        gone: dict[str, Any] = dict.fromkeys(wrong)
        usage = replace(usage, **gone)
    read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    parts: dict[str, Any] = {}
    if usage.input_tokens is not None and read + written > usage.input_tokens:
        parts |= dict.fromkeys(
            ("cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation_1h_input_tokens")
        )
    if (usage.cache_creation_1h_input_tokens or 0) > written:
        parts["cache_creation_1h_input_tokens"] = None
    if usage.output_tokens is not None and (usage.reasoning_output_tokens or 0) > usage.output_tokens:
        parts["reasoning_output_tokens"] = None
    if not parts and not wrong:
        return usage
    return replace(usage, **parts, source="missing" if usage.source == "missing" else "estimated")


_COUNTS = tuple(name for name in Usage.__slots__ if name != "source")
_counts = attrgetter(*_COUNTS)


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS


def cost_of(book: PriceBook, target: Target, model: str, usage: Usage, when: datetime) -> Cost:
    """Return what a call cost by the price of its day; unknown where the model has no price or the usage is missing.

    The model that answered decides, and where that name has no price, the one that was asked.
    """
    asked, answered = usage.input_tokens, usage.output_tokens
    if asked is None or answered is None:
        return Cost(None, None)
    held = _held(book, target, model)
    moment = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    second = moment.hour * 3600 + moment.minute * 60 + moment.second
    for prices in held:
        for price in prices:
            slot = price.entry.slot
            if (
                (price.since is None or price.since <= moment)
                and (price.until is None or moment < price.until)
                and slot.second_from <= second < slot.second_until
                and slot.above < asked
                and (slot.upto is None or asked <= slot.upto)
            ):
                return Cost(_cost(price, usage, asked, answered), price.price_id)
    return Cost(None, None)


class _Price(NamedTuple):
    """An entry of the price book with what each call would work out anew."""

    entry: Entry
    since: datetime | None
    until: datetime | None
    price_id: str
    rates: tuple[Decimal, Decimal, Decimal, Decimal, Decimal]
    per_call: Decimal


@lru_cache(maxsize=1024)
def _held(book: PriceBook, target: Target, model: str) -> tuple[tuple[_Price, ...], ...]:
    """Return all prices of the model that answered, then of the one that was asked."""
    keys = (book.resolve(biller_of(target), name) for name in dict.fromkeys((model, target.model)))
    return tuple(
        tuple(
            _Price(one, one.valid_from, one.valid_until, one.price_id, one.rates.charged(), one.rates.per_call)
            for one in book.entries_of(key)
            if one.slot.processing == "standard"
        )
        for key in keys
        if key is not None
    )


def _cost(price: _Price, usage: Usage, asked: int, answered: int) -> Decimal:
    """Return what `Rates.cost` does, digit for digit."""
    read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    long = usage.cache_creation_1h_input_tokens or 0
    fresh, cached, short, hour, out = price.rates
    told = fresh * (asked - read - written) + cached * read + short * (written - long) + hour * long + out * answered
    return told + price.per_call


@lru_cache(maxsize=1024)
def biller_of(target: Target) -> str:
    """Return who bills a call of `target`, as events and prices name it.

    The preset where there is one. Of another server that speaks OpenAI's wire the target's own name, where the price
    book knows a biller of that name: `databricks` is such a server.
    """
    preset = target.options.get("preset")
    if isinstance(preset, str) and preset:
        return preset
    known = target.provider == _COMPATIBLE and names.PROVIDERS.get(target.name)
    return target.name if known else target.provider
