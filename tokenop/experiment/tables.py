"""What was measured as the tables that `tokenop diff` reads: one row a day, tenant, intent, provider and model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from tokenop.experiment.model import Prompt, Result

if TYPE_CHECKING:
    import duckdb

_COLUMNS = (
    "day DATE, tenant VARCHAR, intent VARCHAR, provider VARCHAR, model VARCHAR, input_tokens BIGINT, "
    "cache_read_tokens BIGINT, cache_write_tokens BIGINT, output_tokens BIGINT, cost_usd DECIMAL(38, 12)"
)
_KEYS = "day, tenant, intent, provider, model"


def create(
    connection: duckdb.DuckDBPyConnection, name: str, results: Iterable[Result], prompts: Mapping[str, Prompt]
) -> None:
    """Create TABLE `name` from what a side was charged, a row per day × tenant × intent × provider × model.

    Tokens and costs are null where no call of the row tells them; `unpriced_calls` counts calls without a price.
    """
    rows = []
    for result in results:
        prompt = prompts[result.prompt]
        for reply in result.charged:
            if reply.error_kind is None:
                usage = reply.usage
                cached = None if usage.input_tokens is None else 0  # of known tokens none is cached unless it says so
                rows.append(
                    (
                        reply.at.date().isoformat(),
                        *reversed(prompt.segment),
                        reply.provider,
                        reply.model,
                        usage.input_tokens,
                        usage.cache_read_input_tokens or cached,
                        usage.cache_creation_input_tokens or cached,
                        usage.output_tokens,
                        None if reply.cost_usd is None else f"{reply.cost_usd:f}",
                    )
                )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name}_calls ({_COLUMNS})")
    if rows:
        columns = [[None if value is None else str(value) for value in column] for column in zip(*rows, strict=True)]
        lists = ", ".join(["unnest(?::VARCHAR[])"] * len(columns))
        connection.execute(f"INSERT INTO {name}_calls SELECT {lists}", columns)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE {name} AS
        SELECT {_KEYS}, CAST(count(*) AS DECIMAL(38, 6)) AS calls,
               CAST(sum(input_tokens) AS DECIMAL(38, 6)) AS input_tokens,
               CAST(sum(cache_read_tokens) AS DECIMAL(38, 6)) AS cache_read_tokens,
               CAST(sum(cache_write_tokens) AS DECIMAL(38, 6)) AS cache_write_tokens,
               CAST(sum(output_tokens) AS DECIMAL(38, 6)) AS output_tokens,
               CAST(sum(cost_usd) AS DECIMAL(38, 12)) AS cost_usd,
               CAST(count(*) FILTER (cost_usd IS NULL) AS BIGINT) AS unpriced_calls
        FROM {name}_calls GROUP BY ALL""")
