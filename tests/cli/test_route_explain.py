"""`tokenop route explain` says who answers, why, why not others, what is missing here and what it costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.routing.files import CONFIG, written

Cli = Callable[..., object]
DAY = ("--today", "2026-11-22")


@pytest.fixture(autouse=True)
def without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GROQ_API_KEY", "ANTHROPIC_API_KEY", "OLLAMA_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_rule_the_chain_and_the_rules_before_are_told(run_cli: Cli) -> None:
    ran = run_cli("route", "explain", "--tokens", "50000", "--output-tokens", "800", "--tools", "3", *DAY)
    assert ran.exit_code == 0
    assert "rule long-prompts leads to T4: input_tokens > 32000" in ran.stdout
    assert "pictures: image_count > 0 stays open: image_count is not known" in ran.stdout
    assert ran.stdout.count("GROQ_API_KEY is not set") == 1
    assert "nobody can be asked from here" in ran.stdout


def test_programs_get_the_price_at_each_target(run_cli: Cli) -> None:
    ran = run_cli("route", "explain", "--tokens", "50000", "--output-tokens", "800", "--json", *DAY)
    found = json.loads(ran.stdout)
    assert (found["by"], found["rule"], found["tier"]) == ("rule", "long-prompts", "T4")
    groq, anthropic = found["chain"]
    assert groq["most_usd"] == pytest.approx(50_000 * 0.15e-6 + 800 * 0.6e-6)
    assert anthropic["most_usd"] == pytest.approx(50_000 * 2e-6 + 800 * 10e-6)
    assert groq["timeouts"]["first_token"] == 15
    assert groq["unusable"] == "GROQ_API_KEY is not set"


def test_a_local_model_has_no_price_and_is_not_free(run_cli: Cli) -> None:
    found = json.loads(run_cli("route", "explain", "--tokens", "300", "--json", *DAY).stdout)
    assert found["chain"][0]["own_machine"] is True
    assert found["chain"][0]["most_usd"] is None
    assert "no price a token: your own machine" in run_cli("route", "explain", "--tokens", "300", *DAY).stdout


def test_what_the_caller_insists_on_is_told(run_cli: Cli) -> None:
    assert "the caller leads to T5" in run_cli("route", "explain", "--tier", "T5", *DAY).stdout
    refused = run_cli("route", "explain", "--ask", "gpt-9", *DAY)
    assert refused.exit_code == 1
    assert "callers may name: T1, T2, T3, T4, T5, claude-opus-5" in refused.stderr
    assert run_cli("route", "explain", "--tier", "T5", "--ask", "x").exit_code == 2


def test_each_part_that_keeps_a_rule_from_deciding_is_told(run_cli: Cli, tmp_path: Path) -> None:
    rules = """rules:
  wrong: {when: "has_tools AND input_tokens > 10 AND intent = 'a'", tier: T2}
  open: {when: "intent = 'a' AND user_id IS NOT NULL AND session_id = 's'", tier: T2}
  few: {when: "has_tools", tier: T2, share: 0}
  unbuilt: {when: "has_tools", to: {provider: groq, model: x}, verify: [{check: c}]}
"""
    path = written(tmp_path, CONFIG + rules)
    ran = run_cli(
        *("route", "explain", "--config", str(path), "--intent", "a", "--tokens", "5", "--tools", "1"),
        *("--user", "me", "--json", *DAY),
    )
    reasons = {one["rule"]: one["reason"] for one in json.loads(ran.stdout)["passed_over"]}
    assert reasons == {
        "wrong": "input_tokens > 10 does not hold: input_tokens is 5",
        "open": "session_id = 's' stays open: session_id is not known",
        "few": "its condition holds, but the call is not in its share (a share of 0 of them, drawn by operation)",
        "unbuilt": "`verify` is declared, not executed by this version",
    }


def test_a_projects_file_in_the_working_directory_lies_over_the_shipped_config(
    run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tokenop").mkdir()
    (tmp_path / "tokenop/router.yaml").write_text("rules:\n  ours: {when: \"user_id = 'me'\", tier: T3}\n")
    found = json.loads(run_cli("route", "explain", "--user", "me", "--json", *DAY).stdout)
    assert (found["rule"], found["tier"], found["overlays"]) == ("ours", "T3", ["tokenop/router.yaml"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fact", "bach=true"], "did you mean batch?"),
        (["--fact", "batch=maybe"], "write true or false"),
        (["--fact", "context_length=long"], "write a whole number"),
        (["--tokens", "-5"], "input_tokens: -5 is nothing that this fact can be"),
    ],
)
def test_what_is_no_fact_is_refused_with_a_fix(run_cli: Cli, words: list[str], said: str) -> None:
    ran = run_cli("route", "explain", *words)
    assert ran.exit_code == 2
    assert said in ran.stderr


def test_names_in_a_file_cannot_steer_the_terminal(run_cli: Cli) -> None:
    ran = run_cli("route", "explain", "--intent", "a\x1b[31m\u202eb", *DAY)
    assert "\x1b" not in ran.stdout
    assert "\u202e" not in ran.stdout
