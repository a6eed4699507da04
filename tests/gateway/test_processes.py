"""Several processes on one port: what happens when one dies, when all are to end, and when none can begin."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.gateway.applied.project import write
from tokenop.gateway.model import Settings
from tokenop.gateway.processes import Processes, _Worker
from tokenop.gateway.worker import read, told

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="handles are passed on as POSIX does")
PATIENCE = 30.0


class Served:
    """A running gateway of several processes."""

    def __init__(self, process: subprocess.Popen[str], port: int, state: Path) -> None:
        self.process = process
        self.port = port
        self.state = state

    def workers(self) -> set[int]:
        """Return the processes that take calls now."""
        pids = (int(path.stem) for path in (self.state / "run").glob("[0-9]*.json"))
        return {pid for pid in pids if _lives(pid)}

    def health(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=PATIENCE) as answer:
            return str(json.load(answer)["status"])


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def until(holds: Callable[[], bool]) -> None:
    last = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < last, "waited in vain"
        time.sleep(0.02)  # for another process; there is nothing to inject a clock into


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tokenop", "serve", "--port", str(port), "--workers", "2", "--drain-seconds", "5"],
        cwd=tmp_path, env={**os.environ, "TOKENOP_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith("serving http://127.0.0.1")
        gateway = Served(process, port, tmp_path / "gateway")
        until(lambda: len(gateway.workers()) == 2)
        yield gateway
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        process.stdout.close()


def test_one_that_is_killed_is_begun_again_and_sigterm_ends_them_all(served: Served) -> None:
    first, second = sorted(served.workers())
    os.kill(first, signal.SIGKILL)
    assert served.health() == "ok"  # of the other
    until(lambda: len(served.workers()) == 2)
    assert second in served.workers()
    workers = served.workers()
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(PATIENCE) == 0
    assert not any(_lives(pid) for pid in workers)
    assert list((served.state / "metrics").iterdir()) == []


@pytest.mark.thorough
def test_where_the_one_above_is_killed_the_others_do_not_go_on_without_it(served: Served) -> None:
    workers = served.workers()
    served.process.kill()
    served.process.wait(PATIENCE)
    until(lambda: not any(_lives(pid) for pid in workers))


def test_a_config_that_cannot_be_served_is_said_once_and_ends_the_command(tmp_path: Path) -> None:
    (tmp_path / "tokenop").mkdir()
    (tmp_path / "tokenop" / "router.yaml").write_text("default_tier: T9\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "tokenop", "serve", "--port", str(free_port()), "--workers", "3"],
        cwd=tmp_path, env={**os.environ, "TOKENOP_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("default_tier") == 1
    assert "Traceback" not in done.stderr


def test_what_a_process_is_told_is_what_it_reads() -> None:
    settings = Settings(
        root=Path("a b"), state=Path("/s"), env={"KEY": "ä\n"}, config=None, port=1, durable=True, workers=3, worker=2,
        recordings=Path("r"), metrics=Path("m"), lines=True,
    )  # fmt: skip
    line = told(settings, 30, 5, None)
    assert line.count(b"\n") == 1
    assert read(line) == (settings, 30, 5, None)


class Leaving:
    """Stands for a process that finishes a long answer: it looks whether the system still takes calls for it."""

    stdin = None
    pid = 0

    def __init__(self, listening: socket.socket) -> None:
        self.listening = listening
        self.taken: list[bool] = []

    def poll(self) -> int | None:
        return 0 if self.taken else None

    def send_signal(self, number: int) -> None:
        assert number == signal.SIGTERM

    def wait(self, timeout: float) -> int:
        assert timeout
        self.taken.append(self.listening.fileno() != -1)
        return 0


def test_while_processes_finish_no_new_call_waits_for_an_answer_that_never_comes(tmp_path: Path) -> None:
    processes = Processes(Settings(tmp_path, tmp_path, {}, workers=2), 5, lambda line: None)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        leaving: Any = Leaving(listening)
        processes._workers.append(_Worker(0, leaving, 0.0))
        processes._end(listening)
    assert leaving.taken == [False]


def test_no_room_for_a_process_leaves_the_others_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    processes = Processes(Settings(tmp_path, tmp_path, {}, workers=2), 5, told.append, clock=lambda: 100.0)
    dead: Any = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    dead.wait()
    one = _Worker(1, dead, 0.0)
    processes._workers.append(one)

    def full(*_: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(processes, "_start", full)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        processes._again(0, one, listening)
    assert processes._workers == [one]
    assert "Cannot allocate memory" in told[-1]
    assert one.again_at is not None
    assert one.again_at > 100.0


def test_a_state_folder_that_cannot_be_written_is_told_by_several_processes_as_by_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "tokenop", "serve", "--port", str(free_port()), "--workers", "2"],
        cwd=tmp_path, env={**os.environ, "TOKENOP_HOME": str(tmp_path / "file"), "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "cannot be written: Not a directory" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.thorough)])
def test_a_gateway_goes_on_whose_output_nobody_reads_any_more(tmp_path: Path, workers: str) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tokenop", "serve", "--port", str(port), "--workers", workers],
        cwd=tmp_path, env={**os.environ, "TOKENOP_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        process.stdout.close()
        process.stderr.close()
        gateway = Served(process, port, tmp_path / "gateway")
        until(lambda: len(gateway.workers()) == int(workers))
        (tmp_path / "tokenop").mkdir()
        write(tmp_path, "tokenop/router.yaml", "default_tier: T9\n")  # to be told of, and nobody listens
        until(lambda: gateway.health() == "degraded")
        (tmp_path / "tokenop" / "router.yaml").unlink()
        until(lambda: gateway.health() == "ok")
    finally:
        process.send_signal(signal.SIGHUP)  # as when its terminal closes: it leaves in order
        assert process.wait(PATIENCE) in (0, 120)  # 120: Python's own word for output that nobody took
