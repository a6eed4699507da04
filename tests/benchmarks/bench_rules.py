"""How long fifty rules take for one call, against asking DuckDB and against patterns of Python's `re`.

Run it with `python -m tests.benchmarks.bench_rules [--calls 20000] [--runs 5]` from the repository. No call here is
taken by a rule, so that all fifty are asked. Half of the rules ask a pattern. Times are medians of the runs, in
microseconds of processor time a call.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from tests.routing.files import META
from tokenop import routing
from tokenop.routing.facts import COLUMNS
from tokenop.routing.model import RoutingConfig

MOST_MICROSECONDS = 50.0
RULES = 50
_CONFIG = """\
mode: route
default_tier: T2
providers: {ollama: {}, groq: {}}
tiers: {T2: {models: {ollama: small, groq: large}}}
rules:
"""


def rules() -> dict[str, str]:
    """Return fifty conditions as people write them; none holds for the calls below."""
    found = {}
    for number in range(RULES):
        pattern = f"sql{number}|extract{number}|(^|[^a-z])tag{number}|json|normali[sz]e"
        found[f"rule-{number}"] = (
            f"regexp_matches(lower(intent), '{pattern}') AND input_tokens <= {1000 + number} AND agent_id IS NULL"
            if number % 2
            else f"output_tokens_limit <= {10 + number} AND input_tokens <= 32000 AND user_id IN ('u{number}', 'v')"
        )
    return found


def configured(folder: Path) -> RoutingConfig:
    """Return the config with these rules."""
    lines = [f'  {name}: {{when: "{when}", tier: T2}}' for name, when in rules().items()]
    path = folder / "mine.yaml"
    path.write_text(META + _CONFIG + "\n".join(lines) + "\n", encoding="utf-8")
    return routing.load(path)


def calls(number: int, *, fresh: bool) -> list[routing.Facts]:
    """Return calls with few intents, or (`fresh`) each with one that nobody saw before."""
    return [
        routing.facts(
            intent=f"summarise report {place if fresh else place % 20}",
            input_tokens=900 + place % 50,
            output_tokens_limit=800,
            user_id="somebody",
        )
        for place in range(number)
    ]


def timed(once: Callable[[routing.Facts], object], asked: list[routing.Facts]) -> float:
    """Return microseconds of processor time a call."""
    before = time.process_time()
    for facts in asked:
        once(facts)
    return (time.process_time() - before) / len(asked) * 1e6


def deciding(config: RoutingConfig) -> Callable[[routing.Facts], object]:
    """Return what is measured."""
    return lambda facts: routing.decide(config, facts)


def asking_duckdb() -> Callable[[routing.Facts], object]:
    """Return the baseline: DuckDB asked about one row for each call, all rules in one prepared query."""
    connection = duckdb.connect()
    row = ", ".join(f"${place}::{kind} AS {name}" for place, (name, kind) in enumerate(COLUMNS.items(), 1))
    query = f"SELECT {', '.join(f'({when})' for when in rules().values())} FROM (SELECT {row})"
    return lambda facts: connection.execute(query, [facts.get(name) for name in COLUMNS]).fetchone()


def plain_patterns() -> Callable[[routing.Facts], object]:
    """Return the other baseline: the patterns alone, with Python's `re` and nothing remembered."""
    patterns = [re.compile(found[1]) for when in rules().values() if (found := re.search(r"'(sql.*?)'", when))]
    return lambda facts: [pattern.search(str(facts["intent"]).lower()) for pattern in patterns]


def main() -> int:
    """Print the figures as JSON; 1 where a decision takes too long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = configured(Path(folder))
    few, fresh = calls(given.calls, fresh=False), calls(given.calls, fresh=True)
    assert {routing.decide(config, facts).by for facts in few[:50]} == {"default"}
    measured: dict[str, list[float]] = {}
    for _ in range(given.runs):
        for name, once, asked in (
            ("decide, 50 rules, intents seen before", deciding(config), few),
            (
                "decide, 50 rules, every intent new",
                deciding(config),
                fresh,
            ),
            ("25 patterns with re alone", plain_patterns(), fresh),
            ("DuckDB, one prepared query", asking_duckdb(), few[:200]),
        ):
            measured.setdefault(name, []).append(timed(once, asked))
    figures = {name: round(statistics.median(found), 1) for name, found in measured.items()}
    sys.stdout.write(json.dumps({"rules": RULES, "microseconds_a_call": figures}, indent=2) + "\n")
    return 1 if figures["decide, 50 rules, intents seen before"] > MOST_MICROSECONDS else 0


if __name__ == "__main__":
    sys.exit(main())
