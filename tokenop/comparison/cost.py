"""What a change of routing does to the bill of one log: exact on the calls, with an interval by resampled blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop.comparison import latency, priced, routed
from tokenop.comparison.model import Cost, Interval, Part, Source
from tokenop.economics import draws
from tokenop.economics.work import Spread, spread_of

if TYPE_CHECKING:
    import duckdb
    import numpy as np

    from tokenop.prices.book import PriceBook
    from tokenop.profile.window import Window
    from tokenop.routing.model import RoutingConfig

DRAWS = 1000
SEED = 0
MOST_PARTS = 12
# Another vendor's tokeniser makes of the same text more or fewer tokens; a judgement, as the templates' own ranges are.
TOKENISER = (0.9, 1.0, 1.15)


@dataclass(frozen=True, slots=True)
class Log:
    """A log to compare on. `path` is a log of events, or a shared workload where `source` says so."""

    source: Source
    name: str
    path: Path
    sample: bool = False


def on(log: Log, base: RoutingConfig | None, head: RoutingConfig | None, book: PriceBook, scratch: Path) -> Cost:
    """Return what the change from `base` to `head` does on `log`. None: calls stay as they are.

    Raises:
        FindingsError: the log has bad rows.
        NoInputError: it is empty.
    """
    from tokenop.database import connect
    from tokenop.planning import inputs

    with connect() as connection:
        shared = log.source == "workload"
        opened = (
            inputs.open_shared(connection, log.path)
            if shared
            else inputs.open_events(connection, book, log.path, scratch)
        )
        return compared(
            connection, log, opened.window, opened.inputs.get("events_hash"), opened.sample, base, head, book
        )


def compared(
    connection: duckdb.DuckDBPyConnection, log: Log, window: Window, events_hash: object, sample: bool | None,
    base: RoutingConfig | None, head: RoutingConfig | None, book: PriceBook,
) -> Cost:  # fmt: skip
    """Return the same for an open relation `calls` over `window`: the set-based work, without opening anything."""
    # Times of a shared workload are known to the day.
    spread = spread_of(window, 1.0 if log.source == "workload" else None)
    routed.facts(connection, "calls", spread.block)
    targets = {**routed.route(connection, base, "base"), **routed.route(connection, head, "head")}
    unpriced = priced.rates(connection, book, targets, window.until)
    priced.compare(connection)
    monthly = spread.monthly
    calls, _ = _one(connection, "SELECT coalesce(sum(n), 0)::BIGINT, 0 FROM facts")
    moved, unknown = _one(
        connection, "SELECT coalesce(sum(moved), 0), coalesce(sum(moved) FILTER (usd IS NULL), 0) FROM deltas"
    )
    exact = _one(connection, "SELECT sum(usd)::DECIMAL(38,12), count(usd) FROM deltas")
    known = exact[1] > 0 or not moved
    delta = (exact[0] or Decimal(0)) if known else None
    bill = priced.bill(connection)
    change = latency.change(connection)
    return Cost(
        log.source, log.name, None if events_hash is None else str(events_hash), log.sample or bool(sample),
        int(calls), spread.hours, spread.extrapolated, float(moved), float(unknown), _free(connection),
        _undecided(connection, base, head),
        None if bill is None else bill * monthly, None if delta is None else float(delta) * monthly,
        _interval(connection, spread) if delta is not None else None, delta, change.ms, change.share,
        tuple(name for name in unpriced if _matters(connection, name)),
        _parts(connection, "tier", monthly), _parts(connection, "intent", monthly),
        _parts(connection, "target", monthly), spread.method + f", {DRAWS} draws", book.hash[:12],
    )  # fmt: skip


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, Any]:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row[0], row[1]


def _free(connection: duckdb.DuckDBPyConnection) -> float:
    """Return how many calls go to models whose tokens cost nothing, and did not before."""
    row = connection.execute(
        """SELECT coalesce(sum(d.weight * f.n), 0) FROM differences d JOIN facts f USING (row_id)
WHERE d.weight > 0 AND d.target IN (
  SELECT target FROM target_rates GROUP BY target HAVING max(r_uncached + r_output) = 0)"""
    ).fetchone()
    assert row is not None
    return float(row[0])


def _undecided(
    connection: duckdb.DuckDBPyConnection, base: RoutingConfig | None, head: RoutingConfig | None
) -> Mapping[str, float]:
    """Return by rule that differs the calls for which it cannot be told whether it holds."""
    rows = connection.execute(
        "SELECT rule, max(calls) FROM (FROM head_undecided UNION ALL FROM base_undecided) WHERE calls > 0 "
        "GROUP BY rule ORDER BY rule"
    ).fetchall()
    then, now = routed.leading(base), routed.leading(head)
    return {rule: float(calls) for rule, calls in rows if then.get(rule) != now.get(rule)}


def _matters(connection: duckdb.DuckDBPyConnection, target: str) -> bool:
    return bool(connection.execute("SELECT 1 FROM differences WHERE target = ? LIMIT 1", [target]).fetchone())


def _parts(connection: duckdb.DuckDBPyConnection, key: str, monthly: float) -> tuple[Part, ...]:
    """Return the largest changes by a key; those past the twelfth are one part, `(others)`."""
    was = {"tier": "tier_was", "target": "target_was"}.get(key, "''")
    rows = connection.execute(
        f"""WITH parts AS (
  SELECT {key} AS name, {was} AS was, sum(moved) AS moved, sum(usd) AS usd,
         coalesce(sum(moved) FILTER (usd IS NULL), 0) AS unknown FROM flows GROUP BY ALL
), ranked AS (
  SELECT *, row_number() OVER (ORDER BY abs(coalesce(usd, 0)) DESC, moved DESC, name, was) > {MOST_PARTS} AS late
  FROM parts
)
SELECT CASE WHEN late THEN '(others)' ELSE name END AS shown, CASE WHEN late THEN '' ELSE was END AS before,
       sum(moved), sum(usd), sum(unknown), late
FROM ranked GROUP BY ALL ORDER BY late, abs(coalesce(sum(usd), 0)) DESC, sum(moved) DESC, shown, before"""
    ).fetchall()
    return tuple(
        Part(name, float(moved) * monthly, None if usd is None else usd * monthly, float(unknown) * monthly, before)
        for name, before, moved, usd, unknown, _ in rows
    )


def _interval(connection: duckdb.DuckDBPyConnection, spread: Spread) -> Interval:
    """Return P10, P50 and P90 of the monthly change: blocks drawn again, and tokenisers of other vendors in doubt."""
    import numpy as np

    rows = connection.execute(
        """WITH known AS (SELECT row_id FROM deltas WHERE usd IS NOT NULL)
SELECT dense_rank() OVER (ORDER BY slot) - 1 AS block,
       CASE WHEN target IS NULL OR to_provider IS NOT DISTINCT FROM own_provider THEN ''
            ELSE coalesce(own_provider, 'unknown') || ' to ' || to_provider END AS move,
       sum((usd * weight::DECIMAL(18,9))::DECIMAL(38,12))::DOUBLE AS usd
FROM differences JOIN known USING (row_id) GROUP BY slot, move ORDER BY slot, move"""
    ).fetchall()
    if not rows:
        return (0.0, 0.0, 0.0)
    moves = sorted({move for _, move, _ in rows})
    # A week from noon to noon touches eight days of the calendar.
    sums = np.zeros((max(spread.blocks, 1 + max(block for block, _, _ in rows)), len(moves)))
    for block, move, usd in rows:
        sums[block, moves.index(move)] += usd
    weights = draws.blocks(len(sums), DRAWS, SEED)
    totals = (weights @ sums) * _ratios(moves)
    found = draws.quantiles(totals.sum(axis=1) * spread.monthly)
    return (found["p10"], found["p50"], found["p90"])


def _ratios(moves: list[str]) -> np.ndarray:
    """Return `(draws, moves)`: how many tokens the other vendor makes of one."""
    import numpy as np

    low, mode, high = TOKENISER
    columns = [
        np.ones(DRAWS) if not move else draws.pert(low, mode, high, DRAWS, draws.generator(SEED, f"tokeniser/{move}"))
        for move in moves
    ]
    return np.stack(columns, axis=1)
