"""An extraction that is killed while it talks gives, run again, the same bytes and events as one never killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.collect.reading import Read
from tests.extract.running import HERE, extract, memory_disk, slices, start
from tests.extract.servers.databricks_server import TOKEN, WAREHOUSE, Workspace
from tests.extract.servers.loopback import Got, Server
from tokenop.errors import InputError

ROWS = 600
MOMENTS = 10

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to find the child")


def environment(server: Server) -> dict[str, str]:
    return {"DATABRICKS_HOST": server.url, "DATABRICKS_TOKEN": TOKEN, "DATABRICKS_WAREHOUSE_ID": WAREHOUSE}


def children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def events(folder: Path, scratch: Path) -> tuple[str, ...]:
    read = Read(HERE / "data" / "databricks", folder, scratch)
    return tuple(sorted(str(event) for event in read.events))


@pytest.fixture
def folder() -> Iterator[Path]:
    with memory_disk() as path:
        yield path


@pytest.mark.thorough
def test_killed_at_ten_random_requests_and_run_again_it_gives_the_same(
    serve: Callable[[object], Server], folder: Path
) -> None:
    workspace = Workspace(chunk_rows=10)
    workspace.gateway(ROWS)
    server = serve(workspace)
    extract("databricks", folder / "never", environment(server))
    total, wanted = workspace.asked, slices(folder / "never")
    assert total > 60
    assert len(wanted) == 25
    moments = sorted(random.Random(20261122).sample(range(2, total), MOMENTS))
    for turn, moment in enumerate(moments):
        out = folder / f"killed-{moment}"
        _kill_at(workspace, server, out, moment, parent=turn % 2 == 0)
        left = slices(out)
        assert len(left) < len(wanted)
        assert all(wanted[name] == content for name, content in left.items()), f"request {moment}: half a slice"
        asked = len(workspace.statements)
        extract("databricks", out, environment(server))
        again = [binds["since"] for statement, binds in workspace.statements[asked:] if binds]
        assert slices(out) == wanted, f"killed at request {moment}"
        assert len(again) == 24 - sum(name.startswith("databricks/gateway") for name in left), "only what was not there"
    last = folder / f"killed-{moments[-1]}"
    assert events(last, folder / "s1") == events(folder / "never", folder / "s2")
    assert len(events(last, folder / "s3")) == ROWS
    workspace.db.close()


def _kill_at(workspace: Workspace, server: Server, out: Path, moment: int, *, parent: bool) -> None:
    """Kill the command (or the process it started) when the server gets its nth request."""
    first = workspace.asked
    started: list[int] = []

    def before(number: int, _: Got) -> None:
        if number - first == moment:
            for pid in [started[0]] if parent else children(started[0]):
                os.kill(pid, signal.SIGKILL)

    workspace.before = before
    process = start("databricks", out, environment(server))
    started.append(process.pid)
    code = process.wait(60)
    workspace.before = lambda number, got: None
    assert code != 0
    # The process that talks notices that its parent is gone; until then it holds the folder.
    _wait_until_free(out / "databricks" / ".lock")


def _wait_until_free(lock: Path) -> None:
    import fcntl

    if lock.exists():
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)


def test_a_run_that_ends_by_itself_says_that_it_can_go_on(serve: Callable[[object], Server], tmp_path: Path) -> None:
    workspace = Workspace()
    workspace.gateway(60)
    server = serve(workspace)
    here = os.getpid()
    known = set(children(here))

    def before(number: int, _: Got) -> None:
        if number == 3:
            for pid in set(children(here)) - known:
                os.kill(pid, signal.SIGKILL)

    workspace.before = before
    with pytest.raises(InputError, match=r"exit code -9.*it continues"):
        extract("databricks", tmp_path, environment(server))
    workspace.db.close()
