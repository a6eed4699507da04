"""What routers recover of the gap between two models, on the held-out half of RouteLLM's MMLU outcomes.

Run it with `python -m tests.benchmarks.bench_routers [--seeds 1]` from the repository, with `../shared/data` beside it
and scikit-learn installed. It prints APGR and CPT of each policy next to the random mix and the oracle, the verdicts,
how long one decision takes, and how long all of it took. The claim is the time: a trial in under 60 s.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

from tests.conftest import SHARED
from tokenop.research.routers import costs, read
from tokenop.research.routers.outcomes import Outcomes
from tokenop.research.routers.trial import Judged, hold

ALLOWED_SECONDS = 60.0
WEAK, STRONG = "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"
# A fixed day, so that prices stay what they are.
DAY = datetime(2025, 1, 1, tzinfo=UTC)


def row(one: Judged) -> dict[str, Any]:
    """Return the figures of one policy."""

    def short(value: float | None) -> float | None:
        return None if value is None else round(value, 3)

    return {
        "policy": one.name,
        "apgr": [short(one.apgr.value), short(one.apgr.low), short(one.apgr.high)],
        "cpt50": [short(one.cpt50.value), short(one.cpt50.low), short(one.cpt50.high)],
        "cpt80": [short(one.cpt80.value), short(one.cpt80.low), short(one.cpt80.high)],
        "over_mix": [short(one.point.vs_mix.value), short(one.point.vs_mix.low)] if one.point else None,
        "recommended": one.recommended,
    }


def run(outcomes: Outcomes, seed: int) -> tuple[list[dict[str, Any]], str | None, float]:
    """Return the figures of all policies, the recommended one, and milliseconds of the slowest decision."""
    trial = hold(outcomes, seed)
    return [row(one) for one in trial.judged], trial.best.name if trial.best else None, trial.measured_ms or 0.0


def main() -> None:
    """Print the figures as JSON, one line a seed; exit 1 where the first trial took longer than is claimed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=1)
    wished = parser.parse_args()
    folder = SHARED / "routing_outcomes" / "mmlu"
    if not folder.is_dir():
        sys.exit(f"{folder} is not beside this checkout")
    start = time.perf_counter()
    recorded = read([folder])
    outcomes = recorded.pair(WEAK, STRONG)
    priced = costs.of(recorded, outcomes, DAY)
    outcomes = outcomes.with_costs(priced.weak, priced.strong)
    slow = False
    for seed in range(wished.seeds):
        rows, best, milliseconds = run(outcomes, seed)
        seconds = time.perf_counter() - start
        slow = slow or (seed == 0 and seconds > ALLOWED_SECONDS)
        result = {
            "seed": seed,
            "policies": rows,
            "recommended": best,
            "milliseconds_a_decision": round(milliseconds, 2),
            "seconds": round(seconds, 1),
            "allowed": ALLOWED_SECONDS,
        }
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
        start = time.perf_counter()
    sys.exit(slow)


if __name__ == "__main__":
    main()
