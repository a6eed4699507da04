"""Calls made by hand, priced by a small table, so that profiling is tested apart from reading and pricing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb
import pytest

from tokenop.database import connect, quoted
from tokenop.events import schema

# US dollars per token: input, cache read, cache write, output.
RATES = {"big": (5e-6, 0.5e-6, 6.25e-6, 25e-6), "small": (1e-6, 0.1e-6, 1.25e-6, 5e-6)}

DEFAULTS: dict[str, object] = {
    "intent": "ask",
    "provider": "p",
    "model": "big",
    "input_tokens": 1000,
    "output_tokens": 100,
    "latency_ms": 10.0,
    "cost_usd": None,
    "endpoint": "e",
    "region": "r",
    "tenant": "t",
}

MakeCalls = Callable[[Iterable[dict[str, object]]], duckdb.DuckDBPyConnection]


def create_calls(connection: duckdb.DuckDBPyConnection, source: str) -> None:
    """Create the VIEW `calls` over event columns with the columns that pricing adds."""
    values = ", ".join(f"('{model}', {', '.join(map(repr, rates))})" for model, rates in RATES.items())
    connection.execute(
        f"""CREATE OR REPLACE VIEW calls AS
        WITH rates(m, r_uncached, r_read, r_write_5m, r_output) AS (VALUES {values}),
        split AS (SELECT e.*, coalesce(cache_read_input_tokens, 0) AS t_read,
          coalesce(cache_creation_1h_input_tokens, 0) AS t_write_1h,
          coalesce(cache_creation_input_tokens, 0) - coalesce(cache_creation_1h_input_tokens, 0) AS t_write_5m
          FROM {source} e)
        SELECT split.* EXCLUDE (t_read, t_write_5m, t_write_1h), CAST(1 AS BIGINT) AS n,
          input_tokens - t_read - t_write_5m - t_write_1h AS t_uncached, t_read, t_write_5m, t_write_1h,
          output_tokens AS t_output,
          CAST(r_uncached AS DOUBLE) AS r_uncached, CAST(r_read AS DOUBLE) AS r_read,
          CAST(r_write_5m AS DOUBLE) AS r_write_5m, CAST(NULL AS DOUBLE) AS r_write_1h,
          CAST(r_output AS DOUBLE) AS r_output, CAST(0 AS DOUBLE) AS r_call, CAST(NULL AS DOUBLE) AS batch_discount,
          CASE WHEN m IS NOT NULL THEN provider END AS priced_provider, m AS priced_model, false AS undated,
          CAST((input_tokens - t_read - t_write_5m - t_write_1h) * r_uncached + t_read * r_read
             + (t_write_5m + t_write_1h) * r_write_5m + output_tokens * r_output AS DECIMAL(38,12)) AS list_cost,
          CAST(coalesce(cost_usd, list_cost) AS DECIMAL(38,12)) AS cost,
          CASE WHEN cost_usd IS NOT NULL THEN 'reported' WHEN m IS NULL THEN 'unpriced' ELSE 'priced' END AS cost_basis
        FROM split LEFT JOIN rates ON model = m"""
    )


def read_rows(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Create the VIEW `events` over a file of JSON lines."""
    columns = "{" + ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in schema.types().items()) + "}"
    connection.execute(
        f"CREATE OR REPLACE VIEW events AS SELECT * FROM read_json({quoted(str(path))}, "
        f"format='newline_delimited', columns={columns})"
    )


@pytest.fixture
def make_calls(tmp_path: Path) -> MakeCalls:
    """Return a function: rows of event fields (missing ones from DEFAULTS) → a connection with the VIEW `calls`."""

    def make(rows: Iterable[dict[str, object]]) -> duckdb.DuckDBPyConnection:
        path = tmp_path / "rows.jsonl"
        lines = [json.dumps({"id": f"e{number}", **DEFAULTS, **row}) for number, row in enumerate(rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        connection = connect()
        read_rows(connection, path)
        create_calls(connection, "events")
        return connection

    return make
