"""What a bot wrote becomes one branch and one pull request, with real git and GitHub's API on this machine."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.github_api import NAME, TOKEN, GitHub, serving
from tests.scripts.repositories import commit, git


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a clone of a bare repository with one commit."""
    first = tmp_path / "first"
    first.mkdir()
    git(first, "init", "--quiet", "--initial-branch", "main")
    commit(first, {"community/statistics.md": "old\n", "README.md": "x\n"})
    git(first, "clone", "--quiet", "--bare", str(first), str(tmp_path / "bare.git"))
    git(first, "clone", "--quiet", str(tmp_path / "bare.git"), str(tmp_path / "clone"))
    return tmp_path / "clone"


@pytest.fixture
def propose(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    script = importlib.import_module("propose_changes")
    with serving(GitHub(checkout.parent / "bare.git")) as github:
        values = {"TOKEN": TOKEN, "REPOSITORY": NAME, "API_URL": github.url, "SERVER_URL": "https://github.com"}
        for name, value in values.items():
            monkeypatch.setenv(f"GITHUB_{name}", value)
        monkeypatch.setenv("TOKENOP_BOT", "tokenop[bot]")

        def run(*more: str) -> int:
            arguments = ["--branch", "bot/statistics", "--title", "Update", "--root", str(checkout), *more, "community"]
            return int(script.main(arguments))

        run.github = github
        yield run


def test_what_changed_is_proposed_once_and_then_brought_up_to_date(
    propose: Callable[..., int], checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    github: GitHub = propose.github
    page = checkout / "community" / "statistics.md"
    assert propose() == 0
    assert "Nothing changed" in capsys.readouterr().err
    assert github.pulls == {}
    for text in ("new\n", "newer\n"):
        page.write_text(text, encoding="utf-8")
        (checkout / "README.md").write_text("not mine to change\n", encoding="utf-8")
        assert propose() == 0
        assert git(github.repository, "show", "bot/statistics:community/statistics.md") == text.strip()
        assert git(github.repository, "show", "bot/statistics:README.md") == "x"
        assert git(github.repository, "rev-list", "--count", "main..bot/statistics") == "1"
        assert len(github.pulls) == 1
    assert git(checkout, "branch", "--show-current") == "main"
    assert git(checkout, "diff", "--cached", "--name-only") == ""


def test_without_a_token_nothing_is_pushed(
    propose: Callable[..., int], checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    github: GitHub = propose.github
    monkeypatch.delenv("GITHUB_TOKEN")
    (checkout / "community" / "new.md").write_text("x\n", encoding="utf-8")
    assert propose() == 0
    assert "would be pushed" in capsys.readouterr().err
    assert git(github.repository, "branch", "--list", "bot/*") == ""


@pytest.mark.parametrize("branch", ["main", "bot/../main", "bot/", "bot/x y"])
def test_no_branch_but_the_bot_s_own_is_written(propose: Callable[..., int], branch: str) -> None:
    assert propose("--branch", branch) == 2
