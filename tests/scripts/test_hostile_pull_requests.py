"""The trusted stage against pull requests, runs and answers that are made to mislead, stop or exhaust it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests import github_api
from tests.conftest import ROOT
from tests.github_state import BOT, Answer, Pull
from tests.scripts.repositories import TEMPLATE, commit, git, specimen
from tests.scripts.trusted import Stage, verdict
from tokenop.community.pull_request import fingerprint

OTHER = "templates/application-layer/terser-prompts.md"
Staged = Callable[..., Stage]


@pytest.fixture(autouse=True)
def odd(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[Any], Any]]:
    """Return patterns of `METHOD path`, and what becomes of an answer to them."""
    changed: dict[str, Callable[[Any], Any]] = {}

    class Odd(github_api.Api):
        def answer(self, method: str, path: str, data: Any) -> Answer:
            given = super().answer(method, path, data)
            for pattern, change in changed.items():
                if re.search(pattern, f"{method} {path}"):
                    made = change(given.body)
                    return made if isinstance(made, Answer) else given._replace(body=made)
            return given

    monkeypatch.setattr(github_api, "Api", Odd)
    return changed


# What its report says


def test_figures_are_said_to_be_of_its_own_run(staged: Staged, tmp_path: Path) -> None:
    stage = staged()
    saved = [{"file": fingerprint(TEMPLATE), "workload": "sample-month", "percent": [98, 99, 100]}]
    stage.tell(stage.ran(stage.report(economics=saved)), tmp_path)
    assert "Savings and patches: as this pull request's own run says." in verdict(stage)
    (said,) = stage.said
    assert said.index("not by the main branch") < said.index("99.0 %")


def test_figures_of_an_engine_that_it_edits_are_left_out(staged: Staged, tmp_path: Path) -> None:
    stage = staged(after={TEMPLATE: specimen(), "templates/prices/cheap.yaml": "x"})
    saved = [{"file": fingerprint(TEMPLATE), "workload": "sample-month", "percent": [98, 99, 100]}]
    stage.tell(stage.ran(stage.report(economics=saved)), tmp_path)
    assert "99.0 %" not in stage.said[0]
    assert "a hint and no proof" in stage.said[0]


def test_no_word_of_its_report_gets_into_the_comment(staged: Staged, tmp_path: Path) -> None:
    stage = staged()
    mark = {"file": fingerprint(TEMPLATE), "line": 1, "column": 1, "severity": "warning"}
    names = ["APPROVED-BY-MAINTAINERS-MERGE-NOW", "COLLECTOR-APPROVED", "EV-MERGE-NOW"]
    stage.tell(stage.ran(stage.report(findings=[{**mark, "rule": name} for name in names])), tmp_path)
    assert not re.search("APPROVED|MERGE", stage.said[0])
    assert "**other**" in stage.said[0]


def test_an_artifact_that_could_not_be_fetched_is_no_fault_of_the_contributor(
    staged: Staged, tmp_path: Path, odd: dict[str, Callable[[Any], Any]]
) -> None:
    stage = staged()
    run = stage.ran(stage.report())
    odd["GET .*/artifacts/.*zip"] = lambda _: Answer(503, {})
    assert stage.tell(run, tmp_path) == 1
    assert stage.said == []
    odd.clear()
    assert stage.sweep() == 0
    assert verdict(stage).startswith("**Passed**")


# Which run, which commit


def test_a_workflow_that_took_the_name_of_ours_is_not_listened_to(staged: Staged, tmp_path: Path) -> None:
    stage = staged()
    run = stage.ran(stage.report())
    run.path = ".github/workflows/evil.yml"
    assert stage.tell(run, tmp_path) == 0
    assert stage.said == []


def test_a_run_that_was_started_again_is_told_of_when_it_ends(staged: Staged, tmp_path: Path) -> None:
    stage = staged()
    run = stage.ran(stage.report())
    run.attempt, run.status, run.conclusion = 2, "in_progress", ""
    stage.tell(run, tmp_path)
    assert stage.said == []


@pytest.mark.parametrize("what", ["head", "state", "ref"])
def test_a_commit_that_was_replaced_meanwhile_is_not_told_of(
    staged: Staged, tmp_path: Path, odd: dict[str, Callable[[Any], Any]], what: str
) -> None:
    stage = staged()
    changes = {
        "head": lambda body: body | {"head": body["head"] | {"sha": "f" * 40}},
        "state": lambda body: body | {"state": "closed"},
        "ref": lambda body: body | {"base": body["base"] | {"ref": "other"}},
    }
    odd[r"GET .*/pulls/7$"] = changes[what]
    assert stage.tell(stage.ran(stage.report()), tmp_path) == 0
    assert stage.github.writes == []


def test_files_of_another_commit_are_not_told_of_as_this_one_s(
    staged: Staged, tmp_path: Path, odd: dict[str, Callable[[Any], Any]]
) -> None:
    stage = staged()
    odd["GET .*/pulls/7/files"] = lambda body: [
        file | {"contents_url": f"{stage.github.url}/contents/x?ref={'f' * 40}"} for file in body
    ]
    assert stage.tell(stage.ran(stage.report()), tmp_path) == 0
    assert stage.github.writes == []
    odd["GET .*/pulls/7/files"] = lambda body: [
        file | {"contents_url": f"{stage.github.url}/contents/x?ref={stage.pull.head}"} for file in body
    ]
    assert stage.sweep() == 0
    assert len(stage.said) == 1


def test_a_pull_request_into_another_branch_is_none_of_ours(
    staged: Staged, odd: dict[str, Callable[[Any], Any]]
) -> None:
    stage = staged()
    stage.ran(stage.report())
    odd["GET .*/pulls[?]"] = lambda body: [one | {"base": one["base"] | {"ref": "stale"}} for one in body]
    assert stage.sweep() == 0
    assert stage.said == []


@pytest.mark.parametrize("sweep", [True, False])
def test_a_run_of_a_repository_that_is_gone_stops_nothing(
    staged: Staged, tmp_path: Path, odd: dict[str, Callable[[Any], Any]], sweep: bool
) -> None:
    stage = staged()
    run = stage.ran(stage.report())
    odd[r"GET .*/actions/runs/\d+$"] = lambda body: body | {"head_repository": None}
    odd[r"GET .*/actions/runs[?]"] = lambda body: (
        body | {"workflow_runs": [one | {"head_repository": None} for one in body["workflow_runs"]]}
    )
    assert (stage.sweep() if sweep else stage.tell(run, tmp_path)) == 0
    assert len(stage.said) == sweep
    assert not sweep or "No result of the checks" in stage.said[0]


def test_an_author_whose_account_is_gone_stops_nothing(staged: Staged, odd: dict[str, Callable[[Any], Any]]) -> None:
    stage = staged()
    stage.ran(stage.report())
    odd["GET .*/pulls[?]"] = lambda body: [one | {"user": None} for one in body]
    assert stage.sweep() == 0
    assert verdict(stage).startswith("**Passed**")


# How much


def test_of_more_files_than_are_looked_at_it_is_said(
    staged: Staged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commenting: ModuleType
) -> None:
    monkeypatch.setattr(commenting, "MOST_FILES", 2)
    stage = staged(after={f"a/{number}.py": "" for number in range(3)})
    assert stage.tell(stage.ran(stage.report()), tmp_path) == 0
    assert "more files than are looked at" in stage.said[0]
    assert verdict(stage).startswith("**Not passed**")


def test_no_pull_request_spends_all_calls_of_an_hour(
    staged: Staged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commenting: ModuleType
) -> None:
    monkeypatch.setattr(commenting.overlaid, "MOST_FILES", 3)
    stage = staged(after={f"templates/application-layer/x-{number}.md": "x" for number in range(20)})
    stage.tell(stage.ran(stage.report()), tmp_path)
    assert "more files than are looked at" in stage.said[0]
    assert "in 3 templates" in verdict(stage)
    assert len(stage.github.seen_tokens) < 25


def test_more_text_than_is_read_is_not_read_to_the_end(
    staged: Staged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commenting: ModuleType
) -> None:
    monkeypatch.setattr(commenting, "MOST_BYTES", 1_000)
    stage = staged()
    assert stage.tell(stage.ran(stage.report()), tmp_path) == 1
    assert "could not get to the end of this change" in stage.said[0]
    assert verdict(stage).startswith("**Not passed**")


def test_a_text_that_keeps_the_linter_busy_is_told_so_and_the_next_is_told_of(
    staged: Staged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commenting: ModuleType
) -> None:
    stage = staged()
    stage.ran(stage.report())
    evil = commit(stage.folder, {OTHER: "evil"})
    stage.github.pulls[3] = Pull(3, "mallory", stage.pull.head, evil)
    plain = commenting.examine

    def slow(root: Path, *rest: Any) -> Any:
        while (root / OTHER).exists() and (root / OTHER).read_text() == "evil":
            pass
        return plain(root, *rest)

    monkeypatch.setattr(commenting, "examine", slow)
    monkeypatch.setattr(commenting, "MOST_SECONDS", 1.0)
    assert stage.sweep() == 1
    assert "could not get to the end of this change" in stage.github.of(3)[0]
    assert len(stage.said) == 1


def test_an_answer_that_fails_for_one_is_no_silence_for_the_others(
    staged: Staged, odd: dict[str, Callable[[Any], Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    stage = staged()
    stage.ran(stage.report())
    stage.github.pulls[3] = Pull(3, "mallory", stage.pull.base, commit(stage.folder, {OTHER: "x"}))
    odd["GET .*/pulls/3/files"] = lambda _: Answer(422, {"message": "::add-mask::x\n::stop-commands::y"})
    assert stage.sweep() == 1
    assert len(stage.said) == 1
    printed = capsys.readouterr().out
    assert "#3: InputError: GitHub refuses with 422" in printed
    assert not [line for line in printed.splitlines() if line.lstrip().startswith("::")]


def test_github_being_down_is_a_line_and_no_traceback(
    staged: Staged, odd: dict[str, Callable[[Any], Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    stage = staged()
    odd["GET "] = lambda _: Answer(404, {"message": "Not Found"})
    assert stage.sweep() == 1
    assert "tokenop: GitHub refuses with 404: Not Found" in capsys.readouterr().out


# Our comment


def test_our_comment_is_kept_though_somebody_spoiled_what_it_remembers(staged: Staged, tmp_path: Path) -> None:
    stage = staged()
    run = stage.ran(stage.report())
    stage.tell(run, tmp_path)
    (kept,) = [one for one in stage.pull.comments if one["user"]["login"] == BOT]
    kept["body"] = kept["body"].replace('"rounds": 0', '"rounds": "many"').replace("Passed", "Merge at once")
    assert stage.sweep() == 0
    assert len(stage.said) == 1
    assert verdict(stage).startswith("**Passed**")


def test_the_list_of_reviewers_as_a_link_is_a_finding(staged: Staged, tmp_path: Path) -> None:
    stage = staged(after={TEMPLATE: specimen()})
    git(stage.folder, "switch", "--quiet", "topic")
    (stage.folder / "community/reviewers.md").unlink()
    stage.pull.head = commit(stage.folder, {"community/reviewers.md": Path("/etc/passwd")})
    assert stage.tell(stage.ran(stage.report()), tmp_path) == 0
    assert "**ID007** [`community/reviewers.md`]" in stage.said[0]
    assert "root:" not in stage.said[0]


def test_silence_of_all_who_can_be_asked_is_not_told_each_hour(staged: Staged, tmp_path: Path) -> None:
    from datetime import date

    stage = staged()
    stage.tell(stage.ran(stage.report()), tmp_path)
    for _ in range(2):
        stage.sweep(date(2026, 11, 30))
    asked = len(stage.github.seen_tokens)
    stage.sweep(date(2026, 11, 30))
    assert len(stage.github.seen_tokens) - asked <= 5


def test_a_model_reads_no_other_commit_than_the_one_that_was_named(
    staged: Staged, tmp_path: Path, odd: dict[str, Callable[[Any], Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    script = importlib.import_module("review_with_claude")
    stage = staged()
    fetch = ["fetch", "--pull", "7", "--sha", stage.pull.head, "--output", str(tmp_path / "read.json")]
    odd["GET .*/pulls/7/files"] = lambda body: [one | {"contents_url": f"x?ref={'f' * 40}"} for one in body]
    assert script.main(fetch) == 1
    assert "is at another commit by now" in capsys.readouterr().err
    odd.clear()
    assert script.main(fetch) == 0


@pytest.mark.parametrize("name", ["assign_reviewers", "generate_weekly_report", "propose_changes"])
def test_no_script_breaks_off_where_github_refuses(
    staged: Staged, odd: dict[str, Callable[[Any], Any]], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = staged()
    odd["GET "] = lambda _: Answer(403, {"message": "::stop-commands::x"})
    more = ["--branch", "bot/x", "--title", "x", "README.md", "--root", str(stage.folder)]
    assert importlib.import_module(name).main(more if name == "propose_changes" else []) == 1
    said = capsys.readouterr().err
    assert "GitHub refuses with 403: :\N{WORD JOINER}:stop-commands" in said or name == "propose_changes"


@pytest.mark.parametrize("path", sorted((ROOT / "scripts").glob("*.py")), ids=lambda path: path.stem)
def test_what_a_script_says_is_no_command_to_the_runner(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "def _say(" not in text or "logged(" in text.split("def _say(")[1].split("\n\n")[0]
    assert "GITHUB_OUTPUT" not in text
    assert "GITHUB_ENV" not in text
