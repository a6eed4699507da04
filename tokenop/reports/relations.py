"""The two tables that every report is made of: what each group of calls costs today, and would cost under the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenop.database import identifier

if TYPE_CHECKING:
    import duckdb

KEYS = ("day", "tenant", "intent", "provider", "model")
MEASURES = ("calls", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "cost_usd")
BUCKETS = ("uncached", "read", "write_5m", "write_1h", "output")

# The projection tells tokens after the plan only where the replay tracked them; otherwise they are unknown, not equal.
_AFTER_TOKENS = {
    "input_tokens": "optimized_t_uncached + optimized_t_read + optimized_t_write_5m + optimized_t_write_1h",
    "cache_read_tokens": "optimized_t_read",
    "cache_write_tokens": "optimized_t_write_5m + optimized_t_write_1h",
    "output_tokens": "optimized_t_output",
}
# Calls that have no price today and stay where they are have none under the plan either: unknown, not zero.
_AFTER_COST = "CASE WHEN cost IS NULL AND calls > 0 AND optimized_cost = 0 THEN NULL ELSE optimized_cost END"


def create_baseline(connection: duckdb.DuckDBPyConnection, calls: str = "calls", name: str = "baseline") -> None:
    """Create TABLE `name` from the priced calls: a row per day × tenant × intent × provider × model.

    `cost_usd` is null where no call of the row has a price; `unpriced_calls` counts those that have none.
    """
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE {identifier(name)} AS
        SELECT CAST(ts AS DATE) AS day,
               coalesce(tenant, 'unknown') AS tenant, coalesce(intent, 'unknown') AS intent,
               coalesce(provider, 'unknown') AS provider, coalesce(model, 'unknown') AS model,
               CAST(sum(n) AS DECIMAL(38, 6)) AS calls,
               CAST(sum(t_uncached + t_read + t_write_5m + t_write_1h) AS DECIMAL(38, 6)) AS input_tokens,
               CAST(sum(t_read) AS DECIMAL(38, 6)) AS cache_read_tokens,
               CAST(sum(t_write_5m + t_write_1h) AS DECIMAL(38, 6)) AS cache_write_tokens,
               CAST(sum(t_output) AS DECIMAL(38, 6)) AS output_tokens,
               CAST(sum(cost) AS DECIMAL(38, 12)) AS cost_usd,
               CAST(coalesce(sum(n) FILTER (cost IS NULL), 0) AS BIGINT) AS unpriced_calls
        FROM {identifier(calls)} GROUP BY ALL""")


def create_optimized(
    connection: duckdb.DuckDBPyConnection, projection: str = "projection", name: str = "optimized"
) -> None:
    """Create TABLE `name` from the replay's projection, in the columns of the baseline.

    Calls that move to another model are counted there. Tokens are null where the projection does not carry them.
    """
    known = {str(row[0]) for row in connection.execute(f"DESCRIBE {identifier(projection)}").fetchall()}
    tokens = {
        column: f"CAST(sum({sql}) AS DECIMAL(38, 6))" if "optimized_t_uncached" in known else "NULL::DECIMAL(38, 6)"
        for column, sql in _AFTER_TOKENS.items()
    }
    columns = ", ".join(f"{sql} AS {column}" for column, sql in tokens.items())
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE {identifier(name)} AS
        SELECT day,
               coalesce(tenant, 'unknown') AS tenant, coalesce(intent, 'unknown') AS intent,
               coalesce(optimized_provider, provider, 'unknown') AS provider,
               coalesce(optimized_model, model, 'unknown') AS model,
               CAST(sum(CAST(optimized_calls AS DECIMAL(38, 6))) AS DECIMAL(38, 6)) AS calls,
               {columns},
               CAST(sum({_AFTER_COST}) AS DECIMAL(38, 12)) AS cost_usd
        FROM {identifier(projection)} GROUP BY ALL""")


def create_difference(
    connection: duckdb.DuckDBPyConnection,
    baseline: str = "baseline",
    optimized: str = "optimized",
    name: str = "difference",
) -> None:
    """Create TABLE `name` with `<measure>_before`, `_after` and `_delta` (after − before: negative is a saving).

    A row that one side does not have counts as zero there (no calls at all); an unknown figure stays null.
    """
    keys = ", ".join(KEYS)
    sides = []
    for measure in MEASURES:
        before = f"CASE WHEN b.day IS NULL THEN 0 ELSE b.{measure} END"
        after = f"CASE WHEN o.day IS NULL THEN 0 ELSE o.{measure} END"
        sides.append(
            f"{before} AS {measure}_before, {after} AS {measure}_after, {after} - ({before}) AS {measure}_delta"
        )
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE {identifier(name)} AS
        SELECT {keys}, {", ".join(sides)}
        FROM {identifier(baseline)} AS b FULL OUTER JOIN {identifier(optimized)} AS o USING ({keys})""")


def create_cells(
    connection: duckdb.DuckDBPyConnection,
    baseline: str = "baseline",
    optimized: str = "optimized",
    name: str = "cells",
) -> None:
    """Create TABLE `name`: both sides on day × tenant × intent × model, `before_usd` beside `after_usd`.

    `model` carries its provider only where two providers serve a model of the same name.
    """
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE {identifier(name)} AS
        WITH sides AS (
            SELECT day, tenant, intent, provider, model, calls, 0::DECIMAL(38, 6) AS calls_after,
                   cost_usd AS before_usd, NULL::DECIMAL(38, 12) AS after_usd,
                   unpriced_calls FROM {identifier(baseline)}
            UNION ALL
            SELECT day, tenant, intent, provider, model, 0, calls, NULL, cost_usd, 0 FROM {identifier(optimized)}
        ), shared AS (
            SELECT model FROM sides GROUP BY model HAVING count(DISTINCT provider) > 1
        )
        SELECT day, tenant, intent,
               CASE WHEN shared.model IS NULL THEN sides.model ELSE provider || '/' || sides.model END AS model,
               sum(calls) AS calls, sum(calls_after) AS calls_after,
               sum(before_usd) AS before_usd, sum(after_usd) AS after_usd, sum(unpriced_calls) AS unpriced_calls
        FROM sides LEFT JOIN shared ON shared.model = sides.model GROUP BY ALL""")
