"""`tokenop report` on the command line, after `tokenop plan` on a small log."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tokenop import settings
from tokenop.reports import plan as plans


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two weeks of events and the plan made from them."""
    from tokenop.cli import plan

    folder = tmp_path_factory.mktemp("planned")
    with (folder / "events.jsonl").open("w", encoding="utf-8") as file:
        for number in range(1400):
            day, hour = 1 + number // 100, (number * 7) % 24
            event = {
                "id": f"call-{number}",
                "ts": f"2026-09-{day:02d}T{hour:02d}:{number % 60:02d}:00.000Z",
                "intent": ("summarise", "answer")[number % 2],
                "provider": ("anthropic", "house")[number % 10 == 0],
                "model": ("claude-opus-4-1", "our-own-model")[number % 10 == 0],
                "input_tokens": 150_000 + number,
                "output_tokens": 4_000,
                "latency_ms": 1200.0,
                "cost_usd": None,
                "endpoint": "chat",
                "region": "eu",
                "tenant": ("acme", "=cmd|'/C calc'!A0", "<script>alert(1)</script>")[number % 3],
            }
            file.write(json.dumps(event) + "\n")
    scratch, templates = tmp_path_factory.mktemp("scratch"), tmp_path_factory.mktemp("templates")
    for name in ("prompt-optimization", "model-routing"):
        _always_worth_it(name, templates)
    made = plan.make(folder / "events.jsonl", None, None, templates, "proposed", 50, 7, scratch)
    plan.write(made, folder / "optimization-plan.yaml")
    return folder


def _always_worth_it(name: str, folder: Path) -> None:
    """Write the shipped template so that it applies to every call and takes an hour."""
    text = (settings.content("templates") / "application-layer" / f"{name}.md").read_text(encoding="utf-8")
    for pattern, replacement in (
        (r"applies_when: .*", 'applies_when: "calls >= 1"'),
        (r"where: (>-\n(?: {8}.+\n)+|.*\n)", 'where: "batch IS NOT TRUE"\n'),
        (r"hours: \d+", "hours: 1"),
        (r"max_absolute_drop: [\d.]+", "max_absolute_drop: 0.0"),
        (r"monthly_running_usd: \d+", "monthly_running_usd: 0"),
    ):
        text, times = re.subn(pattern, replacement, text, count=1)
        assert times, pattern
    (folder / "application-layer").mkdir(exist_ok=True)
    (folder / "application-layer" / f"{name}.md").write_text(text, encoding="utf-8")


def total(path: Path) -> Decimal:
    with path.open(encoding="utf-8", newline="") as file:
        return sum((Decimal(row["cost_usd"]) for row in csv.DictReader(file) if row["cost_usd"]), Decimal(0))


def test_three_projections_and_one_page_are_written(planned: Path, tmp_path: Path, run_cli: Callable[..., Any]) -> None:
    result = run_cli("report", "--output-dir", tmp_path / "out", cwd=planned)
    assert result.exit_code == 0, result.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "baseline.csv",
        "optimized.csv",
        "diff.csv",
        "report.html",
    }
    lines = result.stdout.splitlines()
    assert "a month today" in lines[-2]
    assert lines[-1] == f"Next: open {tmp_path / 'out' / 'report.html'} in a browser"
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_projections_agree_with_the_plan(planned: Path, tmp_path: Path, run_cli: Callable[..., Any]) -> None:
    result = run_cli("report", "--output-dir", tmp_path, "--format", "csv", "--json", cwd=planned)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    plan = plans.read(planned / "optimization-plan.yaml")
    assert len(plan.chosen) == 2, plan.rejected
    assert plan.baseline.window_usd is not None
    before, after = total(tmp_path / "baseline.csv"), total(tmp_path / "optimized.csv")
    assert before == pytest.approx(plan.baseline.window_usd, abs=Decimal("0.006"))
    assert plan.joint.replayed_monthly_usd is not None
    monthly = (before - after) * Decimal("730.5") / plan.window.hours
    assert monthly == pytest.approx(plan.joint.replayed_monthly_usd, rel=Decimal("0.0005"))
    assert found["window"]["delta_usd"] == pytest.approx(float(after - before), abs=1e-6)
    assert not (tmp_path / "report.html").exists()


def test_what_has_no_price_stays_unknown_under_the_plan(
    planned: Path, tmp_path: Path, run_cli: Callable[..., Any]
) -> None:
    assert run_cli("report", "--output-dir", tmp_path, "--format", "csv", cwd=planned).exit_code == 0
    for name in ("baseline.csv", "optimized.csv"):
        with (tmp_path / name).open(encoding="utf-8", newline="") as file:
            costs = {row["cost_usd"] for row in csv.DictReader(file) if row["model"] == "our-own-model"}
        assert costs == {""}, name


def test_the_same_inputs_give_the_same_bytes(planned: Path, tmp_path: Path, run_cli: Callable[..., Any]) -> None:
    for name in ("a", "b"):
        assert run_cli("report", "--dashboard", "--output-dir", tmp_path / name, cwd=planned).exit_code == 0
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_diff_reads_what_report_writes(planned: Path, tmp_path: Path, run_cli: Callable[..., Any]) -> None:
    run_cli("report", "--output-dir", tmp_path, "--format", "csv", cwd=planned)
    files = ("--baseline", tmp_path / "baseline.csv", "--optimized", tmp_path / "optimized.csv")
    found = json.loads(run_cli("diff", *files, "--by", "tenant", "--json").stdout)
    assert found["before"]["cost_usd"] == pytest.approx(float(total(tmp_path / "baseline.csv")))
    assert "=cmd|'/C calc'!A0" in {move["key"]["tenant"] for move in found["moves"]}


def test_without_a_plan_the_message_says_what_to_run(tmp_path: Path, run_cli: Callable[..., Any]) -> None:
    result = run_cli("report", cwd=tmp_path)
    assert result.exit_code == 1
    assert 'run "tokenop plan" first' in result.stderr
    assert not (tmp_path / "reports").exists()


def test_without_events_there_is_nothing_to_report_on(
    planned: Path, tmp_path: Path, run_cli: Callable[..., Any]
) -> None:
    shutil.copy(planned / "optimization-plan.yaml", tmp_path)
    assert run_cli("report", cwd=tmp_path).exit_code == 3


def test_other_events_than_the_plans_are_refused(planned: Path, tmp_path: Path, run_cli: Callable[..., Any]) -> None:
    shutil.copy(planned / "optimization-plan.yaml", tmp_path)
    lines = (planned / "events.jsonl").read_text(encoding="utf-8").splitlines()
    (tmp_path / "events.jsonl").write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    result = run_cli("report", cwd=tmp_path)
    assert result.exit_code == 1
    assert "made from other events" in result.stderr
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("options", [("--format", "pdf"), ("--format", ""), ("--format", "csv", "--dashboard")])
def test_formats_that_do_not_exist_are_misuse(
    tmp_path: Path, run_cli: Callable[..., Any], options: tuple[str, ...]
) -> None:
    assert run_cli("report", *options, cwd=tmp_path).exit_code == 2


def test_a_folder_that_cannot_be_made_is_an_expected_error(
    planned: Path, tmp_path: Path, run_cli: Callable[..., Any]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = run_cli("report", "--output-dir", tmp_path / "file" / "out", "--format", "csv", cwd=planned)
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


def test_a_plan_with_prices_below_a_ten_thousandth_can_be_reported(
    planned: Path, run_cli: Callable[..., Any], tmp_path: Path
) -> None:
    # A look-up of 0.00001 USD was written as 1.0e-05, which the reader of plans refuses.
    templates = tmp_path / "templates"
    templates.mkdir()
    _always_worth_it("semantic-caching", templates)
    for command in (
        ("plan", "--events", planned / "events.jsonl", "--templates-dir", templates, "--draws", 50),
        ("report", "--events", planned / "events.jsonl", "--format", "csv"),
    ):
        ran = run_cli(*command, cwd=tmp_path)
        assert ran.exit_code == 0, ran.stderr
    assert "expected: 0.00001\n" in (tmp_path / "optimization-plan.yaml").read_text()
