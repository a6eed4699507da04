"""Fixtures that all tests share."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import (
    in_process,
    thoroughness,  # noqa: F401 its profile must be there when --hypothesis-profile is read
)

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"


class Ran(NamedTuple):
    """What a command left behind."""

    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture
def shared_data() -> Path:
    """Return the folder of real data to develop against; skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("real development data (../shared/data) is not beside this checkout")
    return SHARED


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test its own HOME, so that nothing on the machine decides a result."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("TOKENOP_HOME", raising=False)
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture(scope="session", autouse=True)
def _collectors_in_this_process() -> Iterator[None]:
    """Run no collector in a process of its own, but where a test asks for `confined_process`.

    `make check` runs each collector in it, tests/collect/test_confined.py is about it, and so are all commands that
    tests start as processes.
    """
    with in_process.collectors():
        yield


@pytest.fixture
def confined_process() -> Iterator[None]:
    """Run collectors in their own confined processes, as users do."""
    with in_process.not_here():
        yield


@pytest.fixture(scope="session")
def small_month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tenth of the sample month, whole sessions: enough for what does not depend on its very figures."""
    from tokenop import database, sample

    path = tmp_path_factory.mktemp("sample") / "small.parquet"
    with database.connect() as connection:
        connection.execute(
            f"COPY (FROM read_parquet({database.quoted(str(sample.month()))}) "
            f"WHERE hash(coalesce(session_id, id)) % 10 = 0 ORDER BY ts, id) "
            f"TO {database.quoted(str(path))} (FORMAT parquet)"
        )
    return path


def _run(*arguments: object, cwd: Path | None = None) -> Ran:
    from tokenop.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    before = Path.cwd()
    if cwd:
        os.chdir(cwd)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
    finally:
        os.chdir(before)
    return Ran(int(left.value.code or 0), out.getvalue(), err.getvalue())


@pytest.fixture
def run_cli() -> Callable[..., Ran]:
    """Return a function that runs `tokenop ARGS…` in this process through the real boundary."""
    return _run


@pytest.fixture(scope="module")
def module_cli() -> Callable[..., Ran]:
    """Return the same for fixtures of a whole module."""
    return _run
