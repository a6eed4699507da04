"""`tokenop route test` checks what is shipped and the project's file, in three forms."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.routing.files import CONFIG, META, written

Cli = Callable[..., object]
DAY = ("--today", "2026-11-22")


def test_what_is_shipped_is_sound(run_cli: Cli) -> None:
    ran = run_cli("route", "test", *DAY)
    assert ran.exit_code == 0
    assert "2 configs: 0 errors, 0 warnings" in ran.stdout
    assert "RT011: suppressed until 2027-02-28: groq/llama-3.3-70b-versatile was retired" in ran.stdout


def test_errors_end_with_one_and_warnings_with_nothing(run_cli: Cli, tmp_path: Path) -> None:
    path = written(tmp_path, CONFIG.replace("groq: large", "groq: openai/gpt-oss-120b"))
    assert run_cli("route", "test", str(path), *DAY).exit_code == 0
    late = run_cli("route", "test", str(path), "--today", "2027-12-01")
    assert late.exit_code == 0
    assert ": warning: should have been looked at by 2027-05-22" in late.stdout
    wrong = run_cli("route", "test", str(written(tmp_path, CONFIG)), *DAY)
    assert wrong.exit_code == 1
    assert f"{tmp_path}/mine.yaml:18:" in wrong.stdout
    assert "RT010: groq has no model large" in wrong.stdout


def test_a_file_that_cannot_be_read_as_a_config_gives_all_its_findings(run_cli: Cli, tmp_path: Path) -> None:
    path = written(
        tmp_path, CONFIG.replace("default_tier: T2", "default_tier: T3") + "rules: {r: {when: oh, tier: T9}}\n"
    )
    found = json.loads(run_cli("route", "test", str(path), "--json", *DAY).stdout)
    assert found["configs"][0]["readable"] is False
    assert {finding["rule"] for finding in found["configs"][0]["findings"]} == {"RT001"}
    path = written(
        tmp_path, CONFIG.replace("default_tier: T2", "default_tier: T3") + "rules: {r: {when: oh, tier: T4}}\n"
    )
    found = json.loads(run_cli("route", "test", str(path), "--json", *DAY).stdout)
    assert [finding["rule"] for finding in found["configs"][0]["findings"]] == ["RT003", "RT003", "RT002"]


def test_a_projects_file_is_checked_over_the_shipped_config(
    run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tokenop").mkdir()
    router = tmp_path / "tokenop/router.yaml"
    router.write_text("rules:\n  ours: {when: 'tool_count > 3 AND tool_count < 2', tier: T3}\n")
    for words in ((), ("tokenop/router.yaml",)):
        ran = run_cli("route", "test", *words, *DAY)
        assert ran.exit_code == 1
        assert "tokenop/router.yaml:2:10: rules.ours.when: RT016: no call can fit this condition" in ran.stdout
        assert ran.stdout.count("RT011: suppressed") == 1


def test_github_gets_annotations(run_cli: Cli, tmp_path: Path) -> None:
    ran = run_cli("route", "test", str(written(tmp_path, CONFIG)), "--format", "github", *DAY)
    assert ran.stdout.startswith(f"::error file={tmp_path}/mine.yaml,line=18,")


def test_nothing_to_check_is_told(run_cli: Cli, tmp_path: Path) -> None:
    ran = run_cli("route", "test", str(tmp_path / "none.yaml"))
    assert ran.exit_code == 1
    assert "no such file" in ran.stderr
    empty = tmp_path / "mine.yaml"
    empty.write_text(META)
    assert run_cli("route", "test", str(empty)).exit_code == 1


def test_the_groups_help_says_what_each_command_says_of_itself(run_cli: Cli) -> None:
    from tokenop.cli.route import COMMANDS

    assert run_cli("route", "--help").exit_code == 0
    for name, (module, line) in COMMANDS.items():
        command = importlib.import_module(f"tokenop.cli.{module}").command
        assert (command.help or "").splitlines()[0] == line, name
