"""One repository a process, and a fresh GitHub with it for each module."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rehearsal.stage import Stage, origin, staged


@pytest.fixture(scope="session", autouse=True)
def _nobody_s_git() -> Iterator[None]:
    """Let no configuration of whoever runs the tests decide what git does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        yield


@pytest.fixture(scope="session")
def content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bare repository of this checkout's content; nothing is pushed to it."""
    return origin(tmp_path_factory.mktemp("rehearsal"))


@pytest.fixture(scope="module")
def stage(content: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return a repository on GitHub that the tests of a module share."""
    with staged(content, tmp_path_factory.mktemp("stage")) as found:
        yield found
