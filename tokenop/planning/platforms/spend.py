"""What is spent today: calls, tokens and cost by any dimension. Groups add up to the whole."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tokenop.planning.platforms.model import Column, Table, money
from tokenop.planning.platforms.world import DIMENSIONS, World

MOST_GROUPS = 50
_COLUMNS = (
    Column("calls", "calls", "count"),
    Column("cost_monthly_usd", "a month", "usd"),
    Column("cost_share", "of all", "share"),
    Column("latency_p50_ms", "p50", "ms"),
    Column("latency_p95_ms", "p95", "ms"),
)


def group(world: World, by: str, condition: str = "true") -> None:
    """Create `platform_groups (value, place)`: the costliest groups by number, all others as number 0.

    A value of NULL is the group of calls that do not say it.
    """
    order = "value" if by == "hour" else "cost DESC NULLS LAST, value NULLS FIRST"
    world.connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE platform_groups AS
SELECT value, CASE WHEN place <= {MOST_GROUPS} THEN place ELSE 0 END AS place FROM (
  SELECT value, row_number() OVER (ORDER BY {order}) AS place FROM (
    SELECT {DIMENSIONS[by]} AS value, sum(cost) AS cost FROM {world.calls} WHERE {condition} GROUP BY ALL))"""
    )


def names(world: World) -> dict[int, dict[str, Any]]:
    """Return by place what a row of a table says of its group; `pooled` is how many groups the last row holds."""
    found = world.rows(
        "SELECT place, any_value(value) AS value, count(*) AS size FROM platform_groups GROUP BY place ORDER BY place"
    )
    return {
        int(one["place"]): {"name": one["value"], "pooled": 0}
        if one["place"]
        else {"name": f"{one['size']} others", "pooled": int(one["size"])}
        for one in found
    }


def by(world: World, dimension: str, condition: str = "true", title: str | None = None) -> Table:
    """Return the spend by a dimension, costliest first; hours of the day in order."""
    group(world, dimension, condition)
    found = world.rows(
        f"""SELECT g.place, sum(n)::HUGEINT AS calls, sum(cost) AS cost,
          sum(n) FILTER (cost IS NULL)::HUGEINT AS unpriced,
          sum(t_uncached + t_read + t_write_5m + t_write_1h)::HUGEINT AS sent, sum(t_output)::HUGEINT AS written,
          quantile_disc(latency_ms, 0.5) AS p50, quantile_disc(latency_ms, 0.95) AS p95
        FROM {world.calls} c JOIN platform_groups g ON {DIMENSIONS[dimension]} IS NOT DISTINCT FROM g.value
        WHERE {condition} GROUP BY g.place ORDER BY g.place = 0, g.place"""
    )
    costs = [one["cost"] for one in found if one["cost"] is not None]
    whole = sum(costs, Decimal(0)) if costs else None
    known = names(world)
    rows = [{**known[one["place"]], **_figures(world, one, whole)} for one in found]
    return Table(
        f"by_{dimension}",
        title or f"By {dimension}",
        # 24 hours are for JSON: a terminal is told the costliest one.
        () if dimension == "hour" else (Column("name", dimension), *_COLUMNS),
        rows,
        {"calls": sum(row["calls"] for row in rows), "cost_monthly_usd": money(world.a_month(whole))},
    )


def _figures(world: World, one: Mapping[str, Any], whole: Decimal | None) -> dict[str, Any]:
    cost = one["cost"]
    return {
        "calls": int(one["calls"]),
        "unpriced_calls": int(one["unpriced"] or 0),
        "input_tokens": _whole(one["sent"]),
        "output_tokens": _whole(one["written"]),
        "cost_monthly_usd": money(world.a_month(cost)),
        "cost_share": None if cost is None or not whole else round(float(cost / whole), 6),
        "latency_p50_ms": _one(one["p50"]),
        "latency_p95_ms": _one(one["p95"]),
    }


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _one(value: Any) -> float | None:
    return None if value is None else round(float(value), 1)
