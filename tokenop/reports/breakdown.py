"""Where the money goes: the cells of the window, added up the ways a page shows them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from tokenop.database import identifier
from tokenop.reports.relations import BUCKETS

if TYPE_CHECKING:
    import duckdb

OTHERS = "all others"
DIMENSIONS = ("model", "tenant", "intent")


@dataclass(frozen=True, slots=True)
class Share:
    """One group's bill in the window, before and after. `unpriced` counts calls whose cost is not known."""

    name: str
    before: Decimal
    after: Decimal
    calls: Decimal
    unpriced: int
    pooled: int = 0


@dataclass(frozen=True, slots=True)
class Slice:
    """What one series costs in one period; `rank` orders the series, `period` is the period's first day."""

    period: str
    name: str
    rank: int
    before: Decimal
    after: Decimal


@dataclass(frozen=True, slots=True)
class Bucket:
    """Tokens and list cost of one kind of token. Cost is null where nothing of it has a price."""

    name: str
    tokens: int
    cost: Decimal | None


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The window's bill from all sides."""

    total: Share
    grain: str
    first_day: str
    last_day: str
    series: tuple[str, ...]
    slices: tuple[Slice, ...]
    by: dict[str, tuple[Share, ...]]
    buckets: tuple[Bucket, ...]


def compute(connection: duckdb.DuckDBPyConnection, cells: str = "cells", calls: str = "calls") -> Breakdown:
    """Return the breakdown of `cells` (see `relations.create_cells`); token buckets come from `calls`."""
    first, last, span = connection.execute(
        f"SELECT CAST(min(day) AS VARCHAR), CAST(max(day) AS VARCHAR), max(day) - min(day) + 1 FROM {identifier(cells)}"
    ).fetchall()[0]
    grain = "day" if span <= 92 else "week" if span <= 7 * 92 else "month"
    series, slices = _over_time(connection, cells, grain)
    total = connection.execute(f"SELECT 'total', {_SUMS} FROM {identifier(cells)}").fetchall()[0]
    return Breakdown(
        total=Share(*total),
        grain=grain,
        first_day=first,
        last_day=last,
        series=series,
        slices=slices,
        by={dimension: by(connection, dimension, cells=cells) for dimension in DIMENSIONS},
        buckets=_buckets(connection, calls),
    )


_SUMS = """
    coalesce(sum(before_usd), 0), coalesce(sum(after_usd), 0), coalesce(sum(calls), 0),
    CAST(coalesce(sum(unpriced_calls), 0) AS BIGINT)"""


def by(
    connection: duckdb.DuckDBPyConnection, dimension: str, limit: int = 8, cells: str = "cells"
) -> tuple[Share, ...]:
    """Return the bill by `dimension`, largest first, everything past `limit` groups pooled into one."""
    rows = connection.execute(f"""
        WITH groups AS (
            SELECT {dimension} AS name, sum(before_usd) AS before_usd, sum(after_usd) AS after_usd,
                   sum(calls) AS calls, sum(unpriced_calls) AS unpriced_calls
            FROM {identifier(cells)} GROUP BY ALL
        ), ranked AS (
            SELECT *, row_number() OVER (
                ORDER BY greatest(coalesce(before_usd, 0), coalesce(after_usd, 0)) DESC, calls DESC, name) AS place,
                count(*) OVER () AS many
            FROM groups
        ), pooled AS (
            -- One group past the limit needs no pool: it takes the same line under its own name.
            SELECT *, place > {limit} AND many > {limit} + 1 AS tail FROM ranked
        )
        SELECT CASE WHEN tail THEN '{OTHERS}' ELSE name END, {_SUMS}, CASE WHEN tail THEN count(*) ELSE 0 END
        FROM pooled GROUP BY tail, CASE WHEN tail THEN '{OTHERS}' ELSE name END ORDER BY min(place)""").fetchall()
    return tuple(Share(*row) for row in rows)


def _over_time(
    connection: duckdb.DuckDBPyConnection, cells: str, grain: str, limit: int = 6
) -> tuple[tuple[str, ...], tuple[Slice, ...]]:
    rows = connection.execute(f"""
        WITH ranked AS (
            SELECT model, row_number() OVER (
                ORDER BY greatest(coalesce(sum(before_usd), 0), coalesce(sum(after_usd), 0)) DESC, model) AS place
            FROM {identifier(cells)} GROUP BY model
        ), named AS (
            SELECT model, CASE WHEN place > {limit} THEN '{OTHERS}' ELSE model END AS name,
                   least(place, {limit} + 1) AS place FROM ranked
        )
        SELECT CAST(CAST(date_trunc('{grain}', day) AS DATE) AS VARCHAR), name, place - 1,
               coalesce(sum(before_usd), 0), coalesce(sum(after_usd), 0)
        FROM {identifier(cells)} JOIN named USING (model) GROUP BY ALL ORDER BY 1, 3""").fetchall()
    slices = tuple(Slice(*row) for row in rows)
    names = {item.rank: item.name for item in slices}
    return tuple(names[rank] for rank in sorted(names)), slices


def _buckets(connection: duckdb.DuckDBPyConnection, calls: str) -> tuple[Bucket, ...]:
    sums = ", ".join(
        f"CAST(coalesce(sum(t_{name}), 0) AS BIGINT), "
        f"sum(CAST(t_{name} * coalesce(r_{name}, r_uncached) AS DECIMAL(38, 12)))"
        for name in BUCKETS
    )
    row = connection.execute(f"SELECT {sums} FROM {identifier(calls)}").fetchall()[0]
    return tuple(Bucket(name, row[2 * place], row[2 * place + 1]) for place, name in enumerate(BUCKETS))
