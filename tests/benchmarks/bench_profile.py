"""How long a profile of millions of priced events takes, against one hand-written GROUP BY over the same columns.

Run it with `python -m tests.benchmarks.bench_profile [--rows 2000000] [--runs 3]` from the repository. The baseline is
sums and exact p50/p95 by tenant, intent, provider and model, straight from the same Parquet file. Both run in this
process, one after the other, interleaved; medians are compared. The claim is a ratio (at most 20), not a time. Prefix
reuse stays out: the events carry no block hashes. Loading the price book (0.5 s, whatever the log) stays out too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from tokenop.database import connect, quoted
from tokenop.events import schema
from tokenop.prices import book as prices
from tokenop.prices import calls
from tokenop.profile import document, window, yaml_text

MODELS = (
    ("anthropic", "claude-sonnet-4-6"), ("anthropic", "claude-haiku-4-5"), ("anthropic", "claude-opus-5"),
    ("openai", "gpt-5.4"), ("openai", "gpt-5.4-mini"), ("openai", "gpt-5.5"), ("groq", "llama-3.3-70b-versatile"),
    ("groq", "openai/gpt-oss-120b"),
)  # fmt: skip


def generate(path: Path, rows: int) -> None:
    """Write a seeded log of 12 tenants, 10 intents and 8 models (960 segments) over 30 days."""
    values = ", ".join(f"({at}, '{provider}', '{model}')" for at, (provider, model) in enumerate(MODELS))
    connect().execute(
        f"""COPY (
        SELECT 'e' || i AS id,
          TIMESTAMPTZ '2026-09-01 00:00:00Z' + to_microseconds((i * (2592000000000 / {rows}))::BIGINT) AS ts,
          'intent-' || hash(i * 16 + 1) % 10 AS intent, m.provider, m.model,
          (200 + hash(i * 16 + 2) % 9000)::BIGINT AS input_tokens,
          (20 + hash(i * 16 + 3) % 900)::BIGINT AS output_tokens,
          100 + (hash(i * 16 + 4) % 80000) / 10 AS latency_ms, NULL::DECIMAL(20,12) AS cost_usd,
          'api' AS endpoint, 'eu' AS region, 'tenant-' || hash(i * 16 + 5) % 12 AS tenant,
          (hash(i * 16 + 6) % 100)::BIGINT AS cache_read_input_tokens, 's' || hash(i * 16 + 9) % 100000 AS session_id,
          'p' || hash(i * 16 + 7) % ({rows} * 3 // 4) AS prompt_hash
        FROM range({rows}) t(i) JOIN (VALUES {values}) m(k, provider, model) ON m.k = hash(i * 16 + 8) % {len(MODELS)}
        ) TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd)"""
    )


def baseline(path: Path) -> float:
    """Return seconds of one GROUP BY with sums and exact quantiles over the columns that a profile reads."""
    start = time.perf_counter()
    connect().execute(
        f"""SELECT tenant, intent, provider, model, count(*), sum(input_tokens), sum(output_tokens), sum(cost_usd),
        sum(cache_read_input_tokens), min(epoch_us(ts)), max(epoch_us(ts)), count(prompt_hash), count(session_id),
        quantile_cont(latency_ms, [0.5, 0.95]), quantile_cont(input_tokens, [0.5, 0.95]),
        quantile_cont(output_tokens, [0.5, 0.95]) FROM {quoted(str(path))} GROUP BY ALL"""
    ).fetchall()
    return time.perf_counter() - start


def profile(path: Path, book: prices.PriceBook) -> tuple[float, int]:
    """Return seconds from the Parquet file to the text of profile.yaml, pricing included, and its segments."""
    start = time.perf_counter()
    connection = connect()
    _view(connection, path)
    coverage = calls.create(connection, book)
    span = window.of(connection)
    assert span is not None
    described = document.describe(connection, document.Source("", book.hash, span, coverage.as_dict()))
    yaml_text.dump(described)
    return time.perf_counter() - start, len(described["segments"]["table"].rows)


def _view(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    known = {row[0] for row in connection.execute(f"DESCRIBE FROM {quoted(str(path))}").fetchall()}
    columns = ", ".join(name if name in known else f"NULL::{kind} AS {name}" for name, kind in schema.types().items())
    connection.execute(f"CREATE VIEW events AS SELECT {columns} FROM {quoted(str(path))}")


def main() -> None:
    """Generate the log, interleave the runs and print the medians as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=3)
    wished = parser.parse_args()
    book = prices.load()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        generate(path, wished.rows)
        baseline(path)
        pairs = [(baseline(path), profile(path, book)) for _ in range(wished.runs)]
    plain, whole = statistics.median(one for one, _ in pairs), statistics.median(two for _, (two, _) in pairs)
    result = {
        "rows": wished.rows,
        "segments": pairs[0][1][1],
        "group_by_seconds": round(plain, 3),
        "profile_seconds": round(whole, 3),
        "ratio": round(whole / plain, 1),
        "allowed": 20,
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
