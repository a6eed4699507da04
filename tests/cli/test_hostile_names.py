"""What other people write into events, plans and workloads must not steer a terminal, a loader or a drawing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

NASTY = "\x1b]0;taken\x07[bold]x[/nope]<script>alert(1)</script>"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return events whose every name is hostile."""
    path = tmp_path_factory.mktemp("hostile") / "events.jsonl"
    start = datetime(2026, 9, 1, tzinfo=UTC)
    with path.open("w", encoding="utf-8") as file:
        for number in range(200):
            event = {
                "id": f"call-{number}", "ts": (start + timedelta(hours=number)).isoformat(), "intent": NASTY,
                "provider": "anthropic", "model": ("claude-sonnet-4-5", NASTY)[number % 2], "input_tokens": 20_000,
                "output_tokens": 500, "latency_ms": 900, "cost_usd": None, "endpoint": "x", "region": "eu",
                "tenant": NASTY, "prompt": f"{NASTY} {number % 7}",
            }  # fmt: skip
            file.write(json.dumps(event) + "\n")
    return path


def test_names_reach_neither_the_terminal_nor_the_page_as_anything_but_text(
    log: Path, run_cli: Callable[..., Any], tmp_path: Path
) -> None:
    for command in (
        ("profile", "--events", log, "--cluster-method", "semantic", "--out", "[/red]profile.yaml"),
        ("plan", "--events", log, "--draws", 20),
        ("report", "--events", log, "--dashboard"),
        ("diff", "--baseline", "reports/baseline.csv", "--optimized", "reports/optimized.csv", "--by", "tenant,model"),
    ):
        ran = run_cli(*command, cwd=tmp_path)
        assert ran.exit_code == 0, ran.stderr
        assert "\x1b]" not in ran.stdout
    assert "<script>alert" not in (tmp_path / "reports" / "report.html").read_text(encoding="utf-8")


def bomb(key: str) -> str:
    """Return YAML of a few hundred bytes whose value has 10^8 items."""
    lines, last = ["a: &a [x, x, x, x, x, x, x, x, x, x]"], "a"
    for name in "bcdefgh":
        lines.append(f"{name}: &{name} [{', '.join([f'*{last}'] * 10)}]")
        last = name
    return "\n".join([*lines, f"{key}:", "  evil: *h", ""])


@pytest.mark.parametrize("text", [bomb("policy"), bomb("coverage"), "[" * 100_000], ids=["policy", "coverage", "depth"])
@pytest.mark.parametrize("command", [("plan", "--workload"), ("report", "--plan")], ids=["workload", "plan"])
def test_a_yaml_bomb_is_refused_with_its_line(
    command: tuple[str, str], text: str, run_cli: Callable[..., Any], tmp_path: Path
) -> None:
    # Aliases took minutes and all memory; depth overflowed the stack of the C parser, which ends the process.
    (tmp_path / "bomb.yaml").write_text(f"schema_version: 1\n{text}" if text.startswith("a") else text)
    ran = run_cli(*command, "bomb.yaml", cwd=tmp_path)
    assert ran.exit_code == 1
    assert "bomb.yaml:" in ran.stderr
    assert len(ran.stderr) < 500


def test_a_workload_that_carries_markup_is_planned(log: Path, run_cli: Callable[..., Any], tmp_path: Path) -> None:
    assert run_cli("profile", "--events", log, "--shareable", "--out", "w.yaml", cwd=tmp_path).exit_code == 0
    text = (tmp_path / "w.yaml").read_text(encoding="utf-8")
    before, _, after = text.partition("events_hash: ")
    forged = before + 'events_hash: "[/red]\\e]0;taken\\a"\n' + after.partition("\n")[2]
    (tmp_path / "w.yaml").write_text(forged, encoding="utf-8")
    ran = run_cli("plan", "--workload", "w.yaml", "--draws", 20, cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr
    assert "\x1b" not in ran.stdout


def test_a_folder_is_no_place_for_a_plan(log: Path, run_cli: Callable[..., Any], tmp_path: Path) -> None:
    ran = run_cli("plan", "--events", log, "--out", ".", cwd=tmp_path)
    assert ran.exit_code == 2
    assert "is a directory" in ran.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    from tokenop.cli.progress import results

    with pytest.raises(BrokenPipeError):
        results().on_broken_pipe()
