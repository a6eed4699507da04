"""The weekly script on a small repository and GitHub's API on this machine: one page, one issue, ours only."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.community.world import repository as with_evidence
from tests.conftest import ROOT
from tests.github_api import BOT, NAME, TOKEN, Pull
from tests.github_issues import Tracker, tracking
from tests.scripts.repositories import TEMPLATE, repository, specimen
from tokenop.community import weekly

LATE = "2027-08-01"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("generate_weekly_report")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_evidence(tmp_path_factory.mktemp("shipped"), [])


@pytest.fixture
def root(tmp_path: Path, shipped: Path) -> Path:
    """Return a repository with one template, the shipped prices and retirements."""
    folder = tmp_path / "root"
    for name in ("prices", "models"):
        shutil.copytree(shipped / "templates" / name, folder / "templates" / name)
    path = folder / TEMPLATE
    path.parent.mkdir(parents=True)
    path.write_text(specimen(), encoding="utf-8")
    return folder


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
    with tracking(tmp_path / "repository") as served:
        for name, value in {
            "GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": NAME, "GITHUB_API_URL": served.url, "TOKENOP_BOT": BOT,
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        base, head = repository(served.repository, {"README.md": ""}, {TEMPLATE: specimen()})
        served.pulls[7] = Pull(7, "eve", base, head)
        yield served


def ours(github: Tracker) -> list[str]:
    return [issue["body"] for issue in github.issues if issue["user"]["login"] == BOT]


def test_one_issue_is_opened_edited_and_left_alone_where_it_says_it_already(
    script: ModuleType, github: Tracker, root: Path
) -> None:
    stranger = github.issue("mallory", weekly.MARKER + "\nmine")
    other = github.issue(BOT, "something else of ours")
    for day in (LATE, LATE, "2027-08-09"):
        assert script.main(["--root", str(root), "--today", day]) == 0
    assert [method for method, _, _ in github.writes] == ["POST", "PATCH"]
    assert len(ours(github)) == 2
    assert "**Week 2027-W32**" in ours(github)[1]
    assert stranger["body"].endswith("mine")
    assert other["body"] == "something else of ours"
    assert sorted(path.name for path in (root / script.REPORTS).iterdir()) == ["2027-W30.md", "2027-W32.md"]


def test_no_issue_is_opened_where_nothing_is_to_do(script: ModuleType, github: Tracker, root: Path) -> None:
    assert script.main(["--root", str(root), "--today", "2026-11-22"]) == 0
    assert github.issues == []


def test_who_is_late_to_review_is_named(script: ModuleType, github: Tracker, root: Path) -> None:
    github.requests[7] = [("ada", "2026-11-10"), ("bea", "2026-11-10")]
    github.pulls[7].requested = ["ada"]
    assert script.main(["--root", str(root), "--today", "2026-11-22"]) == 0
    assert "| #7 | 12 days | ada |" in ours(github)[0]


def test_pages_name_places_below_the_repository_and_are_the_same_bytes(
    script: ModuleType, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    printed = []
    for _ in range(2):
        assert script.main(["--root", str(root), "--today", LATE, "--stdout"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert "templates/prices/instances/aws.yaml:" in printed[0]
    assert str(root) not in printed[0]


def test_without_a_token_the_page_is_written_and_the_issue_shown(
    script: ModuleType, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    assert script.main(["--root", str(root), "--today", LATE]) == 0
    assert capsys.readouterr().out.startswith(weekly.MARKER)
    assert (root / script.REPORTS / "2027-W30.md").is_file()
    assert script.main(["--root", str(root), "--links", str(root / "absent.json")]) == 1
