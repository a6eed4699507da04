"""The columns that profiling reads, computed once: text keys become 64-bit hashes, times microseconds.

Grouping and windows over 2 M calls by four text columns cost seconds; by one number they cost a tenth of that, which
is what makes a profile cheap. Two keys in 2⁶⁴ would have to collide to change a figure.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import duckdb

MEASURED = ("hit_5m_tokens", "hit_1h_tokens", "repeat_calls", "warm_5m_calls", "warm_1h_calls")
"""Columns of a shared workload that stand for what its events would have told (see `profile.workload`)."""

REPEAT_HOURS = 24
WARM_SECONDS = 300
FRONTIER_RATE = 10e-6
"""US dollars per output token from which a model counts as a frontier model (10 per million)."""

BUCKETS = ("uncached", "read", "write_5m", "write_1h", "output")
TABLE = "profile_calls"
KEYS = "profile_keys"

_DAY_US = REPEAT_HOURS * 3_600_000_000
_WARM_US = WARM_SECONDS * 1_000_000


class Recurring(NamedTuple):
    """How often calls come again. `repeats` and `warm` count calls, `prompts` those with a known prompt hash."""

    repeats: int | None
    prompts: int
    warm: int


def columns_of(connection: duckdb.DuckDBPyConnection, relation: str) -> frozenset[str]:
    """Return the names of the columns of `relation`."""
    return frozenset(row[0] for row in connection.execute(f"DESCRIBE {relation}").fetchall())


@contextlib.contextmanager
def narrow(connection: duckdb.DuckDBPyConnection, calls: str = "calls") -> Iterator[str]:
    """Create the temporary table of narrow columns over `calls`, yield its name and drop it afterwards.

    One row a row of `calls`. `g` is the segment (tenant, intent, provider, model), named in the table KEYS with its
    calls, tokens and cost; `us` is the time, `p` the prompt within tenant and model (NULL unknown).
    """
    measured = set(MEASURED) <= columns_of(connection, calls)
    repeats = "repeat_calls" if measured else "NULL"
    warm = "warm_5m_calls" if measured else "NULL"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {TABLE} AS
        SELECT hash(tenant, intent, provider, model) AS g, epoch_us(ts) AS us, n,
               CASE WHEN prompt_hash IS NOT NULL THEN hash(prompt_hash, tenant, model) END AS p,
               input_tokens, output_tokens, t_uncached, t_read, t_write_5m, t_write_1h, t_output,
               cost, r_output >= {FRONTIER_RATE!r} AS frontier, latency_ms,
               CAST(quality_score AS DECIMAL(18,9)) AS quality,
               coalesce(len(prefix_hashes) > 0, false) AS prefixed,
               coalesce(batch, false) AS batch, coalesce(cache_hit, false) AS cache_hit,
               agent_id IS NOT NULL AS agent, session_id IS NOT NULL AS session,
               CAST({repeats} AS BIGINT) AS repeats, CAST({warm} AS BIGINT) AS warm
        FROM {calls}"""
    )
    # Costs of buckets are worked out on these few rows, a rate each, and not on every call.
    costs = ", ".join(_bucket_cost(bucket) for bucket in BUCKETS)
    totals = ", ".join(f"sum(t_{bucket}) AS t_{bucket}" for bucket in BUCKETS)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {KEYS} AS
        SELECT hash(tenant, intent, provider, model) AS g, tenant, intent, provider, model,
               sum(calls)::BIGINT AS calls, sum(cost) AS cost,
               sum(t_uncached + t_read + t_write_5m + t_write_1h + t_output)::HUGEINT AS tokens, {costs}
        FROM (SELECT tenant, intent, provider, model, r_uncached, r_read, r_write_5m, r_write_1h, r_output,
                     sum(n) AS calls, sum(cost) AS cost, {totals} FROM {calls} GROUP BY ALL)
        GROUP BY ALL"""
    )
    try:
        yield TABLE
    finally:
        connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
        connection.execute(f"DROP TABLE IF EXISTS {KEYS}")


def _bucket_cost(bucket: str) -> str:
    """Return the SQL of a bucket's list cost; a bucket without a rate of its own is charged as uncached input."""
    rate = "r_output" if bucket == "output" else f"coalesce(r_{bucket}, r_uncached)"
    return f"sum(CAST(t_{bucket} AS DECIMAL(20,0)) * CAST({rate} AS DECIMAL(18,12))) AS c_{bucket}"


def recurring(connection: duckdb.DuckDBPyConnection, table: str, segments: str | None = None) -> dict[int, Recurring]:
    """Return how often calls come again, by segment.

    A repeat is a call whose prompt came within the 24 hours before, in the same tenant and model; warm is a call
    whose segment was called within the five minutes before.

    Args:
        connection: where the tables are.
        table: a narrow table.
        segments: a table `(g, segment)`; without it all calls are one segment, 0.
    """
    joined = f"JOIN {segments} USING (g)" if segments else ""
    key = "segment" if segments else "0"
    row = connection.execute(f"SELECT bool_or(warm IS NOT NULL) FROM {table}").fetchone()
    if row and row[0]:
        sql = f"""SELECT {key}, sum(repeats)::BIGINT, coalesce(sum(n) FILTER (repeats IS NOT NULL), 0)::BIGINT,
            coalesce(sum(warm), 0)::BIGINT FROM {table} {joined} GROUP BY 1"""
        return {row[0]: Recurring(*row[1:]) for row in connection.execute(sql).fetchall()}

    def gaps(partition: str, limit: int) -> dict[int, tuple[int, int]]:
        sql = f"""SELECT {key}, count(*) FILTER (gap <= {limit}), count(*) FROM
            (SELECT g, us - lag(us) OVER (PARTITION BY {partition} ORDER BY us) AS gap
             FROM {table} WHERE {partition} IS NOT NULL) {joined} GROUP BY 1"""
        return {segment: (within, known) for segment, within, known in connection.execute(sql).fetchall()}

    prompts, warm = gaps("p", _DAY_US), gaps("g", _WARM_US)
    found = {}
    for segment, (count, _) in warm.items():
        repeats, known = prompts.get(segment, (None, 0))
        found[segment] = Recurring(repeats, known, count)
    return found
