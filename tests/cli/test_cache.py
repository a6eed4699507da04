"""`tokenop cache`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran

AGENT = ".claude/agents/reviewer.md"
RULES = "Read the whole file before you change it.\n" * 150
RIGHT = f"{RULES}\n<!-- CACHE BOUNDARY -->\n@MEMORY.md\n"
WRONG = f"Today is 2026-11-05.\n{RIGHT}"


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that makes a project with one agent of a text, and returns its folder."""

    def make(text: str) -> Path:
        path = tmp_path / AGENT
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return tmp_path

    return make


def test_a_sound_project_is_done(run_cli: Callable[..., Ran], project: Callable[[str], Path]) -> None:
    ran = run_cli("cache", "check", cwd=project(RIGHT))
    assert (ran.exit_code, ran.stdout) == (0, "1 file, 1 with a cache boundary: 0 errors, 0 warnings.\n")
    assert "note: this project has no CLAUDE.md" in ran.stderr


def test_findings_name_file_line_and_fix(run_cli: Callable[..., Ran], project: Callable[[str], Path]) -> None:
    ran = run_cli("cache", "check", cwd=project(WRONG))
    assert ran.exit_code == 1
    assert ran.stdout.startswith(f"{AGENT}:1:1: prompt: volatile-before-boundary: today's date ('Today is 2026-11-05')")
    assert "(move it below the marker)" in ran.stdout
    assert "1 error, 0 warnings." in ran.stdout


def test_warnings_alone_do_not_fail(run_cli: Callable[..., Ran], project: Callable[[str], Path]) -> None:
    ran = run_cli("cache", "check", project("Be brief.\n") / AGENT)
    assert ran.exit_code == 0
    assert "boundary-missing: warning:" in ran.stdout


def test_json_holds_what_was_checked(run_cli: Callable[..., Ran], project: Callable[[str], Path]) -> None:
    ran = run_cli("cache", "check", "--json", "--model", "claude-opus-4-8", cwd=project(WRONG))
    found = json.loads(ran.stdout)
    assert (ran.exit_code, found["errors"], found["missing"]) == (1, 1, ["CLAUDE.md", "rules"])
    assert found["checked"][0]["boundary"] == 153
    assert found["findings"][0]["line"] == 1


def test_no_files_are_no_success(run_cli: Callable[..., Ran], tmp_path: Path) -> None:
    ran = run_cli("cache", "check", cwd=tmp_path)
    assert ran.exit_code == 3
    assert "name the files to check" in ran.stderr


def test_misuse_is_told(run_cli: Callable[..., Ran], project: Callable[[str], Path]) -> None:
    folder = project(RIGHT)
    unknown = run_cli("cache", "check", "--model", "gpt-5", cwd=folder)
    assert unknown.exit_code == 2
    assert "add --minimum" in unknown.stderr
    assert run_cli("cache", "check", "--model", "gpt-5", "--minimum", 1024, cwd=folder).exit_code == 0
    assert run_cli("cache", "check", "nowhere", cwd=folder).exit_code == 2


def test_what_files_hold_does_not_steer_the_terminal(
    run_cli: Callable[..., Ran], project: Callable[[str], Path]
) -> None:
    ran = run_cli("cache", "check", cwd=project(f"It is !`\x1b[2J::error::`.\n{RIGHT}"))
    assert ran.exit_code == 1
    assert "\x1b" not in ran.stdout
