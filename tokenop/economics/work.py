"""The work table: one pass over the calls that works out, for each of them, all that the levers need.

After this pass nothing reads the event log again: the cells, the row replay and the load of GPUs come from here.

Columns: `segment, block, hour, day, n, tokens_*` (five buckets), `cost` (exact, USD), `fixed` (USD that no token
explains), `rate_*` (USD per token as paid), `same_rate`, `discount`, `latency`, `priced_provider`, one flag a lever
(`l0`, …), the levers' own columns, and the shares of exact repeats. A budget adds `<lever>_group` (whose limit a call
counts against), `<lever>_limits` (how much of a limit that group has) and `<lever>_class` (groups that share a cell).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenop.economics.levers import KINDS, Bound, budget, prompt_cache, response_cache
from tokenop.economics.state import BUCKETS
from tokenop.profile import reuse
from tokenop.profile.window import HOURS_PER_MONTH, Window

if TYPE_CHECKING:
    import duckdb

SEGMENT = ("tenant", "intent", "provider", "model", "priced_provider", "priced_model")
SOURCE_BUCKETS = ("t_uncached", "t_read", "t_write_5m", "t_write_1h", "t_output")
SOURCE_RATES = ("r_uncached", "r_read", "r_write_5m", "r_write_1h", "r_output")
# USD that no token explains: all of a cost without tokens, else the price per call where a provider has one.
_FIXED = (
    "CASE WHEN scale IS NULL AND flat IS NULL THEN coalesce(CAST(cost AS DOUBLE), 0.0) "
    "ELSE coalesce(n * r_call * scale, 0.0) END"
)
# A call reported at so many times its list price is an anomaly (`discover` names it). All of it is in the bill, but
# levers are credited with its list price only: no template can promise that the same mistake comes each month.
ABSURD = 100
_SCALE = (
    f"CASE WHEN list_cost > 0 THEN CASE WHEN cost >= {ABSURD} * list_cost THEN 1.0 "
    "ELSE CAST(cost AS DOUBLE) / CAST(list_cost AS DOUBLE) END END"
)
# What a row costs by its tokens, with the names of the work table.
TODAY = "(" + " + ".join(f"tokens_{b} * rate_{b}" for b in BUCKETS) + " + fixed)"


@dataclass(frozen=True)
class Spread:
    """The time that the events cover, and the blocks that the bootstrap draws from it."""

    window: Window
    block: str  # "day", "hour" or "none"
    blocks: int
    peak: float | None = None  # peak ÷ mean hour, where the times of calls are known to the day only

    @property
    def hours(self) -> float:
        """Return the length of the window."""
        return self.window.hours

    @property
    def monthly(self) -> float:
        """Return the factor from the window to a month of 730.5 hours."""
        return HOURS_PER_MONTH / self.window.hours

    @property
    def extrapolated(self) -> bool:
        """Return whether the window is shorter than a week."""
        return self.window.hours < 7 * 24

    @property
    def method(self) -> str:
        """Return how the uncertainty of the window is taken in."""
        if self.block == "none":
            return "parameter ranges only (window under 24 hours)"
        return f"parameter ranges and {self.block}-block bootstrap"


def spread_of(window: Window, peak: float | None = None) -> Spread:
    """Return the blocks to draw: days from a week on, hours from a day on, none below.

    Where times are known to the day only (`peak` is given), hours are no blocks: all calls of a day would be in one.
    """
    if window.hours < 24:
        return Spread(window, "none", 1, peak)
    if window.hours < 7 * 24 and peak is None:
        return Spread(window, "hour", math.ceil(window.hours), peak)
    return Spread(window, "day", math.ceil(window.hours / 24), peak)


def build(connection: duckdb.DuckDBPyConnection, bounds: Sequence[Bound], spread: Spread, calls: str = "calls") -> None:
    """Create the tables `segments` and `work` from the relation `calls` for the given levers.

    Three steps, because a window carries every column of its input along: first the narrow columns with the flags,
    then what comes again (on keys and times alone), then both together.
    """
    names = _columns(connection, calls)
    measured = "hit_5m_tokens" in names
    caching = [bound for bound in bounds if bound.lever.kind == "prompt_cache"]
    hashed = bool(caching) and not measured and _has_hashes(connection, calls)
    if hashed:
        connection.execute(f"CREATE OR REPLACE TEMP VIEW prefix_hits AS FROM {reuse.prefix_table(connection, calls)}")
    key = ", ".join(SEGMENT)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE segments AS SELECT DISTINCT hash({key}) AS segment, {key} FROM {calls}"
    )
    again = _reuse_columns(bounds, measured=measured, hashed=hashed)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE base AS {_base(bounds, spread, calls, names)}")
    windows = {name: sql for name, sql in again.items() if " OVER " in sql}
    if windows:
        listed = ", ".join(f"{sql} AS {name}" for name, sql in windows.items())
        connection.execute(f"CREATE OR REPLACE TEMP TABLE again AS SELECT rowid AS place, {listed} FROM base")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE work AS {_work(bounds, again, windows, hashed=hashed)}")
    connection.execute("DROP TABLE base")
    for bound in caching:
        _switch_off_losses(connection, bound)
    limited = [bound for bound in bounds if bound.lever.kind == "budget"]
    for bound in limited:
        _group(connection, bound, spread, budget.classes(len(limited)))


def _base(bounds: Sequence[Bound], spread: Spread, calls: str, names: set[str]) -> str:
    """Return SQL for the narrow columns of each call, with a flag a lever and its context tiers.

    The flags hold contributed expressions, which the catalogue has checked: they see the calls' own names.
    """
    tokens = " + ".join(f"coalesce({source}, 0)" for source in SOURCE_BUCKETS)
    selected = [
        f"hash({', '.join(SEGMENT)}) AS segment",
        f"{_since(spread, 'hour') if spread.block == 'hour' else _since(spread, 'day')} AS block"
        if spread.block != "none"
        else "0 AS block",
        f"{_since(spread, 'hour')} AS hour",
        "CAST(ts AS DATE) AS day",
        "n, cost, latency_ms, batch, batch_discount, priced_provider, input_tokens",
        "r_call" if "r_call" in names else "CAST(NULL AS DOUBLE) AS r_call",
        *(f"{source}" for source in (*SOURCE_BUCKETS, *SOURCE_RATES)),
        f"{_SCALE} AS scale",
        f"CASE WHEN coalesce(list_cost, 0) = 0 AND {tokens} > 0 THEN CAST(cost AS DOUBLE) / ({tokens}) END AS flat",
        *(f"{_flag(bound)} AS {bound.name}" for bound in bounds),
        *(f"{budget.group(bound)} AS {bound.name}_group" for bound in bounds if bound.lever.kind == "budget"),
        *(reuse.MEASURED if "hit_5m_tokens" in names else (reuse.NARROW,)),
    ]
    return f"SELECT {', '.join(selected)} FROM {calls}"


def _work(bounds: Sequence[Bound], again: dict[str, str], windows: dict[str, str], *, hashed: bool) -> str:
    """Return SQL for the work table over `base`, `again` and `prefix_hits`."""
    joined = ", ".join(["base.*", *(name if name in windows else f"{sql} AS {name}" for name, sql in again.items())])
    lever_columns = {name: sql for bound in bounds for name, sql in KINDS[bound.lever.kind].columns(bound).items()}
    selected = [
        "segment, block, hour, day, n",
        *(f"coalesce({source}, 0) AS tokens_{b}" for source, b in zip(SOURCE_BUCKETS, BUCKETS, strict=True)),
        "CAST(cost AS DECIMAL(38, 12)) AS cost",
        f"{_FIXED} AS fixed",
        *(f"{sql} AS rate_{b}" for sql, b in zip(_rates(), BUCKETS, strict=True)),
        "coalesce(scale, 1.0) AS same_rate",
        "CAST(CASE WHEN batch IS TRUE THEN NULL ELSE batch_discount END AS DOUBLE) AS discount",
        "CAST(latency_ms AS DOUBLE) AS latency",
        "priced_provider",
        *(bound.name for bound in bounds),
        *(f"{bound.name}_group" for bound in bounds if bound.lever.kind == "budget"),
        *(name for name in again if name.startswith("rep_")),
        *(f"{sql} AS {name}" for name, sql in lever_columns.items()),
    ]
    source = "base"
    if windows:
        source += " JOIN again ON base.rowid = again.place"
    if hashed:
        source += " LEFT JOIN prefix_hits ON base.tie = prefix_hits.tie"
    return f"SELECT {', '.join(selected)} FROM (SELECT {joined} FROM {source})"


def _columns(connection: duckdb.DuckDBPyConnection, relation: str) -> set[str]:
    return {row[0] for row in connection.execute(f"DESCRIBE {relation}").fetchall()}


def _has_hashes(connection: duckdb.DuckDBPyConnection, calls: str) -> bool:
    row = connection.execute(f"SELECT 1 FROM {calls} WHERE len(prefix_hashes) > 0 LIMIT 1").fetchone()
    return row is not None


def _flag(bound: Bound) -> str:
    """Return SQL for whether the lever acts on a call: its cost is known, and it is not served so already."""
    if bound.lever.kind == "capacity":
        return "false"
    terms = [f"((\n{bound.lever.where}\n) IS TRUE)", "cost IS NOT NULL"]
    if not _acts_on_the_call(bound):
        terms.append(f"{' + '.join(SOURCE_BUCKETS)} > 0")
    if bound.target:
        model = bound.target_model.replace("'", "''")
        provider = bound.target_provider.replace("'", "''")
        terms.append(f"(priced_provider IS DISTINCT FROM '{provider}' OR priced_model IS DISTINCT FROM '{model}')")
    if bound.lever.kind == "budget":
        terms.append(f"({budget.group(bound)}) IS NOT NULL")
    return "(" + " AND ".join(terms) + ")"


def _acts_on_the_call(bound: Bound) -> bool:
    """Return whether the lever can leave out a call as such; all others need its tokens."""
    return bound.lever.kind == "response_cache" or (bound.lever.kind == "budget" and budget.rejects(bound))


def _group(connection: duckdb.DuckDBPyConnection, bound: Bound, spread: Spread, most: int) -> None:
    """Create `<lever>_groups`, and give each row of the work table its group's limits and class.

    Where there are more than `most` groups, those over and those under the limit are each pooled by how far.
    """
    name = bound.name
    limit = float(bound.lever.parameters["limit_usd"].expected)
    periods = ", ".join(f"(DATE '{day}', {part!r})" for day, (part, _) in budget.covered(bound, spread).items())
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {name}_groups AS
WITH spend AS (
  SELECT {name}_group AS id, CAST(min(date_trunc('{bound.text("period", "month")}', day)) AS DATE) AS period,
         CAST(sum(CAST({TODAY} AS DECIMAL(38, 12))) AS DOUBLE) AS usd
  FROM work WHERE {name}_group IS NOT NULL GROUP BY ALL
), known AS (
  SELECT spend.*, CAST(coalesce(periods.part, 1.0) AS DOUBLE) AS limits
  FROM spend LEFT JOIN (VALUES {periods}) AS periods(period, part) USING (period)
), ranked AS (
  SELECT *, usd > {limit!r} * limits AS over, count(*) OVER () AS many,
         row_number() OVER (ORDER BY id) - 1 AS place FROM known
)
SELECT id, period, usd, limits, over, CASE WHEN many <= {most} THEN place
  ELSE ntile({most // 2}) OVER (PARTITION BY over ORDER BY usd / limits, id) - 1
       + CASE WHEN over THEN {most // 2} ELSE 0 END END AS class FROM ranked"""
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE work AS SELECT work.*, g.limits AS {name}_limits, g.class AS {name}_class "
        f"FROM work LEFT JOIN {name}_groups g ON work.{name}_group = g.id"
    )


def _reuse_columns(bounds: Sequence[Bound], *, measured: bool, hashed: bool) -> dict[str, str]:
    """Return the columns `rep_*`, `warm_*` and `hit_*` that the levers read, each only where one does."""
    columns: dict[str, str] = {}
    for bound in bounds:
        if bound.lever.kind == "response_cache":
            repeats = "repeat_calls / n" if measured else reuse.repeat(response_cache.window(bound))
            columns[response_cache.repeat_column(bound)] = f"CAST({repeats} AS DOUBLE)"
        if bound.lever.kind == "prompt_cache":
            life = prompt_cache.ttl(bound)
            columns[f"warm_{life}"] = f"warm_{life}_calls / n" if measured else reuse.warm(life)
            columns[f"hit_{life}"] = f"hit_{life}_tokens" if measured or hashed else "CAST(NULL AS BIGINT)"
    return dict(sorted(columns.items()))


def _rates() -> list[str]:
    """Return, by bucket, the rate as paid: list price scaled to the cost paid, else one flat rate for all tokens."""
    return [
        f"coalesce(coalesce({rate}, r_uncached) * scale, flat, 0.0)"
        if rate != "r_output"
        else "coalesce(r_output * scale, flat, 0.0)"
        for rate in SOURCE_RATES
    ]


def _since(spread: Spread, unit: str) -> str:
    seconds = 3600 if unit == "hour" else 86400
    return f"greatest(epoch(ts) - {spread.window.start.timestamp():.0f}, 0)::BIGINT // {seconds}"


def _switch_off_losses(connection: duckdb.DuckDBPyConnection, bound: Bound) -> None:
    """Clear the flag of a prompt cache in the segments where write premiums would exceed what reads save."""
    saving = f"sum(CAST({prompt_cache.net_saving(bound)} AS DECIMAL(38, 12)))"
    connection.execute(
        f"UPDATE work SET {bound.name} = false WHERE {bound.name} AND segment IN "
        f"(SELECT segment FROM work WHERE {bound.name} GROUP BY segment HAVING {saving} <= 0)"
    )
