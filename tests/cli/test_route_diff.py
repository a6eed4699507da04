"""`tokenop route diff` on the made-up samples, in real repositories."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.comparison.test_revisions import git
from tests.conftest import ROOT

SAMPLES = ROOT / "validations" / "golden" / "samples"
CONFIG = Path("templates") / "routing" / "made-up.yaml"
RECORDED = ("--recordings", SAMPLES, "--prices", SAMPLES / "prices.yaml")


def sample(name: str) -> str:
    return (SAMPLES / f"routing-{name}.yaml").read_text(encoding="utf-8").replace(f"id: routing-{name}", "id: made-up")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a log of two days: small, and with two intents."""
    path = tmp_path / "calls.jsonl"
    rows = [
        {
            "id": f"sample-{n}", "ts": f"2026-09-{1 + n // 24:02}T{n % 24:02}:00:00.000Z",
            "intent": ("tag", "ask", "ask")[n % 3],
            "provider": "anthropic", "model": "claude-sonnet-4-5", "input_tokens": 1000 + n, "output_tokens": 100,
            "latency_ms": None, "cost_usd": None, "endpoint": "unknown", "region": "unknown", "tenant": "sample",
        }
        for n in range(48)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def branch(tmp_path: Path) -> Path:
    """Return a checkout whose main branch has the config of before, on a branch of its own."""
    folder = tmp_path / "repository"
    (folder / CONFIG).parent.mkdir(parents=True)
    (folder / CONFIG).write_text(sample("before"), encoding="utf-8")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "before")
    git(folder, "checkout", "-qb", "topic")
    return folder


def told(ran: Any) -> dict[str, Any]:
    (one,) = json.loads(ran.stdout)["configs"]
    return dict(one)


def test_a_change_that_only_costs_less_passes(run_cli: Callable[..., Any], branch: Path, log: Path) -> None:
    (branch / CONFIG).write_text(sample("cheaper"), encoding="utf-8")
    ran = run_cli("route", "diff", "--events", log, *RECORDED, "--json", cwd=branch)
    assert ran.exit_code == 0, ran.stderr
    found = told(ran)
    (cost,) = found["costs"]
    # 48 calls of 1,000 to 1,047 tokens in and 100 out: 3 and 15 dollars a million before, 0.60 and 2.40 after.
    tokens = sum(1000 + n for n in range(48))
    assert float(cost["delta_window_usd"]) == pytest.approx(tokens * -2.40e-6 + 4800 * -12.60e-6)
    assert cost["interval_monthly_usd"]["p90"] < 0
    assert cost["source"] == "events"
    assert {part["name"] for part in cost["by_intent"]} == {"ask", "tag"}
    assert (found["quality"]["verdict"], found["quality"]["regressions"]) == ("pass", 0)


def test_a_change_that_makes_five_tasks_worse_exits_with_1_and_names_them(
    run_cli: Callable[..., Any], branch: Path, log: Path
) -> None:
    (branch / CONFIG).write_text(sample("worse"), encoding="utf-8")
    git(branch, "commit", "-qam", "worse")
    ran = run_cli("route", "diff", "--events", log, *RECORDED, cwd=branch)
    assert ran.exit_code == 1
    assert "quality  FAIL: 5 of 10 compared tasks got worse" in ran.stdout
    assert "worse: t4-hosting-bill, " in ran.stdout
    assert "git push" not in ran.stdout


def test_what_is_not_recorded_does_not_pass(run_cli: Callable[..., Any], branch: Path, log: Path) -> None:
    (branch / CONFIG).write_text(sample("cheaper"), encoding="utf-8")
    empty = branch.parent / "nothing-recorded"
    empty.mkdir()
    ran = run_cli("route", "diff", "--events", log, "--recordings", empty, "--json", cwd=branch)
    assert ran.exit_code == 1
    quality = told(ran)["quality"]
    assert quality["verdict"] == "inconclusive"
    assert {one["engine"] for one in quality["unknown"]} == {"replay/sample-strong", "replay/sample-even"}


def test_nothing_changed_is_said_and_passes(run_cli: Callable[..., Any], branch: Path, log: Path) -> None:
    ran = run_cli("route", "diff", "--events", log, cwd=branch)
    assert (ran.exit_code, ran.stdout) == (0, "No routing config differs: nothing is routed otherwise than before.\n")


def test_a_config_with_errors_is_named_by_its_line(run_cli: Callable[..., Any], branch: Path, log: Path) -> None:
    (branch / CONFIG).write_text(sample("before").replace("mode: route", "mode: sideways"), encoding="utf-8")
    ran = run_cli("route", "diff", "--events", log, cwd=branch)
    assert ran.exit_code == 1
    assert f"{CONFIG}:" in ran.stderr
    assert "mode" in ran.stderr


def test_the_same_inputs_give_the_same_bytes(run_cli: Callable[..., Any], branch: Path, log: Path) -> None:
    (branch / CONFIG).write_text(sample("cheaper"), encoding="utf-8")
    first, second = (run_cli("route", "diff", "--events", log, *RECORDED, "--json", cwd=branch) for _ in range(2))
    assert first.stdout == second.stdout


def test_the_markdown_is_a_table_without_other_people_s_markup(
    run_cli: Callable[..., Any], branch: Path, log: Path
) -> None:
    log.write_text(log.read_text(encoding="utf-8").replace('"tag"', '"<b>@all|x</b>"'), encoding="utf-8")
    (branch / CONFIG).write_text(sample("cheaper"), encoding="utf-8")
    ran = run_cli("route", "diff", "--events", log, *RECORDED, "--format", "markdown", cwd=branch)
    assert "<b>" not in ran.stdout
    assert "@all" not in ran.stdout
    assert "| calls.jsonl | -$" in ran.stdout


def test_escapes_in_the_names_of_a_log_do_not_reach_the_terminal(
    run_cli: Callable[..., Any], branch: Path, log: Path
) -> None:
    log.write_text(log.read_text(encoding="utf-8").replace('"tag"', '"\\u001b[31mred"'), encoding="utf-8")
    (branch / CONFIG).write_text(sample("cheaper"), encoding="utf-8")
    assert "\x1b[31m" not in run_cli("route", "diff", "--events", log, *RECORDED, cwd=branch).stdout


def test_against_needs_a_config(run_cli: Callable[..., Any], branch: Path) -> None:
    assert run_cli("route", "diff", "--against", CONFIG, cwd=branch).exit_code == 2
