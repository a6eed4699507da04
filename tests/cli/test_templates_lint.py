from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.catalogue.examples import SPECIMENS
from tests.conftest import Ran

Run = Callable[..., Ran]
TODAY = ("--today", "2026-11-21")
SOUND = (SPECIMENS / "template.md").read_text(encoding="utf-8")


@pytest.fixture
def lint(run_cli: Run) -> Run:
    """Return a function that lints on a fixed day."""
    return lambda *arguments, **more: run_cli("templates", "lint", *TODAY, *arguments, **more)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a sound template in a repository."""
    made = tmp_path / "templates" / "application-layer" / "shorter-prompts.md"
    made.parent.mkdir(parents=True)
    made.write_text(SOUND)
    beside = "---\nid: model-routing\n---\n"
    (made.parent / "model-routing.md").write_text(beside)  # the specimen links to it
    return made


def test_a_finding_is_printed_with_place_rule_message_and_fix_and_fails(lint: Run, path: Path) -> None:
    path.write_text(SOUND.replace("level: low", "level: lo"))
    ran = lint(path)
    assert ran.exit_code == 1
    line = ran.stdout.splitlines()[0]
    assert re.match(re.escape(str(path)) + r":\d+:10: risk.level: FM004: 'lo' is not one of low, medium, high", line)
    assert line.endswith("(did you mean low?)")
    assert ran.stdout.splitlines()[-1] == "1 template: 1 error, 0 warnings."


def test_json_gives_the_same_findings_and_which_can_be_mended(lint: Run, path: Path) -> None:
    path.write_text(SOUND.replace("level: low", "level: lo").replace("title:", "titel:"))
    for ran in (lint(path, "--json"), lint(path, "--format", "json")):
        assert ran.exit_code == 1
        report = json.loads(ran.stdout)
        assert (report["files"], report["errors"], report["warnings"]) == (1, 3, 0)
        told = {one["rule"]: (one["field"], one["severity"], one["fixable"]) for one in report["findings"]}
        assert told == {
            "FM002": ("title", "error", False),
            "FM003": ("titel", "error", True),
            "FM004": ("risk.level", "error", False),
        }


def test_warnings_alone_succeed(lint: Run, path: Path) -> None:
    assert lint(path).stdout == "1 template: 0 errors, 0 warnings.\n"
    path.write_text(SOUND.replace("title: Shorter prompts", "title: TODO"))
    ran = lint(path)
    assert ran.exit_code == 0
    assert "FM008: warning: " in ran.stdout
    assert ran.stdout.splitlines()[-1] == "1 template: 0 errors, 1 warning."


def test_files_folders_layers_and_repositories_can_be_named(lint: Run, path: Path) -> None:
    (path.parent / "model-routing.md").unlink()
    root = path.parents[2]
    for paths in ([root], [root / "templates"], [path.parent], [path], [root, path.parent]):
        ran = lint(*paths, "--ignore", "LK")
        assert ran.stdout.startswith("1 template: 0"), ran.stdout


def test_reports_are_checked_with_the_templates_and_alone(lint: Run, path: Path) -> None:
    root = path.parents[2]
    reviews = root / "validations" / "shorter-prompts" / "reviews.md"
    reviews.parent.mkdir(parents=True)
    reviews.write_text((SPECIMENS / "reviews.md").read_text().replace("shorter-prompts", "shorter-promts", 1))
    for paths in ([root], [root / "validations"], [reviews]):
        ran = lint(*paths, "--select", "RP")
        assert "RP001" in ran.stdout
        assert "1 report: " in ran.stdout
        assert ran.exit_code == 1


def test_nothing_to_check_exits_3_and_a_missing_path_1(lint: Run, tmp_path: Path) -> None:
    ran = lint(tmp_path)
    assert (ran.exit_code, "no template found" in ran.stderr) == (3, True)
    ran = lint(tmp_path / "absent.md")
    assert (ran.exit_code, "no such file or folder" in ran.stderr) == (1, True)


def test_a_stray_file_is_told_where_it_belongs(lint: Run, tmp_path: Path) -> None:
    (tmp_path / "shorter-prompts.md").write_text(SOUND)
    ran = lint(tmp_path)
    assert ran.exit_code == 1
    assert "move the file to templates/application-layer/" in ran.stdout


def test_rules_are_selected_and_ignored_by_how_they_begin(lint: Run, path: Path) -> None:
    path.write_text(SOUND.replace("level: low", "level: lo").replace("title: Shorter prompts", "title: TODO"))

    def told(*options: str) -> list[str]:
        return [one["rule"] for one in json.loads(lint(path, "--json", *options).stdout)["findings"]]

    assert told() == ["FM008", "FM004"]
    assert told("--select", "FM008") == ["FM008"]
    assert told("--select", "FM", "--ignore", "FM008") == ["FM004"]
    assert told("--ignore", "FM") == []
    ran = lint(path, "--select", "FN")
    assert (ran.exit_code, "there is no rule 'FN'" in ran.stderr) == (2, True)


def test_fix_writes_what_can_be_mended_and_tells_what_is_left(lint: Run, path: Path) -> None:
    path.write_text(SOUND.replace("title:", "titel:").replace("level: low", "level: lo"))
    shown = lint(path, "--diff")
    assert shown.exit_code == 1
    assert "-titel: Shorter prompts" in shown.stdout
    assert "+title: Shorter prompts" in shown.stdout
    assert "titel" in path.read_text()
    ran = lint(path, "--fix")
    assert (ran.exit_code, ran.stderr) == (1, f"mended {path}\n")
    assert "FM003" not in ran.stdout
    assert "FM004" in ran.stdout
    assert path.read_text() == SOUND.replace("level: low", "level: lo")
    path.write_text(SOUND)
    assert lint(path, "--diff").exit_code == 0
    assert lint(path, "--fix").stderr == ""


def test_github_gets_annotations_that_no_file_can_forge(lint: Run, path: Path) -> None:
    path.write_text(SOUND.replace("id: shorter-prompts", 'id: "a\\n::error file=x::owned, 100%"'))
    ran = lint(path, "--format", "github")
    assert ran.exit_code == 1
    lines = ran.stdout.splitlines()
    assert all(re.match(r"::(error|warning) file=[^:,]+,line=\d+,col=\d+,title=[^:,]+::", line) for line in lines[:-1])
    assert any("100%25" in line for line in lines)
    assert lines[-1].startswith("1 template: ")


def test_a_path_that_looks_like_a_command_to_github_is_none_in_the_log(lint: Run, tmp_path: Path) -> None:
    folder = tmp_path / "application-layer"
    folder.mkdir()
    (folder / "::add-mask::x\n::error::y.md").write_text(SOUND)
    ran = lint(Path("application-layer"), cwd=tmp_path)
    inside = lint(Path("::add-mask::x\n::error::y.md"), cwd=folder)
    for shown in (ran, inside):
        assert "ID007" in shown.stdout
        assert not [line for line in shown.stdout.splitlines() if line.startswith("::")]
        assert [line for line in shown.stdout.splitlines()[:-1] if "ID007" not in line and "ID00" not in line] == []


def test_sarif_does_not_fail_for_findings(lint: Run, path: Path) -> None:
    path.write_text(SOUND.replace("level: low", "level: lo"))
    ran = lint(path, "--format", "sarif")
    assert ran.exit_code == 0
    assert [one["ruleId"] for one in json.loads(ran.stdout)["runs"][0]["results"]] == ["FM004"]
    assert lint(path.parents[3] / "absent.md", "--format", "sarif").exit_code == 1


@pytest.mark.thorough
def test_replay_asks_the_engine(lint: Run, path: Path) -> None:
    path.write_text(SOUND.replace("expected: 1.6", "expected: 2.6"))
    assert lint(path).exit_code == 0
    ran = lint(path, "--replay", "--select", "EC003")
    assert ran.exit_code == 1
    assert "EC003" in ran.stdout


def test_what_ships_is_clean(run_cli: Run) -> None:
    ran = run_cli("templates", "lint", "--today", "2026-11-22")
    assert (ran.exit_code, " 0 errors, 0 warnings." in ran.stdout) == (0, True), ran.stdout
