"""`tokenop prices` on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


def test_show_prints_every_period_with_source_and_next_step(run_cli: Run) -> None:
    ran = run_cli("prices", "show", "claude-sonnet-4-5")
    assert ran.exit_code == 0, ran.stderr
    assert "anthropic/claude-sonnet-4-5" in ran.stdout
    assert "2025-09-29" in ran.stdout
    assert "verified on 2026-11-21" in ran.stdout
    assert "10,000 input and 1,000 output tokens cost $0.0450." in ran.stdout
    assert "Next: tokenop prices coverage" in ran.stdout
    assert "\x1b" not in ran.stdout


def test_show_json_holds_exact_rates_of_the_day_alone(run_cli: Run) -> None:
    ran = run_cli("prices", "show", "deepseek/deepseek-coder", "--at", "2025-01-15", "--json")
    assert ran.exit_code == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert (found["provider"], found["model"]) == ("deepseek", "deepseek-chat")
    (entry,) = found["entries"]
    assert entry["usd_per_million"] == {
        "input": "0.14",
        "cache_read": "0.014",
        "cache_write_5m": None,
        "cache_write_1h": None,
        "output": "0.28",
    }
    assert entry["source"].startswith("https://")


def test_show_of_an_unknown_model_offers_near_ones(run_cli: Run) -> None:
    ran = run_cli("prices", "show", "claude-sonet-4-5")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "tokenop prices show claude-sonnet-4-5 --provider anthropic" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("claude-sonnet-4-5", "--at", "yesterday"), 2, "not a date"),
        (("zzzzzz",), 1, "no model of that name"),
        (("whisper-1", "--provider", "openai"), 1, "without a price per token"),
        (("gpt-4o", "--prices", "absent.yaml"), 1, "no such file"),
    ],
)
def test_show_says_what_is_wrong(run_cli: Run, arguments: tuple[str, ...], code: int, message: str) -> None:
    ran = run_cli("prices", "show", *arguments)
    assert ran.exit_code == code
    assert message in ran.stderr


def test_prices_of_ones_own_count(run_cli: Run, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "schema_version: 1\nprovider: acme\nprices:\n  - model: m\n    from: '2025-01-01'\n"
        "    usd_per_million: {input: 1, output: 2}\n    source: https://example.com\n    verified_on: '2025-01-01'\n"
    )
    ran = run_cli("prices", "show", "m", "--provider", "acme", "--prices", path)
    assert ran.exit_code == 0, ran.stderr
    assert "cost $0.0120" in ran.stdout


def event(number: int, **fields: object) -> str:
    row = {
        "id": f"e{number}",
        "ts": "2026-11-01T12:00:00Z",
        "intent": "unknown",
        "provider": "anthropic",
        "model": "claude-sonnet-4-5",
        "input_tokens": 1000,
        "output_tokens": 100,
        "latency_ms": None,
        "cost_usd": None,
        "endpoint": "unknown",
        "region": "unknown",
        "tenant": "unknown",
    }
    return json.dumps({**row, **fields})


def test_coverage_counts_priced_and_unpriced_calls(run_cli: Run, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join([event(1), event(2, cost_usd=0.5), event(3, provider="acme", model="m-1")]) + "\n")
    ran = run_cli("prices", "coverage", "--events", path, "--json")
    assert ran.exit_code == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert (found["events"], found["reported"], found["priced"], found["unpriced"]) == (3, 1, 1, 1)
    assert found["unpriced_models"] == [{"provider": "acme", "model": "m-1", "calls": 1, "tokens": 1100}]
    assert found["cost_usd"] == 0.5045
    table = run_cli("prices", "coverage", "--events", path)
    assert "m-1" in table.stdout
    assert "Next: tokenop plan" in table.stdout


def test_no_figure_is_cut_on_a_narrow_terminal(run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = run_cli("prices", "show", "claude-sonnet-4-5").stdout
    assert "…" not in shown
    assert "22.5" in shown


def test_names_that_look_like_markup_are_shown_as_they_are(run_cli: Run, tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    log.write_text('{"ts": "2026-03-02T09:00:00Z", "model": "[bold]x[/]", "input_tokens": 1, "output_tokens": 1}\n')
    out = tmp_path / "[/out]"
    ran = run_cli("discover", "--input", log, "--out", out)
    assert ran.exit_code == 0, ran.stderr
    assert str(out) in ran.stdout
    assert "[bold]x[/]" in run_cli("prices", "coverage", "--events", out / "events.jsonl").stdout
