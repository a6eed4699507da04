"""State how fast a collector is: LiteLLM's spend log in Parquet, against DuckDB's own copy of the same columns.

Run `python -m tests.benchmarks.bench_collect [--rows 2000000] [--rounds 3] [--lean] [--json]`. Each run is a process of
its own; the variants take turns, the medians are compared. The baseline selects the columns that the collector's
manifest declares and writes them to Parquet: it maps, checks, redacts and deduplicates nothing.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BASELINE, COLLECT, DISCOVER = "DuckDB copy", "collect", "discover"
VARIANTS = (BASELINE, COLLECT, DISCOVER)

GENERATED = """SELECT 'chatcmpl-' || md5(i::VARCHAR) AS request_id, 'acompletion' AS call_type,
    md5('key' || i % 50) AS api_key, round((100 + (i * 7919) % 20000) * 3e-6, 9) AS spend,
    100 + (i * 7919) % 20000 + 10 + (i * 104729) % 2000 AS total_tokens, 100 + (i * 7919) % 20000 AS prompt_tokens,
    10 + (i * 104729) % 2000 AS completion_tokens, ts AS "startTime",
    ts + to_milliseconds(200 + (i * 15485863) % 5000) AS "endTime",
    200 + (i * 15485863) % 5000 AS request_duration_ms, ts + to_milliseconds(150) AS "completionStartTime",
    ['openai/gpt-4o', 'anthropic/claude-sonnet-4-5', 'groq/llama-3.3-70b-versatile'][1 + i % 3] AS model,
    '' AS model_id, ['gpt-4o', 'claude', 'llama'][1 + i % 3] AS model_group,
    ['openai', 'anthropic', 'groq'][1 + i % 3] AS custom_llm_provider, 'https://api.example.com/v1' AS api_base,
    'user-' || i % 900 AS "user", 'team-' || (i * 31 % 36) AS team_id, 'org-1' AS organization_id,
    'customer-' || (i * 17 % 5000) AS end_user, 'False' AS cache_hit, 'Cache OFF' AS cache_key,
    '["intent_' || (i % 17) || '", "User-Agent: python"]' AS request_tags, 'session-' || (i // 20) AS session_id,
    NULL::VARCHAR AS agent_id, 'success' AS status, '{}' AS messages, '{}' AS response,
    NOTED AS metadata
FROM (SELECT i, TIMESTAMP '2026-03-01' + to_microseconds((i * 1300003) % 2600000000000) AS ts
      FROM range(ROWS) AS numbers(i))"""

# What a proxy notes of each request, short and as the versions of 2026 do it (the keys are those of its own code).
LEAN = """'{"additional_usage_values": {"cache_read_input_tokens": ' || (100 + (i * 7919) % 20000) // 2
    || ', "cache_creation_input_tokens": 0}}'"""
FULL = """'{"user_api_key": "' || sha256((i % 50)::VARCHAR) || '", "user_api_key_alias": "key-' || i % 50
    || '", "user_api_key_team_id": "team-' || (i * 31 % 36) || '", "user_api_key_team_alias": "Team ' || (i * 31 % 36)
    || '", "user_api_key_org_id": "org-1", "user_api_key_user_id": "user-' || i % 900
    || '", "requester_ip_address": "10.0.' || i % 250 || '.' || i % 199 || '", "applied_guardrails": [], '
    || '"batch_models": null, "mcp_tool_call_metadata": null, "vector_store_request_metadata": null, '
    || '"guardrail_information": null, "cold_storage_object_key": null, "spend_logs_metadata": null, '
    || '"status": "success", "proxy_server_request": null, "error_information": null, "usage_object": '
    || '{"completion_tokens": ' || 10 + (i * 104729) % 2000 || ', "prompt_tokens": ' || 100 + (i * 7919) % 20000
    || ', "total_tokens": ' || 110 + (i * 7919) % 20000 + (i * 104729) % 2000
    || ', "completion_tokens_details": {"accepted_prediction_tokens": 0, "audio_tokens": 0, "reasoning_tokens": 0, '
    || '"rejected_prediction_tokens": 0}, "prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": '
    || (100 + (i * 7919) % 20000) // 2 || '}}, "model_map_information": {"model_map_key": "gpt-4o", "model_map_value": '
    || '{"key": "gpt-4o", "max_tokens": 16384, "max_input_tokens": 128000, "max_output_tokens": 16384, '
    || '"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1.25e-06, '
    || '"litellm_provider": "openai", "mode": "chat", "supports_vision": true, "supports_function_calling": true}}, '
    || '"additional_usage_values": {"prompt_tokens_details": {"cached_tokens": '
    || (100 + (i * 7919) % 20000) // 2 || '}}}'"""


def generate(path: Path, rows: int, metadata: str = FULL) -> None:
    """Write `rows` rows of a spend log to the Parquet file `path`; the same rows give the same file."""
    import duckdb

    query = GENERATED.replace("ROWS", str(rows)).replace("NOTED", metadata)
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")


def copy(path: Path, folder: Path) -> None:
    """Copy the declared columns to Parquet, as the collector's own file is written."""
    from tokenop.collect import manifest
    from tokenop.database import connect, identifier

    declared = manifest.find("litellm").columns
    with connect() as connection:
        here = {row[0] for row in connection.execute(f"DESCRIBE FROM read_parquet('{path}')").fetchall()}
        chosen = ", ".join(identifier(name) for name in declared if name in here)
        connection.execute(
            f"COPY (SELECT {chosen} FROM read_parquet('{path}')) TO '{folder / 'copy.parquet'}' "
            "(FORMAT parquet, COMPRESSION zstd)"
        )


def collect(path: Path, folder: Path) -> None:
    """Run the collector: files to judged rows, none of them lost."""
    from tokenop.collect import engine, manifest, sources
    from tokenop.collect.options import Options
    from tokenop.database import connect

    collector = manifest.find("litellm")
    with connect(spill_to=folder) as connection:
        files = sources.find(collector, [path], folder)
        collected = engine.collect(connection, collector, files, Options(), folder)
    assert collected.rows_in > 0


def discover(path: Path, folder: Path) -> None:
    """Run the whole command: collect, make ids unique, write the log, price and describe it."""
    from tokenop.cli.main import cli

    arguments = ["discover", "--collectors", "litellm", "--input", str(path), "--out", str(folder / "events.parquet")]
    cli.main(arguments, standalone_mode=False)


def run_one(variant: str, path: Path) -> None:
    """Run one variant in this process and print its figures as JSON."""
    import contextlib
    import io

    import duckdb  # noqa: F401 the import is not what is measured

    work = {BASELINE: copy, COLLECT: collect, DISCOVER: discover}[variant]
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, contextlib.redirect_stdout(io.StringIO()):
        started = time.perf_counter()
        work(path, Path(folder))
        seconds = time.perf_counter() - started
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    figures = {
        "seconds": seconds,
        "cpu_seconds": own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime,
        "peak_mib": max(own.ru_maxrss, children.ru_maxrss) / 1024,
    }
    sys.stdout.write(json.dumps(figures))


def measure(path: Path, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Run the variants in turns, each in a process of its own."""
    results: dict[str, list[dict[str, float]]] = {variant: [] for variant in VARIANTS}
    for _ in range(rounds):
        for variant in VARIANTS:
            command = [sys.executable, "-m", "tests.benchmarks.bench_collect", "--one", variant, "--input", str(path)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            results[variant].append(json.loads(done.stdout))
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--lean", action="store_true", help="short metadata, which the copy has the least work with")
    parser.add_argument("--input", type=Path, help="measure this spend log instead of a generated one")
    options = parser.parse_args()
    if options.one:
        run_one(options.one, options.input)
        return
    with tempfile.TemporaryDirectory(prefix="tokenop-bench-") as folder:
        path = options.input or Path(folder) / "spend.parquet"
        if not options.input:
            generate(path, options.rows, LEAN if options.lean else FULL)
        results = measure(path, options.rounds)
    names = ("seconds", "cpu_seconds", "peak_mib")
    medians = {v: {name: statistics.median(run[name] for run in runs) for name in names} for v, runs in results.items()}
    base = medians[BASELINE]
    rows = [
        {"variant": variant, **found, "speed": base["seconds"] / found["seconds"]} for variant, found in medians.items()
    ]
    if options.json:
        sys.stdout.write(
            json.dumps({"rows": options.rows, "rounds": options.rounds, "variants": rows}, indent=2) + "\n"
        )
        return
    sys.stdout.write(f"{options.rows:,} rows, medians of {options.rounds}; x: speed against {BASELINE}\n")
    for row in rows:
        sys.stdout.write(
            "{variant:12} {seconds:7.2f} s {speed:5.2f} x   {cpu_seconds:7.2f} s of processors   "
            "{peak_mib:6.0f} MiB\n".format(**row)
        )


if __name__ == "__main__":
    main()
