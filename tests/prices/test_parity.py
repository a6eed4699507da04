"""The prices computed in SQL are those of genai-prices, for every model that it can price by text tokens.

Left out, because an event does not say enough or nothing could be compared:
- models that the package prices by the hour, page or character, or not at all: they are unpriced here, never 0;
- audio, image and reasoning tokens at rates of their own: the event's buckets are priced as text;
- batch calls before the first day of the package's batch price: here the earliest known one holds (test_calls).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from genai_prices import Usage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.thoroughness import examples
from tokenop.prices.book import PriceBook
from tokenop.prices.bundled import providers

EXACT = Decimal("1e-12")
ROUNDED = Decimal(
    "5e-13"
)  # half a unit of the rates' last place, for the few rates that are traces of binary fractions


class Case(NamedTuple):
    provider: Any
    info: Any
    when: datetime
    tokens: tuple[int, int, int, int, int]
    batch: bool

    def event(self) -> dict[str, object]:
        total, read, write, long, output = self.tokens
        return {
            "ts": self.when.isoformat(),
            "provider": self.provider.id,
            "model": self.info.id,
            "input_tokens": total,
            "output_tokens": output,
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": write,
            "cache_creation_1h_input_tokens": long,
            "batch": str(self.batch).lower(),
        }

    def expected(self) -> Decimal:
        total, read, write, long, output = self.tokens
        usage = Usage(
            input_tokens=total,
            output_tokens=output,
            cache_read_tokens=read,
            cache_write_tokens=write,
            cache_write_1h_tokens=long,
        )
        context = {"processing": "batch"} if self.batch else None
        found = self.info.calc_price(usage, self.provider, genai_request_timestamp=self.when, price_context=context)
        total_price: Decimal = found.total_price
        return total_price


def priced_models(book: PriceBook) -> list[tuple[Any, Any]]:
    return [
        (provider, info)
        for provider in providers()
        for info in provider.models
        if (key := book.resolve(provider.id, info.id)) and book.entries_of(key)
    ]


def boundaries(book: PriceBook, provider: Any, info: Any) -> tuple[list[datetime], list[int]]:
    """Return times and prompt sizes at and around every point where the price of a model changes."""
    key = book.resolve(provider.id, info.id)
    assert key is not None
    entries = book.entries_of(key)
    times = [datetime(2024, 6, 1, 3, 30, tzinfo=UTC), datetime(2026, 11, 21, 13, 0, tzinfo=UTC)]
    for entry in entries:
        if entry.valid_from:
            times += [entry.valid_from, entry.valid_from - timedelta(microseconds=1)]
        start = times[1].replace(hour=0) + timedelta(seconds=entry.slot.second_from)
        times += [start, start - timedelta(microseconds=1)]
    sizes = [0, 1, 999_983]
    for entry in entries:
        if entry.slot.upto is not None:
            sizes += [entry.slot.upto, entry.slot.upto + 1]
    return sorted(set(times)), sorted(set(sizes))


def cases(book: PriceBook, picker: random.Random) -> Iterator[Case]:
    for provider, info in priced_models(book):
        times, sizes = boundaries(book, provider, info)
        reduced = any(dict(variant.when) == {"processing": "batch"} for variant in info.price_variants or ())
        for when in times:
            for total in sizes:
                write = picker.randint(0, total)
                read = picker.randint(0, total - write)
                tokens = (total, read, write, picker.randint(0, write), picker.randint(0, 99_991))
                yield Case(provider, info, when, tokens, batch=False)
                if when >= _first_batch_day(info) and (reduced or picker.random() < 0.05):
                    yield Case(provider, info, when, tokens, batch=True)


def _first_batch_day(info: Any) -> datetime:
    found = [
        variant.constraint for variant in info.price_variants or () if dict(variant.when) == {"processing": "batch"}
    ]
    days = [constraint.start_date for constraint in found if constraint is not None]
    return max((datetime(d.year, d.month, d.day, tzinfo=UTC) for d in days), default=datetime(2000, 1, 1, tzinfo=UTC))


def tolerance(case: Case) -> Decimal:
    """Return 1e-12, more only where a published rate has more than twelve places."""
    prices = case.info.get_prices(case.when, {"processing": "batch"} if case.batch else None)
    values = [value for value in vars(prices).values() if value is not None]
    plain = [price for value in values for price in ([value] if isinstance(value, Decimal) else [value.base])]
    plain += [tier.price for value in values if hasattr(value, "tiers") for tier in value.tiers]
    long = any(-int(price.as_tuple().exponent) > 6 for price in plain)
    return EXACT + (sum(case.tokens[:1]) + case.tokens[4]) * ROUNDED if long else EXACT


def compare(wanted: list[Case], rows: list[dict[str, Any]]) -> list[str]:
    wrong = []
    for case, row in zip(wanted, rows, strict=True):
        expected = case.expected()
        if row["list_cost"] is None or abs(row["list_cost"] - expected) > tolerance(case):
            name = f"{case.provider.id}/{case.info.id}"
            wrong.append(f"{name} {case.when} {case.tokens} {case.batch}: {row['list_cost']} != {expected}")
    return wrong


def test_every_model_costs_what_the_package_says_around_every_change_of_price(
    bundled_book: PriceBook, price: Callable[..., Any]
) -> None:
    wanted = list(cases(bundled_book, random.Random(20261121)))
    _, rows = price(bundled_book, (case.event() for case in wanted))
    models = {(case.provider.id, case.info.id) for case in wanted}
    assert compare(wanted, rows) == []
    assert len(models) > 2000
    assert len(wanted) > 15_000


@settings(max_examples=examples(8, 20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_call_costs_what_the_package_says(
    bundled_book: PriceBook, price: Callable[..., Any], data: st.DataObject
) -> None:
    models = priced_models(bundled_book)
    wanted = []
    for _ in range(data.draw(st.integers(1, 8))):
        provider, info = data.draw(st.sampled_from(models))
        when = data.draw(st.datetimes(datetime(2023, 1, 1), datetime(2027, 6, 1), timezones=st.just(UTC)))  # noqa: DTZ001
        total = data.draw(st.integers(0, 2_000_000))
        write = data.draw(st.integers(0, total))
        tokens = (total, data.draw(st.integers(0, total - write)), write, data.draw(st.integers(0, write)))
        batch = data.draw(st.booleans()) and when >= _first_batch_day(info)
        wanted.append(Case(provider, info, when, (*tokens, data.draw(st.integers(0, 200_000))), batch))
    _, rows = price(bundled_book, (case.event() for case in wanted))
    assert compare(wanted, rows) == []


def test_models_without_a_price_for_text_are_unpriced_not_free(
    bundled_book: PriceBook, price: Callable[..., Any]
) -> None:
    silent = [
        (provider, info)
        for provider in providers()
        for info in provider.models
        if not bundled_book.entries_of(bundled_book.resolve(provider.id, info.id))
    ]
    events = [
        {"provider": provider.id, "model": info.id, "input_tokens": 100, "output_tokens": 10}
        for provider, info in silent
    ]
    coverage, rows = price(bundled_book, events)
    assert coverage.unpriced == len(silent)
    assert [row["cost"] for row in rows] == [None] * len(silent)
    for _, info in silent:
        prices = info.prices if isinstance(info.prices, list) else [info]
        for conditional in prices:
            keys = {key for key, value in vars(conditional.prices).items() if value is not None}
            assert "input_mtok" not in keys or (
                "output_mtok" not in keys and any(k.startswith("output_") for k in keys)
            )


def test_every_id_of_the_package_means_itself(bundled_book: PriceBook) -> None:
    wrong = []
    for provider in providers():
        for info in provider.models:
            key = bundled_book.resolve(provider.id, info.id)
            if key != (provider.id, info.id):
                wrong.append((provider.id, info.id, key))
    assert wrong == []


@pytest.mark.parametrize("text", ["gpt-4o-2024-11-20", "claude-sonnet-4-5-20250929", "gemini-2.5-pro", "o3-mini"])
def test_a_bare_name_means_what_the_package_takes_it_for(bundled_book: PriceBook, text: str) -> None:
    from genai_prices.data_snapshot import get_snapshot

    provider, info = get_snapshot().find_provider_model(text, None, None, None)
    assert bundled_book.resolve("unknown", text) == (provider.id, info.id)
