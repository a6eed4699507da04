"""How much of the traffic repeats: shared prompt prefixes, equal prompts, and keys that are still warm.

All three are measured from real inter-arrival times, in SQL over any relation with the event's columns. A cache is
taken to be private to a tenant, provider and model, because providers isolate caches at least by organisation and
always by model; that is the careful choice where several tenants share one account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

TTL_SECONDS = {"5m": 300, "1h": 3600}


MEASURED = ("hit_5m_tokens", "hit_1h_tokens", "repeat_calls", "warm_5m_calls", "warm_1h_calls")
"""Columns of a shared workload that stand for what its events would have told."""


def prefix_hits(source: str) -> str:
    """Return SQL for one row an event: `id, tie, blocks, prompt_tokens` and `hit_*_blocks`, `hit_*_tokens` by lifetime.

    Only events with `prefix_hashes` and known tokens are covered. A block is a hit when the same block was touched,
    by an earlier call of the same tenant, provider and model, no longer ago than the cache lives; a read refreshes
    it. Only the leading run of hits counts, since a prompt cache matches prefixes.

    The tokens of a block are inferred: blocks of one source have equal size except the last one, so the largest
    `ceil(input / blocks)` is the size if it fits every event; where it does not, an event's tokens are spread
    evenly over its blocks.
    """
    run = {
        name: f"coalesce(min(position) FILTER (NOT coalesce(gap <= {seconds * 1_000_000}, false)) - 1, max(blocks))"
        for name, seconds in TTL_SECONDS.items()
    }
    tokens = {
        name: f"CAST(least(input_tokens, CASE WHEN even THEN hit_{name}_blocks * size "
        f"ELSE round(input_tokens * (hit_{name}_blocks / blocks)) END) AS BIGINT) AS hit_{name}_tokens"
        for name in TTL_SECONDS
    }
    return f"""
WITH hashed AS (
  SELECT id, hash(id) AS tie, epoch_us(ts) AS us, hash(tenant, provider, model) AS cache, input_tokens,
         prefix_hashes, len(prefix_hashes) AS blocks
  FROM {source} WHERE len(prefix_hashes) > 0 AND input_tokens > 0
), largest AS (
  SELECT cache, max(ceil(input_tokens / blocks)) AS size FROM hashed GROUP BY cache
), sized AS (
  SELECT cache, size, bool_and((blocks - 1) * size < input_tokens) AS even
  FROM hashed JOIN largest USING (cache) GROUP BY cache, size
), block AS (
  SELECT tie, us, blocks, hash(cache, unnest(prefix_hashes)) AS block,
         generate_subscripts(prefix_hashes, 1) AS position
  FROM hashed
), touched AS (
  SELECT tie, blocks, position, us - lag(us) OVER (PARTITION BY block ORDER BY us, tie, position) AS gap FROM block
), run AS (
  SELECT tie, {run["5m"]} AS hit_5m_blocks, {run["1h"]} AS hit_1h_blocks FROM touched GROUP BY tie
)
SELECT id, tie, blocks, input_tokens AS prompt_tokens, hit_5m_blocks, hit_1h_blocks, {tokens["5m"]}, {tokens["1h"]}
FROM hashed JOIN sized USING (cache) JOIN run USING (tie)
"""


def prefix_table(connection: duckdb.DuckDBPyConnection, source: str) -> str:
    """Return the name of a temporary table with `prefix_hits` of `source`, made where the connection has none yet.

    It is the dearest measurement of all, and profile, plan and report each need it.
    """
    name = f"{source}_prefix_hits"
    connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} AS {prefix_hits(source)}")
    return name


NARROW = (
    "epoch_us(ts) AS us, hash(id) AS tie, hash(tenant, provider, model, intent) AS warm_key, "
    "CASE WHEN prompt_hash IS NOT NULL THEN hash(tenant, model, prompt_hash) END AS repeat_key"
)
"""The columns that `repeat` and `warm` read: keys as 64-bit hashes, since windows over texts cost ten times as much."""


def _gap(key: str) -> str:
    return f"us - lag(us) OVER (PARTITION BY {key} ORDER BY us, tie)"


def repeat(window_hours: float) -> str:
    """Return an SQL expression: 1 where an equal prompt came no longer ago than the window, 0 where not, NULL unknown.

    Equal means the same `prompt_hash` within one tenant and model. It is a window expression over `NARROW`.
    The window slides: what counts is the gap to the previous equal prompt, a hit or not, as if each hit renewed the
    entry. A cache whose entries expire at a fixed age answers fewer; its hits are overstated here.
    """
    recent = f"coalesce({_gap('repeat_key')} <= {window_hours * 3_600_000_000:.0f}, false)"
    return f"CASE WHEN repeat_key IS NULL THEN NULL WHEN {recent} THEN 1 ELSE 0 END"


def warm(ttl: str) -> str:
    """Return an SQL expression: 1 where the same tenant, provider, model and intent called within `ttl` before, else 0.

    It is a window expression over `NARROW`.
    """
    return f"CASE WHEN coalesce({_gap('warm_key')} <= {TTL_SECONDS[ttl] * 1_000_000}, false) THEN 1 ELSE 0 END"


def totals(hits: str, ttl: str) -> str:
    """Return SQL for one row `(blocks, hit_blocks, hit_tokens, input_tokens)` over a relation of `prefix_hits`."""
    return (
        f"SELECT sum(blocks)::BIGINT, sum(hit_{ttl}_blocks)::BIGINT, sum(hit_{ttl}_tokens)::BIGINT, "
        f"sum(prompt_tokens)::BIGINT FROM {hits}"
    )
