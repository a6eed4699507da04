"""How long the golden suite takes from recordings, with every check and the programs that checks run, and the gate.

Run it with `python -m tests.benchmarks.bench_evals [--runs 3]` from the repository. The answers are the right and wrong
examples that the tasks bring, as recordings in a scratch folder; each command is a process of its own, as in CI. Beside
it: how long one look of the confidence sequence takes after 1,000 differences.
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

from tests.evals import samples
from tokenop.evals import tasks
from tokenop.evals.anytime import anytime

MOST_SECONDS = 30.0
BIG, SMALL = "groq/llama-3.3-70b-versatile", "groq/llama-3.1-8b-instant"


def seconds(folder: Path, *words: str) -> tuple[float, dict[str, object]]:
    """Return how long a command takes, and the JSON that it prints."""
    environment = {**os.environ, "HOME": str(folder), "TOKENOP_HOME": str(folder / "home"), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "tokenop", "eval", *words, "--recordings", str(folder / "answers"), "--json"]
    start = time.perf_counter()
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    spent = time.perf_counter() - start
    if ran.returncode not in (0, 1) or not ran.stdout:
        raise SystemExit(ran.stderr)
    return spent, json.loads(ran.stdout)


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    every = tasks.load(tasks.shipped())
    with tempfile.TemporaryDirectory(prefix="tokenop-bench-") as name:
        folder = Path(name)
        samples.record(folder / "answers", every, BIG)
        samples.record(folder / "answers", every, SMALL, [task.id for task in every[:5]])
        tiers = sorted({task.tier for task in every})
        before, after = (
            samples.config(folder / f"{one}.yaml", {tier: [who] for tier in tiers})
            for one, who in (("before", BIG), ("after", SMALL))
        )
        runs = [
            seconds(folder, "run", "--config", str(before), "--out", str(folder / "runs")) for _ in range(asked.runs)
        ]
        gates = [
            seconds(folder, "gate", "--baseline", str(before), "--candidate", str(after)) for _ in range(asked.runs)
        ]
    start = time.perf_counter()
    anytime([0.0, -1.0, 0.0, 1.0] * 250)
    look = time.perf_counter() - start
    suite, gate = (statistics.median(spent for spent, _ in found) for found in (runs, gates))
    figures = {
        "tasks": len(every),
        "passed": runs[0][1]["passed"],
        "suite_s": round(suite, 2),
        "gate_s": round(gate, 2),
        "verdict": gates[0][1]["verdict"],
        "confidence_sequence_look_ms": round(look * 1000, 2),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "met": suite < MOST_SECONDS,
    }
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
