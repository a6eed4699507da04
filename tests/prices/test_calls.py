"""The relation `calls`: buckets, rates, costs and what they cover."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.thoroughness import examples
from tokenop.database import connect
from tokenop.errors import InputError
from tokenop.prices import calls
from tokenop.prices.book import PriceBook

Price = Callable[..., Any]
SONNET = {"provider": "anthropic", "model": "claude-sonnet-4-5", "input_tokens": 1000, "output_tokens": 100}


def test_a_call_costs_the_sum_of_its_buckets(book: PriceBook, price: Price) -> None:
    cached = {"cache_read_input_tokens": 500, "cache_creation_input_tokens": 300, "cache_creation_1h_input_tokens": 100}
    _, (row,) = price(book, [{**SONNET, **cached}])
    buckets = [row[name] for name in ("t_uncached", "t_read", "t_write_5m", "t_write_1h", "t_output")]
    assert buckets == [200, 500, 200, 100, 100]
    assert row["list_cost"] == row["cost"] == Decimal("0.0036")  # .0006 + .00015 + .00075 + .0006 + .0015
    assert (row["cost_basis"], row["priced_model"], row["undated"]) == ("priced", "claude-sonnet-4-5", False)
    assert row["price_id"].startswith("anthropic/claude-sonnet-4-5/2025-09-29/")


@hypothesis_settings(
    max_examples=examples(10, 30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(total=st.integers(0, 10**12), output=st.integers(0, 10**12), parts=st.tuples(*[st.fractions(0, 1)] * 3))
def test_buckets_are_disjoint_and_their_sum_is_the_total(
    book: PriceBook, price: Price, total: int, output: int, parts: tuple[Any, Any, Any]
) -> None:
    write = int(total * parts[0])
    read, long = int((total - write) * parts[1]), int(write * parts[2])
    event = {**SONNET, "input_tokens": total, "output_tokens": output, "cache_read_input_tokens": read}
    event |= {"cache_creation_input_tokens": write, "cache_creation_1h_input_tokens": long}
    _, (row,) = price(book, [event])
    buckets = [row[name] for name in ("t_uncached", "t_read", "t_write_5m", "t_write_1h", "t_output")]
    assert min(buckets) >= 0
    assert sum(buckets) == total + output
    found = book.at("anthropic", "claude-sonnet-4-5", datetime(2026, 11, 1, 12, tzinfo=UTC), total)
    assert found is not None
    assert row["list_cost"] == found.rates.cost(*buckets)


def test_without_token_counts_nothing_is_priced_and_rates_are_still_known(book: PriceBook, price: Price) -> None:
    coverage, rows = price(book, [{**SONNET, "input_tokens": ""}, {**SONNET, "output_tokens": ""}])
    for row in rows:
        assert [row[name] for name in ("t_uncached", "t_read", "t_output", "list_cost", "cost")] == [None] * 5
        assert (row["cost_basis"], row["r_uncached"]) == ("unpriced", pytest.approx(3e-6))
    assert (coverage.without_usage, coverage.unpriced, coverage.tokens) == (2, 2, 0)
    assert coverage.priced_token_share is None


def test_an_unknown_model_is_unpriced_and_listed_never_zero(book: PriceBook, price: Price) -> None:
    unknown = {"provider": "acme", "model": "m", "input_tokens": 3000, "output_tokens": 300}
    coverage, rows = price(book, [SONNET, unknown, unknown])
    assert [row["cost"] for row in rows] == [Decimal("0.0045"), None, None]
    assert (coverage.events, coverage.priced, coverage.unpriced) == (3, 1, 2)
    assert coverage.unpriced_models == (("acme", "m", 2, 6600),)
    assert coverage.unpriced_token_share == Decimal("0.857143")
    assert coverage.as_dict()["unpriced_models"] == [{"provider": "acme", "model": "m", "calls": 2, "tokens": 6600}]


def test_a_reported_cost_stays_and_the_list_price_stands_beside_it(book: PriceBook, price: Price) -> None:
    coverage, (row,) = price(book, [{**SONNET, "cost_usd": "0.001", "price_id": "theirs"}])
    assert (row["cost"], row["list_cost"]) == (Decimal("0.001"), Decimal("0.0045"))
    assert (row["cost_basis"], row["price_id"]) == ("reported", "theirs")
    assert (coverage.reported, coverage.priced) == (1, 0)


def test_a_call_priced_before_is_not_priced_again(book: PriceBook, price: Price) -> None:
    old = {"cost_usd": "0.001", "cost_source": "priced", "price_id": "anthropic/claude-sonnet-4-5/then/abc"}
    _, (row,) = price(book, [{**SONNET, **old}])
    assert (row["cost"], row["cost_basis"]) == (Decimal("0.001"), "priced")
    assert row["price_id"] == "anthropic/claude-sonnet-4-5/then/abc"


def test_batch_calls_pay_batch_rates_and_cannot_be_discounted_again(book: PriceBook, price: Price) -> None:
    early = {**SONNET, "ts": "2025-11-01T00:00:00Z"}
    _, (plain, batch) = price(book, [early, {**early, "batch": "true"}])
    assert batch["list_cost"] * 2 == plain["list_cost"]
    assert (plain["batch_discount"], batch["batch_discount"]) == (0.5, None)
    assert plain["price_id"] != batch["price_id"]


def test_before_its_first_day_in_the_package_the_batch_price_is_the_earliest_known(
    bundled_book: PriceBook, price: Price
) -> None:
    early = {**SONNET, "model": "claude-opus-4-5", "ts": "2026-01-05T00:00:00Z"}
    _, (plain, batch) = price(bundled_book, [early, {**early, "batch": "true"}])
    assert batch["list_cost"] * 2 == plain["list_cost"]
    assert batch["undated"]


def test_a_batch_call_where_there_is_no_batch_price_pays_the_standard_one(book: PriceBook, price: Price) -> None:
    call = {**SONNET, "provider": "groq", "model": "llama-3.1-8b-instant"}
    azure = {**SONNET, "provider": "azure", "model": "gpt-4o"}
    _, rows = price(book, [{**azure, "batch": "true"}, azure, call])
    assert rows[0]["list_cost"] == rows[1]["list_cost"] is not None
    assert rows[1]["batch_discount"] is None


def test_a_long_prompt_pays_the_long_context_rate_for_all_of_its_tokens(book: PriceBook, price: Price) -> None:
    sizes = [{**SONNET, "input_tokens": size, "output_tokens": 0} for size in (200_000, 200_001)]
    _, rows = price(book, sizes)
    assert [row["list_cost"] for row in rows] == [Decimal("0.6"), Decimal("1.200006")]


def test_the_hour_of_the_day_decides_where_the_provider_says_so(book: PriceBook, price: Price) -> None:
    times = ["2025-05-01T00:29:59.999Z", "2025-05-01T00:30:00Z", "2025-05-01T16:29:59Z", "2025-05-01T16:30:00Z"]
    chat = {"provider": "deepseek", "model": "deepseek-chat", "input_tokens": 1_000_000, "output_tokens": 0}
    _, rows = price(book, [{**chat, "ts": time} for time in times])
    assert [row["list_cost"] for row in rows] == [Decimal(x) for x in ("0.135", "0.27", "0.27", "0.135")]


def test_a_cache_without_a_price_of_its_own_costs_what_input_costs(book: PriceBook, price: Price) -> None:
    call = {"provider": "openai", "model": "gpt-4o", "input_tokens": 1_000_000, "output_tokens": 0}
    _, (row,) = price(book, [{**call, "cache_creation_input_tokens": 400_000}])
    assert (row["r_write_5m"], row["list_cost"]) == (None, Decimal("2.5"))


def test_a_row_of_several_calls_costs_as_much_as_the_calls(book: PriceBook, price: Price) -> None:
    single = [{**SONNET, "input_tokens": 150_000, "output_tokens": 10}] * 3
    sonar = {"provider": "perplexity", "model": "sonar", "input_tokens": 100, "output_tokens": 10}
    _, rows = price(book, [*single, *[sonar] * 3])
    pooled = [{**single[0], "input_tokens": 450_000, "output_tokens": 30, "n": 3}]
    pooled.append({**sonar, "input_tokens": 300, "output_tokens": 30, "n": 3})
    coverage, sums = price(book, pooled, extra={"n": "BIGINT"})
    assert sums[0]["list_cost"] == sum(row["list_cost"] for row in rows[:3])
    assert sums[1]["list_cost"] == sum(row["list_cost"] for row in rows[3:])
    assert (coverage.events, sums[0]["n"]) == (6, 3)


def test_a_fee_for_each_call_is_part_of_the_cost(book: PriceBook, price: Price) -> None:
    _, (row,) = price(book, [{"provider": "perplexity", "model": "sonar", "input_tokens": 0, "output_tokens": 0}])
    assert row["list_cost"] == Decimal("0.012")
    assert row["r_call"] == pytest.approx(0.012)


def test_calls_on_own_hardware_are_priced_at_zero_and_counted_as_such(book: PriceBook, price: Price) -> None:
    coverage, (row,) = price(book, [{**SONNET, "provider": "ollama", "model": "llama3"}])
    assert row["cost"] == 0
    assert (coverage.free, coverage.unpriced) == (1, 0)


def test_absurd_token_counts_do_not_overflow(book: PriceBook, price: Price) -> None:
    call = {"provider": "openai", "model": "o1-pro", "input_tokens": 10**12, "output_tokens": 10**12}
    _, rows = price(book, [call] * 100)
    assert sum(row["cost"] for row in rows) == 100 * rows[0]["cost"] > 10**8


def test_every_event_appears_exactly_once(book: PriceBook, price: Price) -> None:
    days = [f"{year}-{month:02d}-08T16:00:00Z" for year in (2023, 2025, 2026) for month in (1, 2, 9, 11)]
    names = [("deepseek", "deepseek-chat"), ("anthropic", "claude-sonnet-4-6"), ("ollama", "x"), ("acme", "y")]
    events = [
        {"ts": day, "provider": provider, "model": model, "input_tokens": 10, "output_tokens": 1, "batch": batch}
        for day in days
        for provider, model in names
        for batch in ("true", "false", "")
    ]
    coverage, rows = price(book, events)
    assert [row["id"] for row in rows] == [f"{number:09d}" for number in range(len(events))]
    assert coverage.events == coverage.priced + coverage.unpriced == len(events)


def test_an_empty_relation_is_covered_by_nothing(book: PriceBook, price: Price) -> None:
    coverage, rows = price(book, [])
    assert (coverage.events, coverage.tokens, rows) == (0, 0, [])


def test_target_rates_are_those_of_the_day_by_prompt_size(book: PriceBook) -> None:
    rates = calls.target_rates(connect(), book, "anthropic", "claude-sonnet-4-5", datetime(2026, 1, 1, tzinfo=UTC))
    sizes = [(rate.min_input_tokens, rate.max_input_tokens, rate.r_output) for rate in rates]
    assert sizes == [(0, 200_000, pytest.approx(15e-6)), (200_001, None, pytest.approx(22.5e-6))]
    assert {rate.batch_discount for rate in rates} == {0.5}


def test_an_unknown_target_is_an_error_that_names_near_ones(book: PriceBook) -> None:
    with pytest.raises(InputError, match="anthropic/claude-sonnet-4-5"):
        calls.target_rates(connect(), book, "anthropic", "claude-sonet-4-5", datetime(2026, 1, 1))  # noqa: DTZ001
