"""The columns that profiling reads, computed once: text keys become 64-bit hashes, times microseconds.

Grouping and windows over 2 M calls by four text columns cost seconds; by one number they cost a tenth of that, which
is what makes a profile cheap. Two keys in 2⁶⁴ would have to collide to change a figure.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

MEASURED = ("hit_5m_tokens", "hit_1h_tokens", "repeat_calls", "warm_5m_calls", "warm_1h_calls")
"""Columns of a shared workload that stand for what its events would have told (see `profile.workload`)."""

REPEAT_HOURS = 24
WARM_SECONDS = 300
FRONTIER_RATE = 10e-6
"""US dollars per output token from which a model counts as a frontier model (10 per million)."""

TABLE = "profile_calls"

_DAY_US = REPEAT_HOURS * 3_600_000_000
_WARM_US = WARM_SECONDS * 1_000_000


def columns_of(connection: duckdb.DuckDBPyConnection, relation: str) -> frozenset[str]:
    """Return the names of the columns of `relation`."""
    return frozenset(row[0] for row in connection.execute(f"DESCRIBE {relation}").fetchall())


@contextlib.contextmanager
def narrow(connection: duckdb.DuckDBPyConnection, calls: str = "calls") -> Iterator[str]:
    """Create the temporary table of narrow columns over `calls`, yield its name and drop it afterwards.

    One row a row of `calls`. `g` is the segment (tenant, intent, provider, model), `us` the time, `p` the prompt
    within tenant and model (NULL unknown), `repeats` and `warm` calls that repeat or find their key warm.
    """
    known = columns_of(connection, calls)
    measured = set(MEASURED) <= known
    repeats = "repeat_calls" if measured else "NULL"
    warm = "warm_5m_calls" if measured else "NULL"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {TABLE} AS
        SELECT hash(tenant, intent, provider, model) AS g, epoch_us(ts) AS us, n,
               CASE WHEN prompt_hash IS NOT NULL THEN hash(prompt_hash, tenant, model) END AS p,
               input_tokens, output_tokens, t_uncached, t_read, t_write_5m + t_write_1h AS t_write, t_output,
               cost, list_cost, CAST(t_output * r_output AS DECIMAL(38,12)) AS output_cost,
               r_output >= {FRONTIER_RATE!r} AS frontier, cost_basis, latency_ms,
               CAST(quality_score AS DECIMAL(18,9)) AS quality,
               coalesce(batch, false) AS batch, coalesce(cache_hit, false) AS cache_hit,
               agent_id IS NOT NULL AS agent, session_id IS NOT NULL AS session,
               CAST({repeats} AS BIGINT) AS repeats, CAST({warm} AS BIGINT) AS warm
        FROM {calls}"""
    )
    try:
        yield TABLE
    finally:
        connection.execute(f"DROP TABLE IF EXISTS {TABLE}")


def recurring(connection: duckdb.DuckDBPyConnection, table: str) -> dict[int, tuple[int | None, int, int]]:
    """Return `{segment: (repeats, calls with a known prompt, warm calls)}` of a narrow table.

    A repeat is a call whose prompt came within the 24 hours before; warm is a call whose segment was called within
    the five minutes before. `repeats` is None where no call of the segment has a known prompt.
    """
    measured = connection.execute(f"SELECT bool_or(warm IS NOT NULL) FROM {table}").fetchone()
    if measured and measured[0]:
        sql = f"""SELECT g, sum(repeats)::BIGINT, coalesce(sum(n) FILTER (repeats IS NOT NULL), 0)::BIGINT,
            coalesce(sum(warm), 0)::BIGINT FROM {table} GROUP BY g"""
        return {g: (repeats, known, warm) for g, repeats, known, warm in connection.execute(sql).fetchall()}
    warm_rows = connection.execute(
        f"""SELECT g, count(*) FILTER (gap <= {_WARM_US}) FROM
        (SELECT g, us - lag(us) OVER (PARTITION BY g ORDER BY us) AS gap FROM {table}) GROUP BY g"""
    ).fetchall()
    prompt_rows = connection.execute(
        f"""SELECT g, count(*) FILTER (gap <= {_DAY_US}), count(*) FROM
        (SELECT g, us - lag(us) OVER (PARTITION BY p ORDER BY us) AS gap FROM {table} WHERE p IS NOT NULL) GROUP BY g"""
    ).fetchall()
    prompts = {g: (repeats, known) for g, repeats, known in prompt_rows}
    return {g: (*prompts.get(g, (None, 0)), warm) for g, warm in warm_rows}
