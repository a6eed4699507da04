"""The names of providers and models under which calls are shared: none that only a few people know.

A fine-tuned model, a deployment or a gateway may be named after a customer or a person, and k calls can all be one
person's. So a name is written as it is only where at least k different users have it. What the price book knows is
written as the book spells it, which is public; all else is `other`, and keeps its costs and rates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

OTHER = "other"
UNKNOWN = "unknown"
"""What events say where they do not know a name: it tells on nobody."""

ANY_MODEL = "*"
"""The price book's word for whatever model a provider runs: no name."""

TABLE = "share_names"


def create(connection: duckdb.DuckDBPyConnection, calls: str, k: int) -> str:
    """Create the temporary table TABLE and return its name.

    One row a pair of `provider` and `model` of the relation `calls`, with the names to write: `shown_provider` and
    `shown_model`. A `k` of users counts those that are known: without users in the events no name is common.
    """
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {TABLE} AS
        WITH pairs AS (
          SELECT provider, model, min(priced_provider) AS priced_provider, min(priced_model) AS priced_model,
                 count(DISTINCT user_id) >= {k} AS common
          FROM {calls} GROUP BY provider, model
        ), providers AS (
          SELECT provider, count(DISTINCT user_id) >= {k} AS common_provider FROM {calls} GROUP BY provider
        )
        SELECT provider, model,
          CASE WHEN common_provider OR provider = '{UNKNOWN}' THEN provider
               WHEN priced_provider IS NOT NULL THEN priced_provider
               WHEN provider IN (SELECT priced_provider FROM pairs WHERE priced_provider IS NOT NULL) THEN provider
               ELSE '{OTHER}' END AS shown_provider,
          CASE WHEN common OR model = '{UNKNOWN}' THEN model
               WHEN priced_model <> '{ANY_MODEL}' THEN priced_model
               ELSE '{OTHER}' END AS shown_model
        FROM pairs JOIN providers USING (provider)"""
    )
    return TABLE


def unpriced(
    connection: duckdb.DuckDBPyConnection, models: Iterable[Mapping[str, Any]], k: int
) -> list[dict[str, Any]]:
    """Return the models without a price under their shown names, those of at least `k` calls, most tokens first.

    Args:
        connection: where `create` made its table.
        models: `provider, model, calls, tokens` each, as events spell them.
        k: the fewest calls.
    """
    rows = connection.execute(f"SELECT provider, model, shown_provider, shown_model FROM {TABLE}").fetchall()
    shown = {(provider, model): names for provider, model, *names in rows}
    merged: dict[tuple[str, str], tuple[int, int]] = {}
    for one in models:
        provider, model = shown.get((one["provider"], one["model"]), (OTHER, OTHER))
        calls, tokens = merged.get((provider, model), (0, 0))
        merged[(provider, model)] = (calls + one["calls"], tokens + one["tokens"])
    listed = [
        {"provider": provider, "model": model, "calls": calls, "tokens": tokens}
        for (provider, model), (calls, tokens) in merged.items()
        if calls >= k
    ]
    return sorted(listed, key=lambda one: (-one["tokens"], -one["calls"], one["provider"], one["model"]))
