"""Asking for reviews through PyGithub, against GitHub's API on this machine."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.github_api import BOT, NAME, TOKEN, Pull, user
from tests.github_issues import Tracker, tracking
from tests.scripts.repositories import TEMPLATE, repository, specimen
from tokenop.community import comment

TODAY = "2026-11-22"
REVIEWERS = "# Reviewers\n" + "".join(
    f"\n## {name}\n\n- {name} layers: application-layer\n" for name in ("ada", "bea", "cy", "dan", "eve")
)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("assign_reviewers")


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
    with tracking(tmp_path / "repository") as served:
        for name, value in {
            "GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": NAME, "GITHUB_API_URL": served.url, "TOKENOP_BOT": BOT,
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        base, head = repository(
            served.repository, {"community/reviewers.md": REVIEWERS}, {TEMPLATE: specimen(), "README.md": "x"}
        )
        served.pulls[7] = Pull(7, "eve", base, head)
        served.writers = {"ada", "bea"}
        yield served


def run(script: ModuleType, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert script.main(["--today", TODAY, *arguments]) == 0
    results = json.loads(capsys.readouterr().out)
    assert len(results) == 1
    found: dict[str, Any] = results[0]
    return found


def test_who_may_write_is_requested_and_who_may_not_is_to_be_mentioned(
    script: ModuleType, github: Tracker, capsys: pytest.CaptureFixture[str]
) -> None:
    told = run(script, capsys, "--pull", "7")
    assert len(told["requested"] + told["mentioned"]) == 3
    assert set(told["requested"]) == {"ada", "bea"} & {one["handle"] for one in told["assignment"]["chosen"]}
    assert sorted(github.pulls[7].requested) == sorted(told["requested"])
    assert {p["handle"]: p["reason"] for p in told["assignment"]["passed_over"]}["eve"] == "author"
    assert all(name.removeprefix("@") in {"cy", "dan"} for name in told["mentioned"])


def test_the_list_is_that_of_the_default_branch(
    script: ModuleType, github: Tracker, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    mallory = "# Reviewers\n\n## mallory\n\n- mallory layers: application-layer\n"
    base, head = repository(
        tmp_path / "other", {"community/reviewers.md": REVIEWERS},
        {TEMPLATE: specimen(), "community/reviewers.md": mallory},
    )  # fmt: skip
    github.repository = tmp_path / "other"
    github.pulls[7] = Pull(7, "mallory", base, head)
    assert "mallory" not in json.dumps(run(script, capsys))


def test_a_dry_run_asks_nobody(script: ModuleType, github: Tracker, capsys: pytest.CaptureFixture[str]) -> None:
    told = run(script, capsys, "--dry-run")
    assert len(told["assignment"]["chosen"]) == 3
    assert github.writes == []


def test_late_reviewers_are_replaced_and_those_who_answered_stay(
    script: ModuleType, github: Tracker, capsys: pytest.CaptureFixture[str]
) -> None:
    github.writers |= {"cy", "dan"}
    github.requests[7] = [("ada", "2026-11-10"), ("bea", "2026-11-10"), ("cy", "2026-11-10")]
    github.pulls[7].requested = ["bea", "cy"]
    answered = {"id": 1, "user": user("ada"), "state": "COMMENTED", "submitted_at": "2026-11-12T10:00:00Z", "body": ""}
    github.pulls[7].reviews = [answered]
    told = run(script, capsys)
    assert told["why"] == "no answer for 5 days"
    # Only one other is left on the list: one of the two is let go.
    assert told["requested"] == ["dan"]
    assert len(github.pulls[7].requested) == 2
    assert "dan" in github.pulls[7].requested


def test_within_five_days_nothing_is_done_unless_asked_for(
    script: ModuleType, github: Tracker, capsys: pytest.CaptureFixture[str]
) -> None:
    github.writers |= {"cy", "dan"}
    github.requests[7] = [(name, "2026-11-20") for name in ("ada", "bea", "cy")]
    github.pulls[7].requested = ["ada", "bea", "cy"]
    assert run(script, capsys)["why"] == "waiting"
    assert github.writes == []
    assert run(script, capsys, "--reroll")["requested"] == ["dan"]


def test_open_requests_elsewhere_are_load(
    script: ModuleType, github: Tracker, capsys: pytest.CaptureFixture[str]
) -> None:
    first = github.pulls[7]
    for number in (8, 9, 10):
        github.pulls[number] = Pull(number, "zoe", first.base, first.base, requested=["ada"])
    told = run(script, capsys, "--pull", "7")
    assert {p["handle"]: p["reason"] for p in told["assignment"]["passed_over"]}["ada"] == "full"


def test_what_our_own_comment_keeps_is_left_to_it_and_a_copy_by_others_is_not_believed(
    script: ModuleType, github: Tracker, capsys: pytest.CaptureFixture[str]
) -> None:
    state = comment.State("a" * 40, ("ada",), ("ada",), date(2026, 11, 1))
    body = comment._marker(state) + "\nPassed"
    github.say(7, "mallory", body)
    assert run(script, capsys, "--dry-run")["assignment"] is not None
    github.say(7, BOT, body)
    assert "comment_results.py keeps its reviewers" in run(script, capsys)["why"]
    assert github.writes == []


def test_without_a_token_nothing_is_asked(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    assert script.main([]) == 0
    assert "nothing is read or asked" in capsys.readouterr().err


def test_a_token_without_a_repository_is_misuse(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "t")
    monkeypatch.setenv("GITHUB_REPOSITORY", "tokenop")
    assert script.main([]) == 2
    assert "owner/name" in capsys.readouterr().err
