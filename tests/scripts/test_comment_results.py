"""The trusted stage against GitHub's API on this machine: what it believes, what it writes, and how often."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.github_api import BOT, NAME, Pull
from tests.github_state import zipped
from tests.scripts.repositories import TEMPLATE, commit, git, specimen
from tests.scripts.trusted import Stage
from tokenop.community import report


def test_a_sound_template_is_told_so_in_one_line_with_reviewers(staged: Callable[..., Stage], tmp_path: Path) -> None:
    stage = staged()
    assert stage.tell(stage.ran(stage.report()), tmp_path) == 0
    (said,) = stage.said
    lines = [line for line in said.split("<!-- tokenop:reviewers -->")[0].splitlines() if line]
    assert len(lines) == 2
    assert lines[1].startswith("**Passed** at")
    assert stage.pull.head[:10] in lines[1]
    assert "@ada" in said
    assert "@grace" in said
    assert "2026-11-27" in said


def test_findings_are_told_with_file_line_and_fix(staged: Callable[..., Stage], tmp_path: Path) -> None:
    stage = staged(specimen(layer="layer: application-layer→layer: serving-layer"))
    assert stage.tell(stage.ran(stage.report()), tmp_path) == 0
    (said,) = stage.said
    assert "**Not passed**" in said
    assert f"[`{TEMPLATE}:5:8`](https://github.com/{NAME}/blob/{stage.pull.head}/{TEMPLATE}?plain=1#L5)" in said
    assert "**ID003**" in said
    assert "*Fix:*" in said
    assert f"`tokenop templates lint --fix {TEMPLATE}`" in said


def test_a_hostile_name_is_told_as_a_name(staged: Callable[..., Stage], tmp_path: Path) -> None:
    name = "templates/application-layer/$(touch pwned);`@everyone` <img src=x>.md"
    stage = staged(path=name)
    assert stage.tell(stage.ran(stage.report()), tmp_path) == 0
    (said,) = stage.said
    assert "**ID007**" in said
    assert f"[`` {name} ``](" in said
    assert "`tokenop templates lint --fix templates`" in said


def test_a_template_as_large_as_a_bomb_is_read_no_further_than_it_may_be(
    staged: Callable[..., Stage], tmp_path: Path
) -> None:
    stage = staged("---\nid: x\ntitle: '" + "x" * 5_000_000 + "'\n---\n")
    assert stage.tell(stage.ran(stage.report()), tmp_path) == 0
    assert "**ID007**" in stage.said[0]


def test_nothing_is_ever_posted_twice(staged: Callable[..., Stage], tmp_path: Path) -> None:
    stage = staged()
    run = stage.ran(stage.report())
    for _ in range(2):
        assert stage.tell(run, tmp_path) == 0
        assert stage.sweep() == 0
    assert len(stage.said) == 1
    assert [method for method, *_ in stage.github.writes].count("PATCH") == 0


def test_a_change_of_code_alone_gets_no_comment(staged: Callable[..., Stage], tmp_path: Path) -> None:
    stage = staged("x = 1", path="tokenop/x.py")
    assert stage.tell(stage.ran(stage.report()), tmp_path) == 0
    assert stage.said == []


def test_a_change_that_edits_its_own_check_is_told_apart(staged: Callable[..., Stage], tmp_path: Path) -> None:
    stage = staged()
    git(stage.folder, "switch", "--quiet", "topic")
    stage.pull.head = commit(stage.folder, {"scripts/check_pull_request.py": "print('all is well')"})
    stage.tell(stage.ran(stage.report()), tmp_path)
    assert "a green mark is a hint and no proof" in stage.said[0]


def test_a_new_commit_edits_the_comment(staged: Callable[..., Stage], tmp_path: Path) -> None:
    stage = staged(specimen(layer="layer: application-layer→layer: serving-layer"))
    stage.tell(stage.ran(stage.report()), tmp_path)
    git(stage.folder, "switch", "--quiet", "topic")
    stage.pull.head = commit(stage.folder, {TEMPLATE: specimen()})
    stage.tell(stage.ran(stage.report()), tmp_path)
    (said,) = stage.said
    assert "**Passed**" in said
    assert stage.pull.head[:10] in said


def test_a_comment_that_somebody_else_wrote_in_our_form_is_left_alone(
    staged: Callable[..., Stage], tmp_path: Path
) -> None:
    stage = staged()
    run = stage.ran(stage.report())
    stage.tell(run, tmp_path)
    forged = stage.said[0].replace("**Passed**", "**Passed, merge at once**")
    stage.github.pulls[7].comments.clear()
    stage.github.say(7, "mallory", forged)
    stage.tell(run, tmp_path)
    assert stage.github.of(7, "mallory") == [forged]
    assert len(stage.said) == 1


def test_a_run_that_hides_a_finding_is_contradicted(staged: Callable[..., Stage], tmp_path: Path) -> None:
    stage = staged(specimen(layer="layer: application-layer→layer: serving-layer"))
    assert stage.tell(stage.ran(stage.report(findings=[])), tmp_path) == 1
    (said,) = stage.said
    assert "**Not passed**" in said
    assert "disagree" in said
    assert "`ID003`" in said


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"not json",
        b'{"schema_version": 1, "schema_version": 1}',
        b"[" * 100_000,
        b" " * (report.LARGEST + 1),
    ],
    ids=["empty", "no json", "a name twice", "deep", "large"],
)
def test_a_report_that_is_not_in_order_is_not_used(
    staged: Callable[..., Stage], tmp_path: Path, content: bytes
) -> None:
    stage = staged()
    assert stage.tell(stage.ran(content), tmp_path) == 1
    assert "nothing in it was used" in stage.said[0]


@pytest.mark.parametrize(
    "changed",
    [
        {"head": "f" * 40},
        {"verdict": "passed"},
        {"more_findings": -1},
        {"day": "2026-13-45"},
        {"findings": [{"rule": "<b>", "file": "0" * 64, "line": 1, "column": 1, "severity": "error"}]},
        {"findings": [{"rule": "FM001", "file": "../x", "line": 1, "column": 1, "severity": "error"}]},
        {"economics": [{"file": "0" * 64, "workload": "x", "percent": [1, 2, "@all"]}]},
    ],
)
def test_a_tampered_report_is_not_used(staged: Callable[..., Stage], tmp_path: Path, changed: dict[str, Any]) -> None:
    stage = staged()
    assert stage.tell(stage.ran(stage.report(**changed)), tmp_path) == 1
    assert "nothing in it was used" in stage.said[0]
    assert "@all" not in stage.said[0]


def test_the_token_is_left_behind_where_the_artifact_is_kept(staged: Callable[..., Stage], tmp_path: Path) -> None:
    stage = staged()
    stage.tell(stage.ran(stage.report()), tmp_path)
    elsewhere = [token for host, token in stage.github.seen_tokens if host.startswith("localhost")]
    assert elsewhere == [""]


def test_a_run_is_told_to_the_fork_whose_commit_it_is(staged: Callable[..., Stage], tmp_path: Path) -> None:
    stage = staged(head_repository="mallory/tokenop")
    other = Pull(8, "eve", stage.pull.base, stage.pull.head, "eve/tokenop")
    stage.github.pulls[8] = other
    stage.tell(stage.ran(stage.report()), tmp_path)
    assert len(stage.said) == 1
    assert "eve/" not in stage.said[0]
    assert stage.github.of(8) == []


def test_two_pull_requests_of_one_commit_are_not_guessed_between(staged: Callable[..., Stage], tmp_path: Path) -> None:
    stage = staged()
    stage.github.pulls[8] = Pull(8, "eve", stage.pull.base, stage.pull.head)
    stage.tell(stage.ran(stage.report()), tmp_path)
    assert stage.said == []
    assert stage.github.of(8) == []


def test_the_sweep_tells_what_was_missed_and_what_waits(staged: Callable[..., Stage]) -> None:
    stage = staged()
    run = stage.ran(conclusion="action_required")
    assert stage.sweep() == 0
    assert "a maintainer must approve" in stage.said[0]
    run.conclusion, run.attempt = "success", 2
    run.artifacts = [(report.ARTIFACT, zipped({"report.json": stage.report()}))]
    assert stage.sweep() == 0
    (said,) = stage.said
    assert "**Passed**" in said


def test_the_sweep_waits_for_a_run_that_still_runs(staged: Callable[..., Stage]) -> None:
    stage = staged()
    run = stage.ran()
    run.status, run.conclusion = "in_progress", ""
    stage.sweep()
    assert stage.said == []


@pytest.mark.parametrize(
    ("who", "association", "heard"), [("linus", "NONE", True), ("eve", "NONE", False), ("eve", "MEMBER", True)]
)
def test_others_are_asked_on_request_of_those_who_may(
    staged: Callable[..., Stage], tmp_path: Path, who: str, association: str, heard: bool
) -> None:
    stage = staged()
    stage.github.writers = {"ada"}
    stage.tell(stage.ran(stage.report()), tmp_path)
    assert stage.pull.requested == ["ada"]
    stage.github.say(7, who, "/tokenop reroll", association)
    before = stage.said[0]
    stage.sweep()
    assert (stage.said[0] != before) is heard
    # Nobody else is on the list: those who were asked stay asked.
    assert stage.pull.requested == ["ada"]


def test_without_a_token_nobody_is_told_anything(
    commenting: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    assert commenting.main(["--sweep"]) == 0
    assert "nobody is told" in capsys.readouterr().out


def test_the_bot_is_the_workflow_s_own_account(staged: Callable[..., Stage], tmp_path: Path) -> None:
    stage = staged()
    stage.tell(stage.ran(stage.report()), tmp_path)
    assert stage.github.pulls[7].comments[0]["user"]["login"] == BOT
