"""How long a run of a hundred prompts takes with providers that answer as slowly as real ones.

Run it with `python -m tests.benchmarks.bench_run [--prompts 100] [--candidates 2] [--parallel 16] [--scale 1.0]` from
the repository. The vendor's own SDK sends to a loopback server that waits before each answer: log-normal, median 6 s,
one in twenty above 20 s, as long answers of large models take. `--scale 0.1` waits a tenth of that. All is asked of all
(no early stopping), then the same with early stopping. The time includes reading, judging and writing.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import random
import tempfile
import threading
import time
from pathlib import Path

from tests.experiment.models_http import models

MEDIAN, P95 = 6.0, 20.0
SPREAD = math.log(P95 / MEDIAN) / 1.645
CANDIDATES = ("claude-haiku-4-5", "claude-sonnet-5", "claude-opus-4-5", "claude-haiku-3-5")


def run(words: list[str]) -> tuple[float, dict[str, object]]:
    """Return seconds and the report of one run."""
    from tokenop.cli.main import main as tokenop

    out = io.StringIO()
    start = time.perf_counter()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        tokenop(words)
    return time.perf_counter() - start, json.loads(out.getvalue())


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--candidates", type=int, default=2, choices=range(1, 5))
    parser.add_argument("--parallel", type=int, default=16)
    parser.add_argument("--scale", type=float, default=1.0)
    asked = parser.parse_args()
    draw, lock = random.Random(1), threading.Lock()

    def answer(model: str, text: str) -> str:
        with lock:
            wait = draw.lognormvariate(math.log(MEDIAN), SPREAD) * asked.scale
        time.sleep(wait)
        number = int(text.split()[-1])
        return "no" if "opus" in model and number % 3 == 0 else str(2 * number)

    with tempfile.TemporaryDirectory() as folder, models(answer) as server:
        os.environ.update(ANTHROPIC_API_KEY="sk-benchmark", ANTHROPIC_BASE_URL=server.url)
        path = Path(folder, "prompts.jsonl")
        lines = [{"id": str(n), "prompt": f"Double: {n}", "reference": str(2 * n)} for n in range(asked.prompts)]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        words = [
            "run",
            "--input",
            str(path),
            "--baseline",
            "anthropic/claude-sonnet-4-5",
            "--json",
            "--max-drop",
            "0.08",
        ]
        words += ["--parallel", str(asked.parallel), "--minutes", "60"]
        for name in CANDIDATES[: asked.candidates]:
            words += ["--candidate", f"anthropic/{name}"]
        for early in ([], ["--early-stopping"]):
            before = len(server.asked)
            seconds, report = run([*words, *early, "--out", str(Path(folder, "runs" + "".join(early)))])
            print(  # noqa: T201
                json.dumps(
                    {
                        "early_stopping": bool(early),
                        "prompts": asked.prompts,
                        "candidates": asked.candidates,
                        "parallel": asked.parallel,
                        "latency_scale": asked.scale,
                        "calls": len(server.asked) - before,
                        "seconds": round(seconds, 1),
                        "seconds_of_waiting_at_scale_1": round(seconds / asked.scale, 1),
                        "verdict": report["verdict"],
                    }
                )
            )


if __name__ == "__main__":
    main()
