"""Pooling the work table to at most 2,000 cells, on which plans are chosen and draws are made.

A cell is a segment (tenant, intent, provider, model) split by which levers match and whether the call is an exact
repeat; within it everything that the levers do is linear, so that pooled figures equal those of the rows. Where there
are more, the cells of least cost are pooled by their flags alone, at the mean rates of their tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tokenop.economics.levers import KINDS, Bound, budget, response_cache
from tokenop.economics.state import BUCKETS, Array, Cells
from tokenop.economics.work import Spread

if TYPE_CHECKING:
    import duckdb

MAX_CELLS = 2000
_LATENCY = (
    "CAST(sum(CAST(latency * n AS DECIMAL(38, 6))) AS DOUBLE) / CAST(sum(n) FILTER (latency IS NOT NULL) AS DOUBLE)"
)


def load(
    connection: duckdb.DuckDBPyConnection, bounds: Sequence[Bound], spread: Spread, most: int = MAX_CELLS
) -> Cells:
    """Return the pooled workload of the table `work`.

    Args:
        connection: holds `work` and `segments`.
        bounds: the levers that the table was built for.
        spread: the window, for the number of blocks.
        most: the number of cells above which the tail is pooled.
    """
    flags = [name for bound in bounds for name in (bound.name, *bound.tiers)]
    repeats = sorted({response_cache.repeat_column(b) for b in bounds if b.lever.kind == "response_cache"})
    # Calls that are batched today have no discount left: they must not share a cell with those that have.
    discounts = ["discount"] if any(bound.lever.kind == "batch" for bound in bounds) else []
    limited = [bound for bound in bounds if bound.lever.kind == "budget"]
    keys = [*flags, *repeats, *discounts, *(f"{bound.name}_class" for bound in limited)]
    measures = [name for bound in bounds for name in KINDS[bound.lever.kind].columns(bound) if name not in bound.tiers]
    _number(connection, keys, most)
    rows = connection.execute(_sums(keys, measures)).fetchnumpy()
    one = connection.execute(_descriptions(keys, measures)).fetchnumpy()
    made = _cells(rows, one, flags, repeats, measures, spread.blocks, loads(connection, bounds, spread))
    for bound in limited:
        made.groups[bound.name] = _plain(one[f"{bound.name}_class"], -1.0).astype(np.int64)
        made.limits[bound.name] = _limits(connection, bound, spread)
    return made


def _limits(connection: duckdb.DuckDBPyConnection, bound: Bound, spread: Spread) -> Array:
    """Return `(blocks, classes)`: how many limits the groups of each class have, as they fall in time."""
    rows = connection.execute(
        f"SELECT class, period, sum(limits) FROM (FROM {bound.name}_groups ORDER BY id) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    table = np.zeros((spread.blocks, max((row[0] for row in rows), default=0) + 1))
    periods = budget.covered(bound, spread)
    for number, period, limits in rows:
        table[:, number] += limits * periods[period][1]
    return table


def _number(connection: duckdb.DuckDBPyConnection, keys: Sequence[str], most: int) -> None:
    """Create `cell_numbers (segment, keys…, cell, number)`: dense numbers, the costliest cells on their own."""
    group = "".join(f", {key}" for key in keys)
    pool = f"PARTITION BY NULL{group}, priced_provider" if keys else "PARTITION BY priced_provider"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE cell_numbers AS
WITH key AS (
  SELECT segment, priced_provider{group}, sum(cost) AS cost FROM work GROUP BY ALL
), ranked AS (
  SELECT *, row_number() OVER (ORDER BY coalesce(cost, 0) DESC, segment{group}) AS place,
         count(*) OVER () AS keys FROM key
), pooled AS (
  SELECT *, CASE WHEN keys <= {most} OR place <= {most // 2} THEN place
                 ELSE {most} + min(place) OVER ({pool}, place > {most // 2}) END AS pool
  FROM ranked
)
SELECT segment, priced_provider{group}, dense_rank() OVER (ORDER BY pool) - 1 AS cell FROM pooled"""
    )


def _join(keys: Sequence[str]) -> str:
    same = "".join(f" AND w.{key} IS NOT DISTINCT FROM c.{key}" for key in keys)
    return f"work w JOIN cell_numbers c ON w.segment = c.segment{same}"


def _sums(keys: Sequence[str], measures: Sequence[str]) -> str:
    """Return SQL for one row a cell and block: calls, tokens and cost by bucket, and the levers' own columns."""
    sums = ", ".join(
        [
            "sum(n) AS n",
            "CAST(sum(w.cost) AS DOUBLE) AS cost",
            "CAST(sum(CAST(fixed AS DECIMAL(38, 12))) AS DOUBLE) AS fixed",
            *(f"sum(CASE WHEN w.cost IS NULL THEN 0 ELSE tokens_{b} END) AS tokens_{b}" for b in BUCKETS),
            *(f"CAST(sum(CAST(tokens_{b} * rate_{b} AS DECIMAL(38, 12))) AS DOUBLE) AS cost_{b}" for b in BUCKETS),
            *(f"sum(CASE WHEN w.cost IS NULL THEN 0 ELSE {name} END) AS {name}" for name in measures),
        ]
    )
    return f"SELECT cell, block, {sums} FROM {_join(keys)} GROUP BY cell, block ORDER BY cell, block"


def _descriptions(keys: Sequence[str], measures: Sequence[str]) -> str:  # noqa: ARG001 one shape for both queries
    """Return SQL for one row a cell: its flags, and the rates where it has no tokens in a bucket."""
    columns = ", ".join(
        [
            *(f"any_value(c.{key}) AS {key}" for key in keys if key != "discount"),
            *(f"{_mean_rate(b)} AS rate_{b}" for b in BUCKETS),
            "min(w.discount) AS discount",
            "CAST(sum(CAST(same_rate * n AS DECIMAL(38, 12))) AS DOUBLE) / CAST(sum(n) AS DOUBLE) AS same_rate",
            f"{_LATENCY} AS latency",
            "min(w.priced_provider) AS provider",
        ]
    )
    return f"SELECT cell, {columns} FROM {_join(keys)} GROUP BY cell ORDER BY cell"


def _mean_rate(bucket: str) -> str:
    """Return SQL for the rate of a bucket without tokens of its own: weighted by the tokens that may move there.

    Not the largest: one call reported at a thousand times its price would set the rate of its whole cell.
    """
    paid = f"sum(CAST(rate_{bucket} * tokens_u AS DECIMAL(38, 12))) FILTER (w.cost IS NOT NULL)"
    tokens = "sum(tokens_u) FILTER (w.cost IS NOT NULL)"
    return f"coalesce(CAST({paid} AS DOUBLE) / nullif(CAST({tokens} AS DOUBLE), 0), median(rate_{bucket}))"


def loads(
    connection: duckdb.DuckDBPyConnection, bounds: Sequence[Bound], spread: Spread
) -> dict[str, tuple[Array, Array]]:
    """Return, for each lever that serves tokens on GPUs, the tokens to prefill and to decode in each hour."""
    found: dict[str, tuple[Array, Array]] = {}
    for bound in bounds:
        if bound.lever.kind != "self_host":
            continue
        rows = connection.execute(
            f"SELECT hour, CAST(sum(tokens_u + tokens_w5 + tokens_w1) AS DOUBLE) AS prefill, "
            f"CAST(sum(tokens_o) AS DOUBLE) AS decode FROM work WHERE {bound.name} GROUP BY hour ORDER BY hour"
        ).fetchnumpy()
        found[bound.name] = by_hour(rows, "prefill", spread), by_hour(rows, "decode", spread)
    return found


def by_hour(rows: dict[str, Any], name: str, spread: Spread) -> Array:
    """Return `(hours,)` sums of a fetched column by hour of the window.

    Where times are known to the day only, each day's sum is spread over its hours: one at the peak, the others even.
    """
    hours = max(int(np.ceil(spread.hours)), 1)
    series = np.zeros(hours)
    np.add.at(series, np.minimum(np.asarray(rows["hour"], dtype=np.int64), hours - 1), _plain(rows[name]))
    if spread.peak is None or hours < 24:
        return series
    days = np.add.reduceat(series, np.arange(0, hours, 24))
    part = min(max(spread.peak, 1.0), 24.0) / 24
    shape = np.full(24, (1 - part) / 23)
    shape[0] = part
    return np.asarray(np.outer(days, shape).reshape(-1))


def _plain(column: Any, missing: float = 0.0) -> Array:
    """Return a fetched column as float64, NULL as `missing`."""
    if isinstance(column, np.ma.MaskedArray):
        return np.asarray(np.ma.filled(column.astype(np.float64), missing), dtype=np.float64)
    return np.asarray(column, dtype=np.float64)


def _cells(
    rows: dict[str, Any],
    one: dict[str, Any],
    flags: Sequence[str],
    repeats: Sequence[str],
    measures: Sequence[str],
    blocks: int,
    load_by_lever: dict[str, tuple[Array, Array]],
) -> Cells:
    size = len(one["cell"])
    index = np.minimum(_plain(rows["block"]).astype(np.int64), blocks - 1), _plain(rows["cell"]).astype(np.int64)

    def spread_out(name: str) -> Array:
        table = np.zeros((blocks, size))
        np.add.at(table, index, _plain(rows[name]))
        return table

    tokens = tuple(spread_out(f"tokens_{b}") for b in BUCKETS)
    rates = []
    for bucket, table in zip(BUCKETS, tokens, strict=True):
        total, paid = table.sum(axis=0), spread_out(f"cost_{bucket}").sum(axis=0)
        rates.append(np.where(total > 0, paid / np.where(total > 0, total, 1.0), _plain(one[f"rate_{bucket}"])))
    sums = {name: spread_out(name).sum(axis=0) for name in measures}
    sums["tokens_u"] = tokens[0].sum(axis=0)
    provider = (
        np.ma.filled(one["provider"].astype(object), None) if np.ma.isMaskedArray(one["provider"]) else one["provider"]
    )
    return Cells(
        calls=spread_out("n"),
        tokens=tokens,
        fixed=spread_out("fixed"),
        cost=spread_out("cost").sum(axis=0),
        rates=tuple(rates),
        discount=_plain(one["discount"], np.nan),
        same_rate=_plain(one["same_rate"], 1.0),
        latency=_plain(one["latency"], np.nan),
        provider=[None if name is None else str(name) for name in provider],
        match={name: np.asarray(np.ma.filled(one[name], fill_value=False), dtype=np.bool_) for name in flags},
        measures=sums,
        repeat={name: _plain(one[name], np.nan) for name in repeats},
        loads=load_by_lever,
    )
