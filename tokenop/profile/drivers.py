"""What drives the cost: by tenant, intent, provider, model and kind of token."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from tokenop.profile.narrow import BUCKETS, KEYS
from tokenop.profile.scalars import one_row, ratio

if TYPE_CHECKING:
    import duckdb

TOP = 10
DIMENSIONS = {
    "tenant": ("tenant",),
    "intent": ("intent",),
    "provider": ("provider",),
    "model": ("provider", "model"),
}


class Driver(NamedTuple):
    """One name and what it costs; `share` is of all known cost."""

    name: str
    calls: int
    cost_usd: Decimal | None
    share: float | None


def by_dimension(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Driver]]:
    """Return the dearest names of each dimension from the table of keys, at most TOP of each."""
    return {name: _top(connection, columns) for name, columns in DIMENSIONS.items()}


def by_bucket(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    """Return the list cost of each kind of token and its share of the list cost of all."""
    sums = ", ".join(f"sum(c_{bucket}) AS {bucket}" for bucket in BUCKETS)
    costs = one_row(connection, f"SELECT {sums} FROM {KEYS}")
    whole = sum((cost for cost in costs.values() if cost is not None), Decimal(0))
    return {
        bucket: {"list_cost_usd": cost, "share": ratio(cost, whole) if cost is not None else None}
        for bucket, cost in costs.items()
    }


def _top(connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...]) -> list[Driver]:
    name = " || '/' || ".join(columns)
    rows = connection.execute(
        f"""SELECT {name}, sum(calls)::BIGINT, sum(cost), (SELECT sum(cost) FROM {KEYS}) FROM {KEYS}
        GROUP BY {", ".join(columns)} ORDER BY sum(cost) DESC NULLS LAST, sum(calls) DESC, 1 LIMIT {TOP}"""
    ).fetchall()
    return [
        Driver(label, calls, cost, None if cost is None else ratio(cost, whole)) for label, calls, cost, whole in rows
    ]
