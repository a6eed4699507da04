"""Adding up the window."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest

from tokenop.reports import breakdown, dashboard, relations


@pytest.fixture
def cells(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Return a connection with the table `cells`."""
    relations.create_baseline(connection)
    relations.create_optimized(connection)
    relations.create_cells(connection)
    return connection


def test_every_side_adds_up_to_the_same_bill(cells: duckdb.DuckDBPyConnection) -> None:
    found = breakdown.compute(cells)
    ((bill,),) = cells.execute("SELECT sum(cost) FROM calls").fetchall()
    ((planned,),) = cells.execute("SELECT sum(optimized_cost) FROM projection").fetchall()
    assert (found.total.before, found.total.after) == (bill, planned)
    for groups in found.by.values():
        assert sum(group.before for group in groups) == bill
        assert sum(group.after for group in groups) == planned
    assert sum(item.before for item in found.slices) == bill
    assert sum(item.after for item in found.slices) == planned


def test_the_tail_is_pooled_and_says_how_many_it_holds(cells: duckdb.DuckDBPyConnection) -> None:
    groups = breakdown.by(cells, "tenant", limit=3)
    assert [group.pooled for group in groups] == [0, 0, 0, 9]
    assert groups[-1].name == breakdown.OTHERS
    assert len(breakdown.by(cells, "tenant", limit=11)) == 12  # one past the limit needs no pool


def test_calls_without_a_price_are_counted(cells: duckdb.DuckDBPyConnection) -> None:
    found = {group.name: group for group in breakdown.by(cells, "model")}
    assert found["our-model"].unpriced == found["our-model"].calls > 0
    assert found["gpt-4o"].unpriced == 0


def test_a_model_is_named_with_its_provider_only_where_two_serve_it(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("UPDATE calls SET provider = 'azure' WHERE model = 'gpt-4o' AND tenant = 'acme'")
    relations.create_baseline(connection)
    relations.create_optimized(connection)
    relations.create_cells(connection)
    names = {group.name for group in breakdown.by(connection, "model")}
    assert {"azure/gpt-4o", "openai/gpt-4o", "claude-sonnet-4-5"} <= names


@pytest.mark.parametrize(("days", "grain"), [(30, "day"), (150, "week"), (1500, "month")])
def test_long_windows_are_shown_in_longer_periods(connection: duckdb.DuckDBPyConnection, days: int, grain: str) -> None:
    connection.execute(f"""UPDATE calls SET ts = ts + INTERVAL ({days - 30}) DAY
        WHERE CAST(ts AS DATE) = DATE '2026-10-30'""")
    relations.create_baseline(connection)
    relations.create_optimized(connection)
    connection.execute("DELETE FROM optimized")
    relations.create_cells(connection)
    assert breakdown.compute(connection).grain == grain


@pytest.mark.parametrize("limit", [20_000, 900, 200, 8])
def test_the_dashboards_cells_fit_the_limit_and_lose_no_money(cells: duckdb.DuckDBPyConnection, limit: int) -> None:
    found = dashboard.collect(cells, limit=limit)
    assert len(found.rows) <= limit
    ((bill,),) = cells.execute("SELECT sum(before_usd) FROM cells").fetchall()
    assert sum(row[5] for row in found.rows) == pytest.approx(float(bill), abs=0.01)
    assert max(row[1] for row in found.rows) < len(found.names["tenant"])


def test_bucket_costs_add_up_to_the_list_cost(cells: duckdb.DuckDBPyConnection) -> None:
    buckets = breakdown.compute(cells).buckets
    ((cost,),) = cells.execute("SELECT sum(cost) FROM calls").fetchall()
    assert abs(sum((bucket.cost or Decimal(0) for bucket in buckets), Decimal(0)) - cost) < Decimal("0.0001")
