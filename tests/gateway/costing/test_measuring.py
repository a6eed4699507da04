"""What the calls of a period add up to, against the same done by hand, row by row."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.thoroughness import examples
from tokenop.database import connect
from tokenop.errors import InputError, MisuseError
from tokenop.events.schema import types
from tokenop.gateway.costing import periods
from tokenop.gateway.costing.measuring import measure
from tokenop.gateway.costing.model import Costs
from tokenop.prices import book

DAY = datetime(2026, 11, 20, tzinfo=UTC)
CLAUDE = {"provider": "anthropic", "model": "claude-sonnet-4-5"}


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as connection:
        yield connection


def period(since: str = "2026-11-01", until: str = "2026-12-01", zone: str = "UTC") -> periods.Period:
    return periods.period(None, since, until, zone, DAY)


def row(number: int, **more: Any) -> dict[str, Any]:
    """Return an event of Claude's: 1,000 tokens in, 100 out, on the first of the days."""
    usual = {
        "id": f"op-{number}:1", "ts": (DAY + timedelta(minutes=number)).isoformat(), "intent": "unknown", **CLAUDE,
        "input_tokens": 1000, "output_tokens": 100, "latency_ms": 100.0, "cost_usd": None, "endpoint": "e",
        "region": "unknown", "tenant": "unknown", "status": "ok", "attempt": 1,
    }  # fmt: skip
    return {**usual, **more}


def measured(db: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]], **more: Any) -> Costs | None:
    columns = ", ".join(f"(r->>'{name}')::{kind} AS \"{name}\"" for name, kind in types().items() if "[]" not in kind)
    db.execute(f"CREATE OR REPLACE TEMP TABLE events AS SELECT {columns} FROM (SELECT unnest(?::JSON[]) AS r)", [
        [json.dumps(one) for one in rows]
    ])  # fmt: skip
    return measure(db, "events", book.load(), more.pop("period", period()), "a log", **more)


def found(db: duckdb.DuckDBPyConnection, *rows: dict[str, Any], **more: Any) -> Costs:
    costs = measured(db, list(rows), **more)
    assert costs is not None
    return costs


def test_no_calls_are_no_costs(db: duckdb.DuckDBPyConnection) -> None:
    assert measured(db, [row(1, ts="2025-01-01T00:00:00Z")]) is None


def test_reading_saves_and_writing_costs_at_the_price_of_the_day(db: duckdb.DuckDBPyConnection) -> None:
    costs = found(
        db,
        row(1, input_tokens=10_000, cache_read_input_tokens=0, cache_creation_input_tokens=8_000),
        row(2, input_tokens=10_000, cache_read_input_tokens=8_000, cache_creation_input_tokens=0),
        row(3, input_tokens=10_000, cache_creation_input_tokens=4_000, cache_creation_1h_input_tokens=4_000,
            cache_read_input_tokens=0, ts="2026-11-21T10:00:00Z"),
        row(4, input_tokens=50_000),  # says nothing of a cache: neither hit nor miss
    )  # fmt: skip
    first, second = costs.days
    # $3 a million: a write 3.75, or 6 for an hour, a read 0.3.
    assert first.caching.premium_usd == Decimal("0.006")
    assert first.caching.net_usd == Decimal("0.0156")
    assert second.caching.net_usd == Decimal("-0.012")
    assert costs.caching.hit_ratio == pytest.approx(8_000 / 30_000)
    assert costs.caching.net_usd == Decimal("0.0036")


def test_what_a_price_is_not_known_of_is_in_no_sum_and_counted(db: duckdb.DuckDBPyConnection) -> None:
    costs = found(db, row(1), row(2, model="never-priced", input_tokens=2_000), row(3, cost_usd=0.5))
    assert costs.total.cost_usd == Decimal("0.0045") + Decimal("0.5")
    assert (costs.total.unpriced, costs.total.unpriced_tokens) == (1, 2_100)
    assert costs.total.unpriced_share == pytest.approx(2_100 / 4_300)
    assert found(db, row(1, model="never-priced")).total.cost_usd is None


def test_attempts_of_one_call_are_one_call(db: duckdb.DuckDBPyConnection) -> None:
    total = found(
        db,
        row(1, status="529", input_tokens=None, output_tokens=None, latency_ms=9_000),
        row(2, attempt=2, fallback_used=True),
        row(3, status="200"),
        row(4, status=None, latency_ms=300.0),
    ).total
    assert (total.calls, total.attempts, total.errors, total.fallbacks) == (3, 4, 1, 1)
    assert total.p50_ms == 100.0


def test_kept_answers_save_what_a_token_of_that_model_costs(db: duckdb.DuckDBPyConnection) -> None:
    hit = {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0, "cache_hit": True, "tokens_saved": 2_200}
    costs = found(db, row(1), row(2, **hit), row(3, **hit))
    assert (costs.kept.hits, costs.kept.tokens) == (2, 4_400)
    assert costs.kept.saved_usd == pytest.approx(Decimal("0.018"))
    alone = found(db, row(2, **hit))
    assert alone.kept.saved_usd == pytest.approx(Decimal("0.0066"))  # nothing else is known than the price of input
    assert found(db, row(2, **hit, model="never-priced")).kept.saved_usd is None


def test_routing_is_held_against_one_model_for_the_same_tokens(db: duckdb.DuckDBPyConnection) -> None:
    rows = [row(1, model="claude-haiku-4-5"), row(2, status="529"), row(3, model="never-priced")]
    routing = found(db, *rows, baseline=("anthropic", "claude-sonnet-4-5")).routing
    assert routing is not None
    assert (routing.calls, routing.left_out) == (1, 1)
    assert routing.baseline_usd == Decimal("0.0045")
    assert routing.paid_usd == Decimal("0.0015") + Decimal("0.0045")  # what failed was paid as well
    assert routing.saved_usd == Decimal("-0.0015")
    with pytest.raises(InputError, match=r"no model of that name|Did you mean"):
        found(db, *rows, baseline=("anthropic", "clod"))


def test_days_are_those_of_the_zone(db: duckdb.DuckDBPyConnection) -> None:
    late = row(1, ts="2026-11-20T23:30:00Z")
    assert [one.day for one in found(db, late).days] == [date(2026, 11, 20)]
    here = found(db, late, period=period(zone="Europe/Berlin"))
    assert [one.day for one in here.days] == [date(2026, 11, 21)]


def test_what_is_not_said_is_one_row_of_its_own(db: duckdb.DuckDBPyConnection) -> None:
    rows = [row(1, tenant="unknown"), row(2, tenant=""), row(3, tenant="acme", cost_usd=9), row(4, tenant="b")]
    costs = found(db, *rows, by=["tenant"])
    assert [(name, one.calls) for name, one in costs.by["tenant"]] == [("acme", 1), (None, 2), ("b", 1)]


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "user_id": st.sampled_from(["ada", "bob", None]),
                "tier": st.sampled_from(["T1", "T4"]),
                "status": st.sampled_from(["ok", "429", "timed_out"]),
                "minute": st.integers(0, 5_000),
                "cost_usd": st.one_of(st.none(), st.integers(0, 99).map(lambda cents: cents / 100)),
                "input_tokens": st.integers(1, 10_000),
                "read": st.integers(0, 100),
                "model": st.sampled_from(["claude-sonnet-4-5", "never-priced"]),
                "latency_ms": st.integers(1, 9_999).map(float),
            }
        ),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=examples(12, 200), deadline=None)
def test_sums_are_those_of_a_loop(db: duckdb.DuckDBPyConnection, drawn: list[dict[str, Any]]) -> None:
    rows = []
    for number, one in enumerate(drawn):
        read = one.pop("read") * one["input_tokens"] // 100
        ts = (DAY + timedelta(minutes=one.pop("minute"))).isoformat()
        rows.append(row(number, **one, ts=ts, cache_read_input_tokens=read))
    costs = found(db, *rows, by=["user", "tier"])

    def cost(one: dict[str, Any]) -> Decimal | None:
        if one["cost_usd"] is not None:
            return Decimal(str(one["cost_usd"]))
        if one["model"] == "never-priced":
            return None
        read = one["cache_read_input_tokens"]
        micro = (one["input_tokens"] - read) * Decimal(3) + read * Decimal("0.3") + 100 * Decimal(15)
        return micro / 1_000_000

    def check(chosen: list[dict[str, Any]], told: Any) -> None:
        known = [each for one in chosen if (each := cost(one)) is not None]
        answered = [one["latency_ms"] for one in chosen if one["status"] == "ok"]
        assert told.cost_usd == (sum(known) if known else None)
        assert (told.calls, told.unpriced) == (len(chosen), len(chosen) - len(known))
        assert told.errors == sum(one["status"] != "ok" for one in chosen)
        assert told.p50_ms == (statistics.median(answered) if answered else None)

    check(rows, costs.total)
    for what, field in (("user", "user_id"), ("tier", "tier")):
        assert {name for name, _ in costs.by[what]} == {one[field] for one in rows}
        for name, told in costs.by[what]:
            check([one for one in rows if one[field] == name], told)
    for day in costs.days:
        check([one for one in rows if one["ts"][:10] == day.day.isoformat()], day.spending)


def test_the_words_mean_days_of_the_zone() -> None:
    now = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # the 23rd in Berlin
    said = {word: periods.period(word, None, None, "Europe/Berlin", now) for word in periods.WORDS}
    assert {word: one.since.isoformat() for word, one in said.items()} == {
        "today": "2026-11-23T00:00:00+01:00",
        "week": "2026-11-17T00:00:00+01:00",
        "month": "2026-11-01T00:00:00+01:00",
    }
    assert all(one.until == now for one in said.values())
    assert periods.period(None, None, None, "UTC", now).since.isoformat() == "2026-11-22T00:00:00+00:00"
    assert periods.period(None, "2026-11-01", None, "Europe/Berlin", now).since.isoformat().endswith("+01:00")


@pytest.mark.parametrize(
    ("word", "since", "until"),
    [(None, "soon", None), ("week", "2026-11-01", None), (None, "2027-01-01", None), (None, "0001-01-01", None)],
)
def test_times_that_mean_nothing_are_refused(word: str | None, since: str | None, until: str | None) -> None:
    with pytest.raises(MisuseError):
        periods.period(word, since, until, "UTC", DAY)


def test_the_zone_stands_in_the_project(tmp_path: Path) -> None:
    assert periods.zone_in(tmp_path) == "UTC"
    own = tmp_path / "tokenop" / "gateway.yaml"
    own.parent.mkdir()
    own.write_text("timezone: Mars/Olympus\n", encoding="utf-8")
    assert periods.zone_in(tmp_path) == "Mars/Olympus"
    with pytest.raises(InputError, match="Mars/Olympus"):
        periods.period("today", None, None, "Mars/Olympus", DAY)
    own.write_text("timezone: 5\n", encoding="utf-8")
    with pytest.raises(InputError, match="timezone"):
        periods.zone_in(tmp_path)
