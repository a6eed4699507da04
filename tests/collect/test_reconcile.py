"""Log against bill: equal where they tell the same, compared only where both know, sums that add up."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.thoroughness import examples
from tokenop import database
from tokenop.collect import reconcile
from tokenop.collect.reconcile import FIELDS, By, Reconciliation
from tokenop.events.schema import EVENT, USAGE, Record, types
from tokenop.prices import book, calls

DAY = datetime(2026, 8, 25, tzinfo=UTC)
PRICES = book.load()


def call(hours: float = 1, **fields: Any) -> dict[str, Any]:
    return {
        "ts": DAY + timedelta(hours=hours), "intent": "x", "provider": "openai", "model": "gpt-4o", "endpoint": "e",
        "region": "r", "tenant": "t", "input_tokens": 1000, "output_tokens": 100, "latency_ms": None,
        "cost_usd": Decimal("0.5"), "cost_source": "reported", **fields,
    }  # fmt: skip


def record(hours: float = 0, length: float = 24, **fields: Any) -> dict[str, Any]:
    start = DAY + timedelta(hours=hours)
    return {
        "source": "openai-admin/completions", "period_start": start, "period_end": start + timedelta(hours=length),
        "provider": "openai", **fields,
    }  # fmt: skip


def used(hours: float = 0, length: float = 24, **fields: Any) -> dict[str, Any]:
    return record(
        hours, length, **{"model": "gpt-4o", "request_count": 1, "input_tokens": 1000, "output_tokens": 100, **fields}
    )


def paid(cost: str, hours: float = 0, length: float = 24, **fields: Any) -> dict[str, Any]:
    money = {"cost": Decimal(cost), "currency": "USD", "cost_kind": "billed", "source": "openai-admin/costs"}
    return record(hours, length, **{**money, **fields})


def compared(log: list[dict[str, Any]], bill: list[dict[str, Any]], by: By = "month") -> Reconciliation:
    with database.connect() as connection:
        for name, kind, rows in (("events", EVENT, log), ("usage", USAGE, bill)):
            _fill(connection, name, kind, rows)
        calls.create(connection, PRICES)
        return reconcile.compare(connection, PRICES, by)


def _fill(connection: Any, name: str, kind: Record, rows: list[dict[str, Any]]) -> None:
    columns = ", ".join(f"{column} {duckdb}" for column, duckdb in types(kind).items())
    connection.execute(f"CREATE TABLE {name} ({columns})")
    for number, row in enumerate(rows):
        values = [{"id": str(number), **row}.get(column) for column in types(kind)]
        connection.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(values))})", values)


def provider(found: Reconciliation, name: str = "openai") -> dict[str, Any]:
    return next(entry for entry in found.providers if entry["provider"] == name)


def test_a_log_and_its_bill_agree() -> None:
    found = compared([call(1), call(2)], [used(request_count=2, input_tokens=2000, output_tokens=200), paid("1.0")])
    assert provider(found)["difference"] == {"requests": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": 0}
    assert found.total["coverage"] == 1.0


def test_a_difference_is_log_minus_bill() -> None:
    found = compared([call()], [used(request_count=4, input_tokens=4000, output_tokens=400), paid("2.0")])
    assert provider(found)["difference"] == {
        "requests": -3, "input_tokens": -3000, "output_tokens": -300, "cost_usd": -1.5,
    }  # fmt: skip
    assert provider(found)["coverage"]["cost_usd"] == 0.25
    assert found.total["difference_usd"] == -1.5


def test_what_one_side_does_not_know_has_no_difference() -> None:
    found = compared([call(provider="anthropic", model="claude-sonnet-4-5")], [
        used(provider="anthropic", model="claude-sonnet-4-5", request_count=None)
    ])  # fmt: skip
    assert provider(found, "anthropic")["difference"]["requests"] is None
    assert provider(found, "anthropic")["difference"]["input_tokens"] == 0
    assert provider(found, "anthropic")["bill"]["cost_usd"] is None


def test_only_days_that_both_know_are_compared() -> None:
    log = [call(1), call(25), call(49)]
    bill = [used(24), used(48), used(72), paid("0.5", 24)]
    found = compared(log, bill)
    assert provider(found)["log"] == {"requests": 2, "input_tokens": 2000, "output_tokens": 200, "cost_usd": 0.5}
    assert provider(found)["difference"] == {"requests": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": 0}
    notes = "\n".join(found.notes)
    assert "1 record lies outside the log's time" in notes
    assert "2 calls lie outside 2026-08-26T00:00:00.000Z to 2026-08-27T00:00:00.000Z" in notes


def test_no_time_in_common_is_said_and_nothing_compared() -> None:
    found = compared([call()], [used(240)])
    assert "openai: log and bill have no time in common for tokens" in found.notes
    assert found.rows == ()
    assert found.total["difference_usd"] is None


def test_hours_of_a_bill_widen_the_log_to_hours_only() -> None:
    found = compared([call(5.5)], [used(4, 1, input_tokens=7), used(5, 1)])
    assert provider(found)["difference"]["input_tokens"] == 0


def test_spellings_of_one_model_are_one() -> None:
    log = [
        call(provider="bedrock", model="us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        call(model="gpt-5-2025-08-07"),
    ]
    bill = [used(provider="aws", model="claude-sonnet-4-5", source="focus"), used(model="gpt-5")]
    found = compared(log, bill)
    assert {(row["provider"], row["model"]) for row in found.rows} == {
        ("aws", "claude-sonnet-4-5"),
        ("openai", "gpt-5"),
    }
    assert all(row["difference"]["input_tokens"] == 0 for row in found.rows)


def test_two_sources_of_the_same_are_not_added() -> None:
    bill = [paid("1.0"), paid("1.1", source="focus", cost_kind="effective"), used(), used(source="focus")]
    found = compared([call()], bill)
    assert provider(found)["bill"]["cost_usd"] == 1.0
    assert provider(found)["bill"]["input_tokens"] == 1000
    assert provider(found)["compared"]["cost"]["cost_kind"] == "billed"
    assert "openai: effective cost of focus left out, since another source tells the same" in found.notes


def test_corrections_are_summed() -> None:
    found = compared([call()], [paid("1.0"), paid("-1.0"), paid("0.5")])
    assert provider(found)["difference"]["cost_usd"] == 0


def test_a_bill_in_another_currency_is_not_compared() -> None:
    found = compared([call()], [paid("1.0", currency="EUR")])
    assert found.total["difference_usd"] is None
    assert "openai: 1 records have their cost in EUR; only USD is compared" in found.notes


def test_calls_of_a_provider_without_a_bill_are_told() -> None:
    found = compared([call(), call(provider="groq", model="llama-3.3-70b")], [used()])
    assert "groq: 1 calls in the log, and no usage record to hold them against" in found.notes
    assert [entry["provider"] for entry in found.providers] == ["openai"]


def test_sums_over_all_models_stand_beside_the_models() -> None:
    found = compared([call()], [paid("0.5")])
    assert [(row["model"], row["log"]["cost_usd"], row["bill"]["cost_usd"]) for row in found.rows] == [
        ("gpt-4o", 0.5, None),
        (None, None, 0.5),
    ]
    assert provider(found)["difference"]["cost_usd"] == 0


def test_a_record_of_a_month_is_not_put_into_a_day() -> None:
    log = [call(-24 * 24), call(24 * 6 + 23)]  # the first and the last day of August
    found = compared(log, [paid("9", -24 * 24, 24 * 31)], "day")
    (bill,) = [row for row in found.rows if row["bill"]["cost_usd"] is not None]
    assert bill["period"] == "longer than one day"
    assert provider(found)["bill"]["cost_usd"] == 9


@pytest.mark.parametrize(
    ("by", "periods"),
    [("total", {None}), ("month", {"2026-08", "2026-09"}), ("day", {"2026-08-25", "2026-09-01"})],
)
def test_periods_are_months_days_or_none(by: By, periods: set[str | None]) -> None:
    found = compared([call(), call(24 * 7)], [used(), used(24 * 7)], by)
    assert {row["period"] for row in found.rows} == periods


def test_the_whole_result_is_json() -> None:
    found = compared([call()], [used(), paid("0.25")])
    assert json.loads(json.dumps(found.as_dict()))["total"]["difference_usd"] == 0.25


LOGS = st.lists(
    st.builds(
        call,
        hours=st.integers(0, 24 * 45 - 1),
        model=st.sampled_from(["gpt-4o", "gpt-4o-mini", "o3"]),
        input_tokens=st.integers(0, 10**9),
        output_tokens=st.integers(0, 10**6),
        cost_usd=st.decimals(0, 1000, places=6),
    ),
    min_size=1,
    max_size=12,
)


def aggregate(log: list[dict[str, Any]], hours: int) -> list[dict[str, Any]]:
    """Return what a vendor would say of these calls: usage by model, costs as a whole, each for `hours`."""
    buckets: dict[tuple[int, str], list[dict[str, Any]]] = {}
    costs: dict[int, Decimal] = {}
    for entry in log:
        at = int((entry["ts"] - DAY).total_seconds() // 3600) // hours * hours
        buckets.setdefault((at, entry["model"]), []).append(entry)
        costs[at] = costs.get(at, Decimal(0)) + entry["cost_usd"]
    found = [
        used(
            at, hours, model=model, request_count=len(entries),
            input_tokens=sum(entry["input_tokens"] for entry in entries),
            output_tokens=sum(entry["output_tokens"] for entry in entries),
        )
        for (at, model), entries in buckets.items()
    ]  # fmt: skip
    return found + [paid(str(cost), at, hours) for at, cost in costs.items()]


@settings(max_examples=examples(4, 12), deadline=None)
@given(log=LOGS, hours=st.sampled_from([1, 24]))
def test_a_log_and_its_own_aggregate_differ_by_nothing(log: list[dict[str, Any]], hours: int) -> None:
    found = compared(log, aggregate(log, hours))
    assert provider(found)["difference"] == dict.fromkeys(FIELDS, 0)
    for row in found.rows:
        assert row["difference"]["input_tokens"] in (0, None)


def exactly(figures: list[float]) -> Decimal | None:
    """Return the sum of printed figures, digit by digit: in floats the last digit depends on the order."""
    return sum((Decimal(repr(figure)) for figure in figures), Decimal(0)) if figures else None


@settings(max_examples=examples(4, 8), deadline=None)
@given(log=LOGS, other=LOGS)
def test_rows_of_days_add_up_to_months_and_to_the_whole(log: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    bill = aggregate(other, 24)
    sums = {}
    by: By
    for by in ("day", "month", "total"):
        found = compared(log, bill, by)
        rows: dict[Any, Any] = {}
        for side in ("log", "bill"):
            for field in FIELDS:
                known = [row[side][field] for row in found.rows if row[side][field] is not None]
                rows[side, field] = exactly(known)
                whole = [entry[side][field] for entry in found.providers if entry[side][field] is not None]
                assert rows[side, field] == exactly(whole)
        sums[by] = rows
    assert sums["day"] == sums["month"] == sums["total"]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    log, bill = [call(n) for n in range(9)], [used(), paid("1"), paid("2", source="focus")]
    first, second = (json.dumps(compared(log, bill, "day").as_dict()) for _ in range(2))
    assert first == second
