"""Several processes on one port: begun, begun again when they die, and ended together.

All take calls from one socket, which the process above them holds and never reads. Whoever calls while one of them dies
is taken by another; nothing that waits to be taken is lost.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tokenop.gateway.model import Settings
from tokenop.gateway.sockets import BACKLOG, bind, leaving

Tell = Callable[[str], None]
WORKER = "tokenop.gateway.worker"
STEADY = 10.0
"""Seconds that a process must have run so that the next one is begun at once."""
SLOWEST = 30.0
GRACE = 5.0
LOOK = 0.1


@dataclass(slots=True)
class _Worker:
    number: int
    process: subprocess.Popen[bytes]
    begun: float
    again_at: float | None = None


class Processes:
    """The processes of one address. Run it in the main thread: it takes the signals."""

    def __init__(self, settings: Settings, drain: int, tell: Tell, clock: Callable[[], float] = time.monotonic) -> None:
        """Take how the gateway was started, with its number of processes, and how long calls may take to end."""
        self._folder = settings.state / "metrics" / str(os.getpid())
        self._settings = replace(settings, metrics=self._folder)
        self._drain = drain
        self._tell = tell
        self._clock = clock
        self._leaving = threading.Event()
        self._failures = 0
        self._workers: list[_Worker] = []

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT, and return the exit code: not 0 where the first process cannot begin.

        Raises:
            InputError: the address is in use.
        """
        listening = bind(self._settings.host, self._settings.port)
        listening.listen(BACKLOG)
        _clear(self._folder.parent)
        taken = {one: signal.signal(one, self._leave) for one in leaving()}
        try:
            return self._served(listening)
        finally:
            self._end(listening)
            for number, before in taken.items():
                signal.signal(number, before)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _leave(self, *_: object) -> None:
        if self._leaving.is_set():
            self._pass_on()  # the second signal does not wait, also not further down
        self._leaving.set()

    def _served(self, listening: socket.socket) -> int:
        heard, told = os.pipe()
        with os.fdopen(heard, "rb", buffering=0) as ready:
            try:
                first = self._start(0, listening, told)
            finally:
                os.close(told)
            if not ready.read(1):
                # It said why on stderr, and the others would say the same.
                return first.process.wait() or 1
        for number in range(1, self._settings.workers):
            self._start(number, listening)
        while not self._leaving.wait(LOOK):
            for place, one in enumerate(self._workers):
                if one.process.poll() is not None:
                    self._again(place, one, listening)
        return 0

    def _start(self, number: int, listening: socket.socket, ready: int | None = None) -> _Worker:
        from tokenop.gateway.worker import told

        settings = replace(self._settings, worker=number)
        passed = [listening.fileno(), *([] if ready is None else [ready])]
        process = subprocess.Popen(  # noqa: S603 our own program
            [sys.executable, "-m", WORKER],
            stdin=subprocess.PIPE,
            pass_fds=passed,
            start_new_session=True,  # Ctrl-C reaches the process above, which passes it on
        )
        assert process.stdin is not None
        # Left open: its end tells the worker that nobody is above it any more. Who is gone already is seen later.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(told(settings, self._drain, listening.fileno(), ready))
            process.stdin.flush()
        made = _Worker(number, process, self._clock())
        self._workers.append(made)
        return made

    def _again(self, place: int, dead: _Worker, listening: socket.socket) -> None:
        now = self._clock()
        if dead.again_at is None:
            steady = now - dead.begun >= STEADY
            self._failures = 0 if steady else self._failures + 1
            wait = 0.0 if steady else min(0.5 * 2 ** (self._failures - 1), SLOWEST)
            dead.again_at = now + wait
            code = dead.process.returncode
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            self._tell(f"process {dead.number} ended ({how}); another begins in {wait:g} s")
            self._forget(dead)
        if now >= dead.again_at:
            try:
                self._workers[place] = self._start(dead.number, listening)
            except OSError as error:  # no room for a process now: the others go on
                dead.again_at = now + SLOWEST
                self._tell(f"process {dead.number} cannot begin: {error.strerror}; tried again in {SLOWEST:g} s")
                return
            self._workers.pop()

    def _forget(self, dead: _Worker) -> None:
        if dead.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                dead.process.stdin.close()
        # What it had under way is over; what it counted stays.
        for path in self._folder.glob(f"gauge_live*_{dead.process.pid}.db"):
            path.unlink(missing_ok=True)

    def _pass_on(self) -> None:
        for one in self._workers:
            if one.process.poll() is None:
                one.process.send_signal(signal.SIGTERM)

    def _end(self, listening: socket.socket) -> None:
        self._pass_on()
        listening.close()  # as long as it is open here, the system takes calls that nobody will answer
        last = time.monotonic() + self._drain + GRACE
        for one in self._workers:
            try:
                one.process.wait(max(last - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                one.process.kill()
                one.process.wait()
            self._forget(one)


def _clear(folder: os.PathLike[str]) -> None:
    """Remove what processes that are gone have left of their figures."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if entry.name.isdigit() and not _lives(int(entry.name)):
                shutil.rmtree(entry.path, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
