"""`tokenop serve --check`: what would be served, and who could be asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.applied.project import Here, limit, settings, write
from tests.gateway.applied.test_reading import RECON
from tokenop.gateway.applied import check
from tokenop.gateway.identity import keys


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tokenop").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKENOP_HOME", str(tmp_path / "home"))
    for name in ("GROQ_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(check, "ask", lambda where, env: Here(where.root, env).read(where))
    return tmp_path


def test_it_says_who_can_be_asked_and_why_others_cannot(root: Path, run_cli: Callable[..., Any]) -> None:
    ran = run_cli("serve", "--check")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert "  ✓ ollama/devstral:24b\n  ✗ groq/llama-3.3-70b-versatile: GROQ_API_KEY is not set\n" in ran.stdout
    assert "5 rules, 2 budgets, cached: prompts, 0 active keys (not needed), at 127.0.0.1:18789." in ran.stdout
    assert ran.stdout.endswith("Next: tokenop serve\n")
    assert not (root / "home").exists()


def test_programs_get_the_same_as_json(root: Path, run_cli: Callable[..., Any]) -> None:
    write(root, "tokenop/router.yaml", limit(7))
    ran = run_cli("serve", "--check", "--json", "--port", "1234")
    said = json.loads(ran.stdout)
    assert (said["ok"], said["address"], said["mode"], said["rules"]) == (True, "127.0.0.1:1234", "route", 5)
    assert [file["role"] for file in said["files"]] == ["config", "tokenop/router.yaml"]
    assert said["budgets"][0]["usd"] == "7"
    assert said["tiers"]["T5"] == [
        {"name": "anthropic", "model": "claude-opus-5", "usable": False, "why": "ANTHROPIC_API_KEY is not set"}
    ]


def test_recon_has_no_rules(root: Path, run_cli: Callable[..., Any]) -> None:
    ran = run_cli("serve", "--check", "--config", RECON)
    assert ran.exit_code == 0
    assert "recon 1.0.0, mode recon" in ran.stdout
    assert "0 rules, 0 budgets" in ran.stdout


def test_what_is_refused_is_told_and_nothing_would_be_served(root: Path, run_cli: Callable[..., Any]) -> None:
    write(root, "tokenop/router.yaml", "budgts: {}\n")
    ran = run_cli("serve", "--check")
    assert ran.exit_code == 1
    assert ran.stdout.startswith("tokenop/router.yaml:1: budgts: RT001: unknown key 'budgts' (did you mean budgets?)\n")
    assert json.loads(run_cli("serve", "--check", "--json").stdout)["refused"] == [ran.stdout.split("\n")[0]]


def test_a_default_tier_that_nobody_answers_is_exit_code_1(root: Path, run_cli: Callable[..., Any]) -> None:
    write(root, "tokenop/router.yaml", "default_tier: T4\n")
    ran = run_cli("serve", "--check")
    assert ran.exit_code == 1
    assert ran.stdout.endswith("Nobody of T4 can be asked. Next: GROQ_API_KEY is not set\n")


def test_recordings_answer_in_the_place_of_everybody(root: Path, run_cli: Callable[..., Any]) -> None:
    write(root, "tokenop/router.yaml", "default_tier: T4\n")
    ran = run_cli("serve", "--check", "--recordings", root)
    assert (ran.exit_code, "✗" in ran.stdout) == (0, False)


def test_an_address_of_others_needs_a_key(root: Path, run_cli: Callable[..., Any]) -> None:
    ran = run_cli("serve", "--check", "--host", "0.0.0.0")
    assert ran.exit_code == 1
    assert "others reach this address, and there is no key.\nNext: tokenop keys create --user NAME" in ran.stdout
    keys.create(root / "home" / "gateway", datetime.now(UTC), user="ann")
    ran = run_cli("serve", "--check", "--host", "0.0.0.0")
    assert (ran.exit_code, "1 active key (needed)" in ran.stdout) == (0, True)


def test_broken_keys_are_told(root: Path) -> None:
    keys.path(root / "state").parent.mkdir()
    keys.path(root / "state").write_text("{}", encoding="utf-8")
    found = check.check(settings(root))
    assert found.exit_code == 1
    assert found.closed is not None
    assert "is no file of keys" in found.closed
