"""The workload by tenant, intent, provider and model: at most 1,000 segments, the tail pooled into one."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from tokenop.profile import reuse
from tokenop.profile.narrow import KEYS, Recurring, recurring
from tokenop.profile.scalars import ratio

if TYPE_CHECKING:
    import duckdb

MOST = 1000
POOLED = "(pooled)"
"""Stands for each name of the segment that holds the tail."""

NAMES = "profile_segments"
HOURS = 168
_PERCENTILES = (0.5, 0.95, 0.99)


class Prefix(NamedTuple):
    """Input tokens of calls with prefix hashes, and those that a cache of the given lifetime would have held."""

    tokens: int
    hit_5m: int
    hit_1h: int


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment. Money in US dollars, latency in ms over calls where it is known, None where nothing is known.

    `shape` has a digit for each hour of the week from Monday 00:00 UTC: 9 is the segment's busiest hour, 0 is none.
    """

    tenant: str
    intent: str
    provider: str
    model: str
    calls: int
    t_uncached: int | None
    t_read: int | None
    t_write_5m: int | None
    t_write_1h: int | None
    t_output: int | None
    cost_usd: Decimal | None
    unpriced_calls: int
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    latency_p99_ms: float | None
    quality_mean: float | None
    cached_input_share: float | None
    cache_hit_share: float | None
    batch_share: float | None
    warm_share: float | None
    repeat_share: float | None
    prefix_reuse_5m_share: float | None
    prefix_reuse_1h_share: float | None
    shape: str


@dataclass(frozen=True, slots=True)
class Segments:
    """The segments in order of cost, and what they add up to of all that comes again."""

    rows: tuple[Segment, ...]
    pooled: int
    """How many keys the last segment pools; 0 where there was no need."""
    recurring: Recurring
    prefix: Prefix | None


def measure(connection: duckdb.DuckDBPyConnection, table: str, calls: str, prefixes: bool = True) -> Segments:
    """Return the segments of a narrow table of events.

    Args:
        connection: where the tables are.
        table: the narrow table of `calls`.
        calls: the relation itself, for the prefix hashes.
        prefixes: whether to measure prefix reuse (it costs more than all the rest).
    """
    pooled = _name(connection)
    again = recurring(connection, table, NAMES)
    prefix = _prefixes(connection, calls) if prefixes else {}
    shapes = dict(connection.execute(_SHAPES.format(table=table)).fetchall())
    rows = []
    for record in connection.execute(_FIGURES.format(table=table)).fetchall():
        segment, names, figures = record[0], record[1:5], record[5:]
        rows.append(_segment(names, figures, again[segment], prefix.get(segment), shapes[segment]))
    return Segments(tuple(rows), pooled, _whole(again), _whole_prefix(prefix))


def _name(connection: duckdb.DuckDBPyConnection) -> int:
    """Number the keys by cost in the table NAMES (0 is the tail) and return how many are pooled."""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {NAMES} AS
        WITH ranked AS (SELECT *, row_number() OVER (ORDER BY cost DESC NULLS LAST, tokens DESC NULLS LAST, calls DESC,
                          tenant, intent, provider, model) AS rank, count(*) OVER () AS keys FROM {KEYS})
        SELECT g, CASE WHEN keys <= {MOST} OR rank < {MOST} THEN rank ELSE 0 END AS segment,
               tenant, intent, provider, model FROM ranked"""
    )
    row = connection.execute(f"SELECT count(*) FILTER (segment = 0) FROM {NAMES}").fetchone()
    return int(row[0]) if row else 0


_FIGURES = f"""
WITH named AS (
  SELECT segment, any_value(tenant) AS tenant, any_value(intent) AS intent, any_value(provider) AS provider,
         any_value(model) AS model
  FROM {NAMES} WHERE segment > 0 GROUP BY segment
  UNION ALL SELECT 0, '{POOLED}', '{POOLED}', '{POOLED}', '{POOLED}'
), figures AS (
  SELECT segment, sum(n)::BIGINT AS calls, sum(t_uncached)::HUGEINT AS t_uncached, sum(t_read)::HUGEINT AS t_read,
    sum(t_write_5m)::HUGEINT AS t_write_5m, sum(t_write_1h)::HUGEINT AS t_write_1h, sum(t_output)::HUGEINT AS t_output,
    sum(cost) AS cost, coalesce(sum(n) FILTER (cost IS NULL), 0)::BIGINT AS unpriced,
    quantile_disc(latency_ms, {list(_PERCENTILES)}) AS latency, sum(quality * n) AS quality,
    sum(n) FILTER (quality IS NOT NULL) AS judged,
    coalesce(sum(n) FILTER (cache_hit), 0)::BIGINT AS hits, coalesce(sum(n) FILTER (batch), 0)::BIGINT AS batch
  FROM {{table}} JOIN {NAMES} USING (g) GROUP BY segment
)
SELECT segment, tenant, intent, provider, model, figures.* EXCLUDE (segment) FROM figures JOIN named USING (segment)
ORDER BY segment = 0, segment
"""

_SHAPES = f"""
WITH counted AS (
  SELECT segment, (us // 3600000000 + 72) % {HOURS} AS hour, sum(n) AS calls
  FROM {{table}} JOIN {NAMES} USING (g) GROUP BY ALL
), scaled AS (
  SELECT segment, hour, ceil(9 * calls / max(calls) OVER (PARTITION BY segment))::INTEGER AS digit FROM counted
)
SELECT segment, string_agg(coalesce(digit, 0)::VARCHAR, '' ORDER BY hour)
FROM (SELECT DISTINCT segment FROM scaled) CROSS JOIN (SELECT unnest(range({HOURS})) AS hour)
LEFT JOIN scaled USING (segment, hour) GROUP BY segment
"""


def _prefixes(connection: duckdb.DuckDBPyConnection, calls: str) -> dict[int, Prefix]:
    rows = connection.execute(
        f"""SELECT segment, sum(input_tokens)::HUGEINT, sum(hit_5m_tokens)::HUGEINT, sum(hit_1h_tokens)::HUGEINT
        FROM ({reuse.prefix_hits(calls)}) JOIN
        (SELECT id, input_tokens, hash(tenant, intent, provider, model) AS g FROM {calls}) USING (id)
        JOIN {NAMES} USING (g) GROUP BY segment"""
    ).fetchall()
    return {segment: Prefix(*figures) for segment, *figures in rows}


def _segment(
    names: tuple[str, ...], figures: tuple[object, ...], again: Recurring, prefix: Prefix | None, shape: str
) -> Segment:
    calls, uncached, read, write_5m, write_1h, output, cost, unpriced, latency, quality, judged, hits, batch = figures
    tokens_in = None if uncached is None else sum(map(_whole_number, (uncached, read, write_5m, write_1h)))
    p50, p95, p99 = latency if isinstance(latency, list) else (None, None, None)
    measured: tuple[Any, ...] = (
        *names,
        *(calls, uncached, read, write_5m, write_1h, output, cost, unpriced, p50, p95, p99),
        ratio(quality, judged),
        ratio(read, tokens_in),
        ratio(hits, calls),
        ratio(batch, calls),
        ratio(again.warm, calls),
        ratio(again.repeats, again.prompts),
        ratio(prefix.hit_5m, prefix.tokens) if prefix else None,
        ratio(prefix.hit_1h, prefix.tokens) if prefix else None,
        shape,
    )
    return Segment(*measured)


def _whole_number(value: object) -> int:
    assert isinstance(value, int)
    return value


def _whole(again: dict[int, Recurring]) -> Recurring:
    known = [part for part in again.values() if part.repeats is not None]
    return Recurring(
        repeats=sum(part.repeats or 0 for part in known) if known else None,
        prompts=sum(part.prompts for part in known),
        warm=sum(part.warm for part in again.values()),
    )


def _whole_prefix(prefix: dict[int, Prefix]) -> Prefix | None:
    if not prefix:
        return None
    return Prefix(*(sum(column) for column in zip(*prefix.values(), strict=True)))
