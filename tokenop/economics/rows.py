"""Replaying levers on the rows: a chain of relations over the work table, each working on what the earlier ones left.

A row's cost afterwards is its exact cost today minus the change that the levers make, rounded to 10⁻¹² USD: a row
that nothing touches keeps its cost to the last digit, and sums are exact whatever the order of the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from tokenop.economics.cells import by_hour
from tokenop.economics.fleet import Fleet
from tokenop.economics.levers import KINDS, Bound, budget, capacity, self_host
from tokenop.economics.levers.base import Constants
from tokenop.economics.state import BUCKETS
from tokenop.economics.work import TODAY, Spread

if TYPE_CHECKING:
    import duckdb

_COST = "(s_factor * (" + " + ".join(f"s_{b} * s_rate_{b}" for b in BUCKETS) + " + s_fixed) + s_extra)"
# What the row costs afterwards; the part that stays carries today's cost, a part that moved only its new one.
AFTER = (
    f"CASE WHEN s_main THEN coalesce(cost, 0) - CAST({TODAY} - {_COST} AS DECIMAL(38, 12)) "
    f"ELSE CAST({_COST} AS DECIMAL(38, 12)) END"
)


@dataclass(frozen=True)
class Replayed:
    """What a set of levers does to the rows, in US dollars of the window."""

    before: Decimal
    after: Decimal
    latency_p95_before: float | None
    latency_p95_after: float | None
    fleet_before: Decimal = Decimal(0)
    fleet_after: Decimal = Decimal(0)

    @property
    def saving(self) -> Decimal:
        """Return before − after, calls and inventory together: negative where the change costs money."""
        return self.before - self.after + self.fleet_before - self.fleet_after


@dataclass(frozen=True)
class Limited:
    """What a budget does to the rows, in the window: calls past their limit, what they would have cost, and groups."""

    calls: Decimal
    usd: Decimal
    groups: int
    groups_over: int


def chain(bounds: Sequence[Bound], values: Mapping[str, Constants]) -> str:
    """Return a SELECT of the work table's rows after all levers, in the given order.

    The columns `s_*` hold the state: calls, calls that somebody waits for (`s_vis`), tokens, rates, price factor,
    fixed and extra USD, latency; `s_main` is false on the parts that moved to another model or came back from it.
    """
    start = ", ".join(
        [
            "CAST(n AS DOUBLE) AS s_n",
            "CAST(n AS DOUBLE) AS s_vis",
            *(f"CAST(tokens_{b} AS DOUBLE) AS s_{b}" for b in BUCKETS),
            *(f"rate_{b} AS s_rate_{b}" for b in BUCKETS),
            "fixed AS s_fixed",
            "CAST(1.0 AS DOUBLE) AS s_factor",
            "CAST(0.0 AS DOUBLE) AS s_batched",
            "CAST(0.0 AS DOUBLE) AS s_extra",
            "CAST(NULL AS VARCHAR) AS s_to",
            "discount AS s_discount",
            "latency AS s_latency",
            "false AS s_moved, true AS s_main, false AS s_answered, false AS s_cached",
        ]
    )
    steps = [f"s0 AS (SELECT *, {start} FROM work)"]
    for number, bound in enumerate(bounds, start=1):
        select = KINDS[bound.lever.kind].stage(bound, values[bound.name])
        steps.append(f"s{number} AS ({select.replace('{source}', f's{number - 1}')})")
    return f"WITH {', '.join(steps)} SELECT * FROM s{len(bounds)}"


def replay(
    connection: duckdb.DuckDBPyConnection,
    bounds: Sequence[Bound],
    values: Mapping[str, Constants],
    spread: Spread,
    fleet: Fleet | None = None,
) -> Replayed:
    """Replay the levers on the rows and on the inventory, and return exact totals.

    Args:
        connection: holds the table `work`.
        bounds: the levers in chain order.
        values: by lever name, the value of each parameter.
        spread: the window.
        fleet: the inventory, if there is one.
    """
    totals = connection.execute(
        f"SELECT coalesce((SELECT sum(cost) FROM work), 0), coalesce(sum({AFTER}), 0) FROM ({chain(bounds, values)})"
    ).fetchone()
    assert totals is not None
    on_gpus = sum(
        (served(connection, bounds, values, spread, bound) for bound in bounds if bound.lever.kind == "self_host"),
        Decimal(0),
    )
    before_p95 = _p95(connection, "SELECT latency AS s_latency, n AS s_vis FROM work")
    after_p95 = _p95(connection, f"SELECT s_latency, s_vis FROM ({chain(bounds, values)})") if bounds else before_p95
    fleet, hours = fleet or Fleet(), Decimal(repr(spread.hours))
    standing = sum(capacity.replay(fleet, bounds, values), Decimal(0))
    return Replayed(totals[0], totals[1] + on_gpus, before_p95, after_p95, fleet.hourly_usd * hours, standing * hours)


def limited(
    connection: duckdb.DuckDBPyConnection, bounds: Sequence[Bound], values: Mapping[str, Constants], bound: Bound
) -> Limited:
    """Return what the budget `bound` takes from the rows that the levers before it in `bounds` leave."""
    before = bounds[: bounds.index(bound)]
    past, share = f"{bound.name}_past", values[bound.name]["share"]
    select = budget.measured(bound, values[bound.name]).replace("{source}", f"({chain(before, values)})")
    acted = bound.name if budget.rejects(bound) else f"({bound.name} AND NOT s_moved)"
    row = connection.execute(
        f"SELECT coalesce(sum(CAST(s_n * {past} AS DECIMAL(38, 6))) FILTER ({acted} AND {budget.FIRST}), 0), "
        f"coalesce(sum(CAST({budget.SPEND} * {past} AS DECIMAL(38, 12))) FILTER ({acted}), 0), "
        f"count(DISTINCT {bound.name}_group), count(DISTINCT {bound.name}_group) FILTER ({past} > 0) "
        f"FROM ({select})"
    ).fetchone()
    assert row is not None
    return Limited(row[0], row[1], row[2], row[3]) if share else Limited(Decimal(0), Decimal(0), row[2], 0)


def served(
    connection: duckdb.DuckDBPyConnection,
    bounds: Sequence[Bound],
    values: Mapping[str, Constants],
    spread: Spread,
    bound: Bound,
) -> Decimal:
    """Return what GPUs cost for the tokens that the rows leave to them."""
    rows = connection.execute(
        f"SELECT hour, CAST(sum(CAST({bound.name}_prefill AS DECIMAL(38, 3))) AS DOUBLE) AS prefill, "
        f"CAST(sum(CAST({bound.name}_decode AS DECIMAL(38, 3))) AS DOUBLE) AS decode "
        # A later downgrade splits rows; what the GPUs serve stands on the part that stays.
        f"FROM ({chain(bounds, values)}) WHERE s_main GROUP BY hour ORDER BY hour"
    ).fetchnumpy()
    arrays = {name: np.full((1, 1), value) for name, value in values[bound.name].items()}
    prefill, decode = by_hour(rows, "prefill", spread)[None, :], by_hour(rows, "decode", spread)[None, :]
    cost = float(self_host.gpu_cost(bound, prefill, decode, arrays, spread.hours)[0])
    return Decimal(repr(cost)).quantize(Decimal("1e-12"))


def _p95(connection: duckdb.DuckDBPyConnection, relation: str) -> float | None:
    """Return the weighted 95th percentile of latency in whole milliseconds; None where no call has one."""
    row = connection.execute(
        f"""WITH by_ms AS (
  SELECT round(s_latency) AS ms, sum(CAST(s_vis AS DECIMAL(38, 6))) AS weight FROM ({relation})
  WHERE s_latency IS NOT NULL GROUP BY ms
), running AS (SELECT ms, sum(weight) OVER (ORDER BY ms) AS upto, sum(weight) OVER () AS whole FROM by_ms)
SELECT min(ms) FROM running WHERE upto >= CAST(0.95 AS DECIMAL(3, 2)) * whole AND whole > 0"""
    ).fetchone()
    return None if row is None or row[0] is None else float(row[0])
