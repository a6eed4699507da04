"""How long the program takes to start, and to plan on the sample month: `python -m tests.benchmarks.bench_start`.

Each figure is the median wall time of child processes. `python -c pass` runs in turn with them, so that a busy machine
slows all of them alike; the ratio to it is what can be compared between machines.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MONTH = Path(__file__).resolve().parents[2] / "tokenop" / "sample" / "month.parquet"
BARE = [sys.executable, "-c", "pass"]
TOKENOP = [sys.executable, "-m", "tokenop"]

TARGETS_MS = {"tokenop --help": 150, "tokenop plan on the sample month": 3000}


def seconds(command: list[str], folder: str) -> float:
    """Return the wall time of one child process that must succeed."""
    environment = {**os.environ, "HOME": folder, "NO_COLOR": "1"}
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


def medians(commands: dict[str, list[str]], repeats: int, folder: str) -> dict[str, float]:
    """Return the median milliseconds of each command; all take turns, after one turn that counts for nothing."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(repeats + 1):
        for name, command in commands.items():
            spent = seconds(command, folder)
            if turn:
                taken[name].append(spent * 1000)
    return {name: statistics.median(values) for name, values in taken.items()}


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20, help="processes a command (default 20)")
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory(prefix="tokenop-bench-") as folder:
        starts = medians(
            {
                "python -c pass": BARE,
                "tokenop --help": [*TOKENOP, "--help"],
                "tokenop plan --help": [*TOKENOP, "plan", "--help"],
            },
            repeats,
            folder,
        )
        plans = medians(
            {
                "python -c pass": BARE,
                "tokenop plan on the sample month": [*TOKENOP, "plan", "--events", str(MONTH)],
            },
            max(repeats // 4, 1),
            folder,
        )
    bare = starts["python -c pass"]
    figures = {
        name: {
            "median_ms": round(value, 1),
            "times_bare_python": round(value / bare, 2),
            **({"target_ms": TARGETS_MS[name], "met": value < TARGETS_MS[name]} if name in TARGETS_MS else {}),
        }
        for name, value in {**plans, **starts}.items()
    }
    sys.stdout.write(json.dumps({"repeats": repeats, "figures": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
