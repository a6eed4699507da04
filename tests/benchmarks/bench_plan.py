"""How long a plan over millions of priced events takes, against one hand-written GROUP BY over the same columns.

Run it with `python -m tests.benchmarks.bench_plan [--rows 2000000] [--runs 3]` from the repository. The baseline is
sums and exact p50/p95 by tenant, intent, provider and model, straight from the same Parquet file. Both run in this
process one after the other, interleaved; medians are compared. The claim is a ratio, not a time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tokenop.database import connect
from tokenop.economics import chain, draws
from tokenop.events import schema
from tokenop.planning import build, inputs
from tokenop.planning.policy import Policy
from tokenop.prices import book as prices

MODELS = (
    ("anthropic", "claude-sonnet-4-5"), ("anthropic", "claude-haiku-4-5"), ("anthropic", "claude-opus-4-5"),
    ("openai", "gpt-4o"), ("openai", "gpt-4o-mini"), ("openai", "gpt-5-mini"), ("google", "gemini-2.5-pro"),
    ("groq", "llama-3.3-70b-versatile"),
)  # fmt: skip
TEMPLATES = 10


def generate(path: Path, rows: int) -> None:
    """Write a seeded log: 30 tenants, 12 intents, 8 models, 30 days, repeats; all columns of an event."""
    values = ", ".join(f"('{provider}', '{model}')" for provider, model in MODELS)
    known = {
        "id": "'e' || i",
        "ts": "TIMESTAMPTZ '2026-09-01 00:00:00Z' + to_microseconds((i::HUGEINT * 2592000000000 // $rows)::BIGINT)",
        "intent": "'intent_' || (h2 % 12)",
        "provider": "m.provider",
        "model": "m.model",
        "input_tokens": "100 + h3 % 8000",
        "output_tokens": "10 + h4 % 900",
        "latency_ms": "100 + h5 % 20000",
        "endpoint": "'api'",
        "region": "'eu'",
        "tenant": "'tenant_' || (h1 % 30)",
        "session_id": "'s' || (h6 % 100000)",
        "prompt_hash": "'p' || (h7 % ($rows // 2))",
    }
    columns = ", ".join(
        f"CAST({known.get(name, 'NULL')} AS {kind}) AS {name}"
        for name, kind in schema.types().items()
        if name in known or name in ("cost_usd", "batch", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    hashes = ", ".join(f"(hash(i * 16 + {n}) % 1000000007)::BIGINT AS h{n}" for n in range(8))
    connect().execute(
        f"COPY (SELECT {columns} FROM (SELECT i, {hashes} FROM range($rows) t(i)) "
        f"JOIN (SELECT (row_number() OVER ()) - 1 AS k, * FROM (VALUES {values}) v(provider, model)) m "
        f"ON m.k = h0 % {len(MODELS)}) "
        f"TO '{path}' (FORMAT parquet, COMPRESSION zstd)".replace("$rows", str(rows))
    )


def baseline(path: Path) -> float:
    """Return seconds of one GROUP BY with sums and exact quantiles over the columns that a plan reads."""
    start = time.perf_counter()
    connect().execute(
        f"SELECT tenant, intent, provider, model, count(*), sum(input_tokens), sum(output_tokens), sum(cost_usd), "
        f"epoch(min(ts)), epoch(max(ts)), count(prompt_hash), quantile_cont(latency_ms, [0.5, 0.95]), "
        f"quantile_cont(input_tokens, [0.5, 0.95]), quantile_cont(output_tokens, [0.5, 0.95]) "
        f"FROM '{path}' GROUP BY ALL"
    ).fetchall()
    return time.perf_counter() - start


def plan(path: Path, book: prices.PriceBook, templates: Any, scratch: Path) -> tuple[float, float, Any]:
    """Return seconds of a whole plan from the Parquet file, seconds of its joint draws, and the plan."""
    start = time.perf_counter()
    connection = connect(spill_to=scratch)
    opened = inputs.open_events(connection, book, path, scratch)
    made = build.build(
        build.Request(
            connection=connection,
            book=book,
            templates=templates,
            policy=Policy(max_quality_drop=None),
            window=opened.window,
            coverage=opened.coverage,
            inputs={**opened.inputs, "commit": None},
        )
    )
    whole = time.perf_counter() - start
    study = made.study
    start = time.perf_counter()
    chain.savings(
        study.cells,
        study.spread.hours,
        study.bounds,
        draws.parameters(study.bounds, 1000, 1),
        draws.blocks(study.spread.blocks, 1000, 1),
    )
    return whole, time.perf_counter() - start, made


def main() -> None:
    """Measure and print a table and JSON."""
    from tokenop.catalogue import loader

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    book, templates = prices.load(), loader.load().templates[:TEMPLATES]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "events.parquet")
        generate(path, asked.rows)
        plain, ours, drawn = [], [], []
        for _ in range(asked.runs):
            plain.append(baseline(path))
            whole, joint, made = plan(path, book, templates, Path(folder))
            ours.append(whole)
            drawn.append(joint)
    medians = [statistics.median(series) for series in (plain, ours, drawn)]
    figures = {
        "rows": asked.rows,
        "templates": len(templates),
        "cells": made.study.cells.size,
        "group_by_s": round(medians[0], 3),
        "plan_s": round(medians[1], 3),
        "ratio": round(medians[1] / medians[0], 1),
        "thousand_draws_s": round(medians[2], 3),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
