"""State what becomes of 100,000 rows made wrong, over all collectors: none stops a collector, none is lost.

Run `python -m tests.benchmarks.bench_mutations [--rows 100000] [--seed N] [--json] [NAME …]`. The rows are those of the
samples with other types, nulls, nested junk, extreme numbers, wrong encodings, long texts, unknown and missing keys,
repeated and swapped values, broken JSON and CSV; the same seed gives the same rows. Each must end as an event (or
record), a duplicate, rejected with a reason or filtered with a reason. Of an inventory a row is a whole document.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from tokenop.collect import check_resources, check_survival, manifest

COUNTS = ("written", "rows_in", "kept", "duplicates", "rejected", "filtered")


def measure(name: str, rows: int, seed: int) -> dict[str, Any]:
    """Return the counts of `rows` mutated rows of the collector `name`, the seconds they took, and what went wrong."""
    collector = manifest.find(name)
    started = time.perf_counter()
    if collector.kind == "inventory":
        found, survived = check_resources.problems(collector, sorted(collector.folder.glob("sample*")), rows, seed)
    else:
        found, survived = check_survival.problems(collector, sorted(collector.folder.glob("sample.*")), rows, seed)
    counts = survived.as_dict() if survived else dict.fromkeys(COUNTS, 0)
    seconds = round(time.perf_counter() - started, 1)
    return {"collector": name, **counts, "seconds": seconds, "problems": [str(finding) for finding in found]}


def table(results: list[dict[str, Any]]) -> str:
    """Return the results as a table in plain text."""
    lines = [f"{'collector':20}" + "".join(f"{name:>11}" for name in (*COUNTS, "seconds"))]
    for result in results:
        lines.append(f"{result['collector']:20}" + "".join(f"{result[name]:>11,}" for name in (*COUNTS, "seconds")))
        lines += [f"  {problem}" for problem in result["problems"]]
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and exit with 1 where a row stopped a collector or was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=check_survival.SEED)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("names", nargs="*", default=manifest.names())
    arguments = parser.parse_args()
    each = -(-arguments.rows // len(arguments.names))
    results = [measure(name, each, arguments.seed) for name in arguments.names]
    total: dict[str, Any] = {"collector": "all"}
    total |= {name: round(sum(result[name] for result in results), 1) for name in (*COUNTS, "seconds")}
    total["problems"] = []
    broken = sum(bool(result["problems"]) for result in results)
    if arguments.json:
        text = json.dumps({"seed": arguments.seed, "collectors": results, "total": total}, indent=2)
    else:
        text = f"{table([*results, total])}\nseed {arguments.seed}: {broken} collectors stopped or lost rows"
    sys.stdout.write(f"{text}\n")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
