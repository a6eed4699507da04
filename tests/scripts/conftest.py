"""What several tests of scripts stand on."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT
from tests.github_api import BOT, NAME, TOKEN, GitHub, Pull, serving
from tests.scripts.repositories import TEMPLATE, Files, repository, specimen
from tests.scripts.trusted import REVIEWERS, Stage


@pytest.fixture
def commenting(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("comment_results")


@pytest.fixture
def staged(tmp_path: Path, commenting: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Stage]]:
    with serving(GitHub(tmp_path / "repository")) as github:
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        monkeypatch.setenv("GITHUB_REPOSITORY", NAME)
        monkeypatch.setenv("TOKENOP_BOT", BOT)
        monkeypatch.setenv("GITHUB_API_URL", github.url)
        monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")

        def stage(
            template: str | bytes = "",
            path: str = TEMPLATE,
            head_repository: str = NAME,
            before: Files | None = None,
            after: Files | None = None,
        ) -> Stage:
            files = {path: template or specimen()} if after is None else after
            there = {"community/reviewers.md": REVIEWERS, "templates/README.md": "", "validations/README.md": ""}
            base, head = repository(github.repository, {**there, **(before or {})}, files)
            github.pulls[7] = Pull(7, "linus", base, head, head_repository)
            return Stage(github, commenting, github.repository)

        yield stage
