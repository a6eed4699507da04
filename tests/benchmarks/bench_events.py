"""State how fast an event log is taken in, against DuckDB's own typed copy of the same file, which checks nothing.

Run `python tests/benchmarks/bench_events.py [--rows 2000000] [--rounds 3] [--json]`. Each run is a process of its own;
the variants take turns, the medians are compared.
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

ROOT = Path(__file__).resolve().parents[2]
BASELINE, HASHED = "typed copy, zstd", "checked and hashed log"
VARIANTS = (BASELINE, "typed copy, snappy", "checked log", HASHED)

GENERATED = """SELECT 'call-' || lpad(i::VARCHAR, 9, '0') AS id,
    strftime(TIMESTAMP '2026-03-01' + to_microseconds((i * 1300003) % 2600000000000), '%Y-%m-%dT%H:%M:%S.%gZ') AS ts,
    'intent_' || (i % 17) AS intent, ['openai', 'anthropic', 'groq'][1 + i % 3] AS provider,
    ['gpt-4o', 'claude-sonnet-4-5', 'llama-3.3-70b-versatile'][1 + i % 3] AS model,
    100 + (i * 7919) % 20000 AS input_tokens, 10 + (i * 104729) % 2000 AS output_tokens,
    ((i * 15485863) % 5000000) / 1000.0 AS latency_ms,
    round((100 + (i * 7919) % 20000) * 3e-6 + (10 + (i * 104729) % 2000) * 15e-6, 9) AS cost_usd,
    'api.example.com' AS endpoint, 'us-east-1' AS region, 'team-' || (i * 31 % 36) AS tenant,
    (100 + (i * 7919) % 20000) // 2 AS cache_read_input_tokens, 'ok' AS status
FROM range({rows}) AS numbers(i)"""


def generate(path: Path, rows: int) -> None:
    """Write `rows` events to the JSON-lines file `path`; the same rows give the same file."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(f"COPY ({GENERATED.format(rows=rows)}) TO '{path}' (FORMAT json)")


def typed_copy(path: Path, folder: Path, codec: str) -> str:
    """Copy the file to Parquet as DuckDB reads it, without any check."""
    sys.path.insert(0, str(ROOT))
    from tokenop.database import connect
    from tokenop.events import schema

    names = json.loads(path.open().readline())
    columns = ", ".join(f"{name}: '{schema.types()[name]}'" for name in names)
    with connect() as connection:
        connection.execute(
            f"COPY (FROM read_json('{path}', format = 'newline_delimited', columns = {{{columns}}})) "
            f"TO '{folder / 'copy.parquet'}' (FORMAT parquet, COMPRESSION {codec})"
        )
    return ""


def checked_log(path: Path, folder: Path, hashed: bool) -> str:
    """Take the file in as `validate` does, or as `open_log` does with its content hash; return the hash."""
    sys.path.insert(0, str(ROOT))
    from tokenop.events.log import ingest

    found = ingest(path, folder, hashed=hashed)
    assert found.invalid == 0, found.findings
    return found.content_hash


def run_one(variant: str, path: Path) -> None:
    """Run one variant in this process and print its figures as JSON."""
    import duckdb  # noqa: F401 the import is not what is measured

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        started = time.perf_counter()
        if variant.startswith("checked"):
            digest = checked_log(path, Path(folder), variant == HASHED)
        else:
            digest = typed_copy(path, Path(folder), variant.rsplit(" ", 1)[1])
        seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures = {"seconds": seconds, "cpu_seconds": used.ru_utime + used.ru_stime, "peak_mib": used.ru_maxrss / 1024}
    sys.stdout.write(json.dumps({**figures, "hash": digest}))


def measure(path: Path, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Run the variants in turns, each in a process of its own."""
    results: dict[str, list[dict[str, float]]] = {variant: [] for variant in VARIANTS}
    for _ in range(rounds):
        for variant in VARIANTS:
            command = [sys.executable, __file__, "--one", variant, "--input", str(path)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            results[variant].append(json.loads(done.stdout))
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--input", type=Path, help="measure this log instead of a generated one")
    options = parser.parse_args()
    if options.one:
        run_one(options.one, options.input)
        return
    with tempfile.TemporaryDirectory(prefix="tokenop-bench-") as folder:
        path = options.input or Path(folder) / "events.jsonl"
        if not options.input:
            generate(path, options.rows)
        results = measure(path, options.rounds)
    rows = summary(results)
    if options.json:
        report = {"rows": options.rows, "rounds": options.rounds, "variants": rows}
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
        return
    sys.stdout.write(f"{options.rows:,} events, medians of {options.rounds}; x: speed against {BASELINE}\n")
    for row in rows:
        sys.stdout.write(
            "{variant:20} {seconds:7.2f} s {speed:5.2f} x   {cpu_seconds:7.2f} s of processors {cpu_speed:5.2f} x   "
            "{peak_mib:6.0f} MiB\n".format(**row)
        )


def summary(results: dict[str, list[dict[str, float]]]) -> list[dict[str, object]]:
    """Return the medians of each variant, with its speed relative to the baseline by wall clock and by processor."""
    names = ("seconds", "cpu_seconds", "peak_mib")
    medians = {
        variant: {name: statistics.median(run[name] for run in runs) for name in names}
        for variant, runs in results.items()
    }
    base = medians[BASELINE]
    return [
        {
            "variant": variant,
            **found,
            "speed": base["seconds"] / found["seconds"],
            "cpu_speed": base["cpu_seconds"] / found["cpu_seconds"],
        }
        for variant, found in medians.items()
    ]


if __name__ == "__main__":
    main()
