"""The lock that all processes share for a few microseconds, and the number that says that tables changed."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

FILE = "lock"
FOLDING = "fold.lock"
_SIZE = 4096
# A process that was stopped (by a debugger, say) while it held the lock must not stop all others.
PATIENCE = 0.02
_TAKE, _LEAVE = fcntl.LOCK_EX | fcntl.LOCK_NB, fcntl.LOCK_UN


class Shared:
    """The lock file, open. `epoch` goes up whenever a table or the closed sums come, go or are replaced."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Open the lock file of `folder`, which is made where it is missing. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._clock = clock
        self._descriptor = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._descriptor).st_size < _SIZE:
            os.pwrite(self._descriptor, b"\0", _SIZE - 1)
        self._map = mmap.mmap(self._descriptor, _SIZE)
        self._words = memoryview(self._map).cast("q")

    @property
    def epoch(self) -> int:
        """Return the number of changes."""
        return self._words[0]

    def changed(self) -> None:
        """Tell all processes that tables changed. The lock is held."""
        self._words[0] += 1

    def take(self) -> bool:
        """Take the lock; False where another process kept it for longer than makes sense.

        Whoever goes on without it must have written its own claim before it reads those of others: of two that do
        so at once, one at least sees both claims.
        """
        try:
            fcntl.flock(self._descriptor, _TAKE)
        except BlockingIOError:
            return self._wait()
        return True

    def leave(self) -> None:
        """Give the lock back, also where it could not be taken."""
        fcntl.flock(self._descriptor, _LEAVE)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for work that must not be done without it: waits for as long as it takes."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            self.leave()

    def close(self) -> None:
        """Close the file."""
        self._words.release()
        self._map.close()
        os.close(self._descriptor)

    def _wait(self) -> bool:
        end = self._clock() + PATIENCE
        while self._clock() < end:
            os.sched_yield()
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._descriptor, _TAKE)
                return True
        return False


@contextlib.contextmanager
def alone(folder: Path, *, wait: bool) -> Iterator[bool]:
    """Yield whether this process is the one that folds; with `wait` it is, sooner or later."""
    descriptor = os.open(folder / FOLDING, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)
