"""The work table: one pass over the calls that works out, for each of them, all that the levers need.

After this pass nothing reads the event log again: the cells, the row replay and the load of GPUs come from here.

Columns: `segment, block, hour, n, tokens_*` (five buckets), `cost` (exact, USD), `fixed` (USD that no token explains),
`rate_*` (USD per token as paid), `same_rate`, `discount`, `latency`, `priced_provider`, one flag a lever (`l0`, …), the
levers' own columns, and the shares of exact repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tokenop.database import quoted
from tokenop.economics.levers import KINDS, Bound
from tokenop.economics.levers import prompt_cache, response_cache
from tokenop.economics.state import BUCKETS
from tokenop.errors import NoInputError
from tokenop.profile import reuse

if TYPE_CHECKING:
    import duckdb

HOURS_PER_MONTH = 730.5
SEGMENT = ("tenant", "intent", "provider", "model", "priced_provider", "priced_model")
SOURCE_BUCKETS = ("t_uncached", "t_read", "t_write_5m", "t_write_1h", "t_output")
SOURCE_RATES = ("r_uncached", "r_read", "r_write_5m", "r_write_1h", "r_output")
# Kinds that act on the call itself; all others need its tokens.
WITHOUT_TOKENS = frozenset({"response_cache"})


@dataclass(frozen=True)
class Window:
    """The time that the events cover, and the blocks that the bootstrap draws from it."""

    since: datetime
    until: datetime
    hours: float
    block: str  # "day", "hour" or "none"
    blocks: int

    @property
    def monthly(self) -> float:
        """Return the factor from the window to a month of 730.5 hours."""
        return HOURS_PER_MONTH / self.hours

    @property
    def extrapolated(self) -> bool:
        """Return whether the window is shorter than a week."""
        return self.hours < 7 * 24

    @property
    def method(self) -> str:
        """Return how the uncertainty of the window is taken in."""
        if self.block == "none":
            return "parameter ranges only (window under 24 hours)"
        return f"parameter ranges and {self.block}-block bootstrap"


def window(connection: duckdb.DuckDBPyConnection, calls: str) -> Window:
    """Measure the window of the calls.

    Raises:
        NoInputError: there are no calls.
    """
    row = connection.execute(
        f"SELECT epoch_us(min(ts)), epoch_us(max(ts)), date_diff('day', min(ts), max(ts)), "
        f"date_diff('hour', min(ts), max(ts)) FROM {calls}"
    ).fetchone()
    if row is None or row[0] is None:
        raise NoInputError("there are no calls to work on")
    from datetime import UTC, timedelta

    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    since, until = (epoch + timedelta(microseconds=value) for value in row[:2])
    # A single call, or a burst, says nothing about the hour around it: at least one hour is taken as observed.
    hours = max((row[1] - row[0]) / 3_600_000_000, 1.0)
    if hours < 24:
        return Window(since, until, hours, "none", 1)
    block = "hour" if hours < 7 * 24 else "day"
    return Window(since, until, hours, block, int(row[3] if block == "hour" else row[2]) + 1)


def build(connection: duckdb.DuckDBPyConnection, bounds: Sequence[Bound], calls: str = "calls") -> Window:
    """Create the tables `segments` and `work` from the relation `calls` for the given levers.

    Raises:
        NoInputError: there are no calls.
    """
    spread = window(connection, calls)
    names = _columns(connection, calls)
    measured = "hit_5m_tokens" in names
    caching = [bound for bound in bounds if bound.lever.kind == "prompt_cache"]
    hashed = bool(caching) and not measured and _has_hashes(connection, calls)
    if hashed:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE prefix_hits AS {reuse.prefix_hits(calls)}")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE segments AS SELECT row_number() OVER (ORDER BY ALL) - 1 AS segment, * "
        f"FROM (SELECT DISTINCT {', '.join(SEGMENT)} FROM {calls}) ORDER BY ALL"
    )
    same = " AND ".join(f"c.{name} = s.{name}" for name in SEGMENT[:4])
    same += "".join(f" AND c.{name} IS NOT DISTINCT FROM s.{name}" for name in SEGMENT[4:])
    joined = f"{calls} c JOIN segments s ON {same}"
    extra = _reuse_columns(bounds, measured=measured, hashed=hashed)
    hits = "LEFT JOIN prefix_hits h USING (id)" if hashed else ""
    flags = "".join(f", {_flag(bound)} AS {bound.name}" for bound in bounds)
    lever_columns = {name: sql for bound in bounds for name, sql in KINDS[bound.lever.kind].columns(bound).items()}
    repeats = sorted({response_cache.repeat_column(b) for b in bounds if b.lever.kind == "response_cache"})
    selected = [
        "segment",
        f"{_block(spread)} AS block",
        "greatest(date_diff('hour', TIMESTAMPTZ " + quoted(spread.since.isoformat()) + ", ts), 0) AS hour",
        "n",
        *(f"coalesce({source}, 0) AS tokens_{b}" for source, b in zip(SOURCE_BUCKETS, BUCKETS, strict=True)),
        "CAST(cost AS DECIMAL(38, 12)) AS cost",
        "CASE WHEN known AND scale IS NULL AND flat IS NULL THEN CAST(cost AS DOUBLE) ELSE 0.0 END AS fixed",
        *(f"{sql} AS rate_{b}" for sql, b in zip(_rates(), BUCKETS, strict=True)),
        "coalesce(scale, 1.0) AS same_rate",
        "CAST(CASE WHEN batch IS TRUE THEN NULL ELSE batch_discount END AS DOUBLE) AS discount",
        "CAST(latency_ms AS DOUBLE) AS latency",
        "priced_provider",
        *(bound.name for bound in bounds),
        *repeats,
        *(f"{sql} AS {name}" for name, sql in lever_columns.items()),
    ]
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE work AS
WITH flagged AS (
  SELECT c.*, s.segment, cost IS NOT NULL AS known{flags}{extra}
  FROM {joined} {hits}
), priced AS (
  SELECT *, CASE WHEN cost IS NOT NULL AND list_cost > 0 THEN CAST(cost AS DOUBLE) / CAST(list_cost AS DOUBLE) END AS scale,
         CASE WHEN cost IS NOT NULL AND coalesce(list_cost, 0) = 0 AND {" + ".join(f"coalesce({t}, 0)" for t in SOURCE_BUCKETS)} > 0
              THEN CAST(cost AS DOUBLE) / ({" + ".join(f"coalesce({t}, 0)" for t in SOURCE_BUCKETS)}) END AS flat
  FROM flagged
)
SELECT {", ".join(selected)} FROM priced"""
    )
    for bound in caching:
        _switch_off_losses(connection, bound)
    return spread


def _columns(connection: duckdb.DuckDBPyConnection, relation: str) -> set[str]:
    return {row[0] for row in connection.execute(f"DESCRIBE {relation}").fetchall()}


def _has_hashes(connection: duckdb.DuckDBPyConnection, calls: str) -> bool:
    row = connection.execute(f"SELECT 1 FROM {calls} WHERE len(prefix_hashes) > 0 LIMIT 1").fetchone()
    return row is not None


def _flag(bound: Bound) -> str:
    """Return SQL for whether the lever acts on a call: its cost is known, and it is not served so already."""
    terms = [f"(({bound.lever.where}) IS TRUE)", "cost IS NOT NULL"]
    if bound.lever.kind not in WITHOUT_TOKENS:
        terms.append("t_uncached IS NOT NULL")
    if bound.target:
        model = bound.target[0].model.replace("'", "''")
        provider = bound.target_provider.replace("'", "''")
        terms.append(f"(c.priced_provider IS DISTINCT FROM '{provider}' OR c.priced_model IS DISTINCT FROM '{model}')")
    return "(" + " AND ".join(terms) + ")"


def _reuse_columns(bounds: Sequence[Bound], *, measured: bool, hashed: bool) -> str:
    """Return the columns `rep_*`, `warm_*`, `hit_*` that the levers read, each only where one does."""
    columns: dict[str, str] = {}
    for bound in bounds:
        if bound.lever.kind == "response_cache":
            hours = response_cache.window(bound)
            repeats = "CAST(repeat_calls AS DOUBLE) / n" if measured else f"CAST({reuse.repeat(hours)} AS DOUBLE)"
            columns[response_cache.repeat_column(bound)] = repeats
        if bound.lever.kind == "prompt_cache":
            life = prompt_cache.ttl(bound)
            columns[f"warm_{life}"] = f"CAST(warm_{life}_calls AS DOUBLE) / n" if measured else reuse.warm(life)
            hit = f"hit_{life}_tokens" if measured or hashed else "CAST(NULL AS BIGINT)"
            columns[f"hit_{life}"] = hit
    return "".join(f", {sql} AS {name}" for name, sql in sorted(columns.items()))


def _rates() -> list[str]:
    """Return, by bucket, the rate as paid: list price scaled to the cost paid, else one flat rate for all tokens."""
    return [
        f"coalesce(coalesce({rate}, r_uncached) * scale, flat, 0.0)" if rate != "r_output" else "coalesce(r_output * scale, flat, 0.0)"
        for rate in SOURCE_RATES
    ]


def _block(spread: Window) -> str:
    if spread.block == "none":
        return "0"
    return f"greatest(date_diff('{spread.block}', TIMESTAMPTZ {quoted(spread.since.isoformat())}, ts), 0)"


def _switch_off_losses(connection: duckdb.DuckDBPyConnection, bound: Bound) -> None:
    """Clear the flag of a prompt cache in the segments where write premiums would exceed what reads save."""
    saving = f"sum(CAST({prompt_cache.net_saving(bound)} AS DECIMAL(38, 12)))"
    connection.execute(
        f"UPDATE work SET {bound.name} = false WHERE {bound.name} AND segment IN "
        f"(SELECT segment FROM work WHERE {bound.name} GROUP BY segment HAVING {saving} <= 0)"
    )
