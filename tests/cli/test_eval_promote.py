"""`tokenop eval promote` and `tokenop eval baseline` on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.evals import golden, samples
from tests.evals.outcomes import outcome
from tokenop.evals import results, tasks
from tokenop.evals.lanes import task_hash
from tokenop.evals.model import Result
from tokenop.evals.results import RunInfo

Cli = Callable[..., Ran]
TIERS = {"T3": 5, "T4": 5}


def asked(folder: Path, failing: int, source: str = "live") -> list[object]:
    """Write a week of runs in which so many of ten tasks fail, and return the words that judge it."""
    every = tasks.load(golden.write(folder / "golden", TIERS))
    config = samples.config(folder / "routing.yaml", {tier: ["groq/llama-3.3-70b-versatile"] for tier in TIERS})
    for day in range(7):
        started = datetime(2026, 3, 8, 4, tzinfo=UTC) - timedelta(days=day)
        info = RunInfo(results.run_id_of(started, (day,)), started, "c", "", "", ("T3", "T4"), 1, "live")
        found = []
        for number, task in enumerate(every):
            result: Result = "fail" if number < failing else "pass"
            extra = {"task_sha256": task_hash(task)}
            found.append(outcome(task.id, result, tier=task.tier, source=source, extra=extra))
        results.write(folder / "runs" / "eval", info, found)
    return ["eval", "promote", "--provider", "groq", "--config", config, "--tasks", folder / "golden",
            "--today", "2026-03-08"]  # fmt: skip


@pytest.mark.parametrize(
    ("failing", "code", "told"), [(2, 0, "may be proposed"), (3, 1, "70.0% passed, less than 80%")]
)
def test_a_provider_is_promoted_or_stays_a_fallback_and_it_says_why(
    tmp_path: Path, run_cli: Cli, failing: int, code: int, told: str
) -> None:
    ran = run_cli(*asked(tmp_path, failing), cwd=tmp_path)
    assert ran.exit_code == code
    assert told in ran.stdout
    assert f"{70 - 7 * failing} of 70 passed" in ran.stdout


def test_more_days_can_be_asked_for_and_json_says_all(tmp_path: Path, run_cli: Cli) -> None:
    ran = run_cli(*asked(tmp_path, 0), "--days", 8, "--json", cwd=tmp_path)
    document = json.loads(ran.stdout)
    assert (ran.exit_code, document["may_be_proposed"]) == (1, False)
    assert document["reasons"] == ["results span 7 of 8 days"]
    assert (document["passed"], document["pass_rate"], document["days_with_results"]) == (70, 1.0, 7)


def test_samples_never_count(tmp_path: Path, run_cli: Cli) -> None:
    ran = run_cli(*asked(tmp_path, 0, "sample"), cwd=tmp_path)
    assert ran.exit_code == 1
    assert "70 answered from files" in ran.stdout


def test_a_run_becomes_the_baseline_and_is_printed(tmp_path: Path, run_cli: Cli) -> None:
    asked(tmp_path, 3)
    words = ("eval", "baseline", "--file", "b.json")
    assert run_cli(*words, cwd=tmp_path).exit_code == 3
    written = run_cli(*words, "20260308", cwd=tmp_path)
    assert written.exit_code == 0, written.stderr
    again = run_cli(*words, "--json", cwd=tmp_path)
    document = json.loads(again.stdout)
    assert (document["passed"], document["tasks"]["t3-0"], document["tasks"]["t4-4"]) == (7, ["fail"], ["pass"])
