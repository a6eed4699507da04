"""`tokenop costs`, as it is typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ran

Run = Callable[..., Ran]


def row(number: int, **more: Any) -> str:
    now = datetime.now(UTC).isoformat()
    usual = {
        "id": f"op-{number}:1", "ts": now, "intent": "unknown", "provider": "anthropic", "model": "claude-sonnet-4-5",
        "input_tokens": 10_000, "output_tokens": 100, "latency_ms": 1234.5, "cost_usd": 0.0123, "endpoint": "e",
        "region": "unknown", "tenant": "unknown", "status": "ok", "attempt": 1, "tier": "T4",
        "cache_read_input_tokens": 8_000, "cache_creation_input_tokens": 0, "parent_id": f"op-{number}",
    }  # fmt: skip
    return json.dumps({**usual, **more})


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of today's segment of a gateway's log."""
    monkeypatch.setenv("TOKENOP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    day = datetime.now(UTC).date().isoformat()
    folder = tmp_path / "home" / "gateway" / "log" / day
    folder.mkdir(parents=True)
    stamp = day.replace("-", "")
    return folder / f"{stamp}T000000.000000Z-1-aaaaaaaa.jsonl"


def test_without_calls_it_says_how_to_begin(run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run_cli("costs")
    assert ran.exit_code == 3
    assert "tokenop serve" in ran.stderr


def test_the_log_of_the_gateway_is_told_by_user_tier_and_provider(run_cli: Run, log: Path) -> None:
    evil = "\x1b[31mmallory[bold]"
    log.write_text("\n".join([row(1, user_id="ada"), row(2, user_id=evil), row(3, status="529"), "{torn"]) + "\n")
    ran = run_cli("costs", "week", "--baseline", "anthropic/claude-opus-4-7")
    assert (ran.exit_code, ran.stderr) == (0, "")
    for said in ("$0.0369", "3 calls", "ada", "T4", "anthropic", "80.0%", "saved", "claude-opus-4-7", "(not said)"):
        assert said in ran.stdout
    assert "\x1b" not in ran.stdout
    assert "mallory[bold]" in ran.stdout


def test_json_holds_the_same_for_programs(run_cli: Run, log: Path) -> None:
    log.write_text(row(1, user_id="ada") + "\n")
    found = json.loads(run_cli("costs", "--by", "user,model", "--json").stdout)
    assert found["total"]["cost_usd"] == 0.0123
    assert set(found["by"]) == {"user", "model"}
    assert found["prompt_cache"]["hit_ratio"] == 0.8
    assert found["days"][0]["prompt_cache"]["net_usd"] == 0.0216
    assert found["routing"] is None
    assert found["period"]["timezone"] == "UTC"


def test_json_has_all_digits_of_small_sums(run_cli: Run, log: Path) -> None:
    log.write_text(row(1, user_id="ada", cost_usd=0.00000045) + "\n")
    assert json.loads(run_cli("costs", "--json").stdout)["total"]["cost_usd"] == 0.00000045


def test_any_canonical_log_can_be_read(run_cli: Run, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text(row(1, ts="2026-03-01T10:00:00Z") + "\n" + row(2, ts="2026-03-03T10:00:00Z") + "\n")
    ran = run_cli("costs", "--events", events, "--since", "2026-03-01", "--until", "2026-04-01")
    assert ran.exit_code == 0
    assert "2026-03-01 to 2026-03-31 (UTC)" in ran.stdout
    assert "█▁█" in ran.stdout
    assert run_cli("costs", "--events", events).exit_code == 3


@pytest.mark.parametrize(
    "words", [("--by", "colour"), ("--baseline", "opus"), ("week", "--since", "2026-01-01"), ("year",)]
)
def test_what_is_not_meant_is_refused(run_cli: Run, log: Path, words: tuple[str, ...]) -> None:
    log.write_text(row(1) + "\n")
    assert run_cli("costs", *words).exit_code == 2
