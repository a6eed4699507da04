"""The log as the gateway appends to it: rows wait in memory for a few milliseconds and are written in groups.

The loop only encodes a row and puts it into a queue; one thread writes. What cannot be written waits and is tried again
each second, within bounds; nothing that is written is ever half a row.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import os
import queue
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tokenop.events import encoding
from tokenop.gateway.log.agreeing import agreed
from tokenop.gateway.log.appending import Appender
from tokenop.gateway.log.model import Health, LogError
from tokenop.gateway.log.telling import Teller

MOST_ROWS = 100_000
MOST_BYTES = 64 * 2**20
# Rows are written at most so many seconds after they were appended; half the promise is left for the writing itself.
DELAY = 0.02
RETRY = 1.0
SYNC_EVERY = 1.0
# So often a log without calls looks whether its day is over.
IDLE = 60.0
_GROUP = 4096


class _Waiter(NamedTuple):
    upto: int
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[None]


class EventLog:
    """The log of one process. Fork-safe: a child begins with nothing to write, and a segment of its own."""

    def __init__(
        self,
        folder: Path,
        *,
        durable: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        tell: Callable[[str], object] = sys.stderr.write,
        most_rows: int = MOST_ROWS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Take the folder of the log; nothing is opened before the first event.

        Args:
            folder: of the log, which may not be there yet.
            durable: whether calls wait for `settled`; it only decides how bad it is when nothing can be written.
            now: the time of day, in any zone.
            tell: takes a line of text for the operator.
            most_rows: how many rows may wait in memory.
            most_bytes: how many bytes they may have.
        """
        self._folder, self._durable, self._now = folder, durable, now
        self._most_rows, self._most_bytes = most_rows, most_bytes
        self._teller = Teller(tell)
        self._begin()
        os.register_at_fork(after_in_child=functools.partial(_begin_anew, weakref.ref(self)))

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._tokens: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._rows: deque[bytes] = deque()
        self._waiters: list[_Waiter] = []
        self._thread: threading.Thread | None = None
        self._syncer: threading.Thread | None = None
        self._appender = Appender(self._folder)
        self._asleep, self._urgent, self._closing = True, False, False
        # Rows have numbers from 0: `_first` is that of the first one waiting.
        self._bytes = self._first = self._synced = self._lost = self._refused = 0
        self._error: str | None = None
        self._since: datetime | None = None
        self._last_sync = 0.0
        self._handed_on: tuple[Path | None, int] | None = None

    def append(self, event: Mapping[str, Any]) -> None:
        """Take one event: at once, without waiting for a disk. Never raises; what goes wrong is told loudly."""
        try:
            row = encoding.line(agreed(event)) + b"\n"
        except Exception:  # whatever is wrong with an event, its call goes on
            row = self._forced(event)
            if not row:
                return
        with self._lock:
            self._rows.append(row)
            self._bytes += len(row)
            if self._bytes > self._most_bytes or len(self._rows) > self._most_rows:
                self._shed()
            wake, self._asleep = self._asleep, False
        if wake:
            self._wake()

    async def settled(self) -> None:
        """Return when all that was appended before is on disk. Many who wait share one write and one sync.

        Raises:
            LogError: it cannot get there now; the events wait in memory.
        """
        loop = asyncio.get_running_loop()
        with self._lock:
            upto = self._first + len(self._rows)
            if upto <= self._synced:
                return
            future = loop.create_future()
            self._waiters.append(_Waiter(upto, loop, future))
            wake, self._urgent = not self._urgent, True
        if wake:
            self._wake()
        await future

    def health(self) -> Health:
        """Return how the log is, for `/healthz` and metrics."""
        with self._lock:
            return Health(
                len(self._rows), self._bytes, self._first - self._lost, self._lost, self._refused,
                self._error, self._since, self._appender.path, self._durable,
            )  # fmt: skip

    def close(self, timeout: float = 10.0) -> None:
        """Write what waits, bring it to disk and leave the segment; what cannot be written in `timeout` s is told.

        An event that is appended afterwards opens the log again.
        """
        thread = self._thread
        if thread is not None:
            self._closing = True
            self._tokens.put(None)
            thread.join(timeout)
        left = self.health()
        if left.waiting:
            self._teller.loud(f"the event log ends with {left.waiting:,} rows that could not be written")

    # ---- the side of those who append; what is called with the lock held says so

    def _forced(self, event: Mapping[str, Any]) -> bytes:
        """Return a row without what cannot be encoded; nothing where that does not help either."""
        try:
            row = encoding.line({name: _plain(value) for name, value in event.items()}) + b"\n"
        except Exception:
            row = b""
        with self._lock:
            self._refused += not row
        self._teller.once("event", "an event holds values that no log can hold; they are left out")
        return row

    def _shed(self) -> None:
        """Give up the oldest rows; the lock is held."""
        while self._rows and (self._bytes > self._most_bytes or len(self._rows) > self._most_rows):
            self._bytes -= len(self._rows.popleft())
            self._first += 1
            self._lost += 1
        waiters, self._waiters = self._waiters, []
        _answer(waiters, LogError("the event log cannot be written, and too many events wait"))

    def _wake(self) -> None:
        thread = self._thread
        if thread is None or not thread.is_alive():
            with self._lock:
                if self._thread is thread:
                    self._closing = False
                    self._thread = threading.Thread(target=self._run, name="event log", daemon=True)
                    self._thread.start()
        self._tokens.put(None)

    # ---- the side of the thread that writes

    def _run(self) -> None:
        while True:
            self._wait()
            closing = self._closing
            try:
                self._commit(closing)
            except Exception as error:  # a bug must not end the thread that writes
                self._failed(type(error).__name__)
            if closing:
                self._leave()
                with self._lock:
                    if not self._rows or self._error:
                        self._thread, self._asleep = None, True
                        return

    def _wait(self) -> None:
        with contextlib.suppress(queue.Empty):
            self._tokens.get(timeout=RETRY if self._error else SYNC_EVERY if self._unsynced() else IDLE)
        end = time.monotonic() + DELAY
        while not (self._urgent or self._closing) and (left := end - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                self._tokens.get(timeout=left)

    def _commit(self, sync: bool) -> None:
        """Write all that waits, in groups; with `sync`, or where somebody waits for it, bring it to disk too."""
        with self._lock:
            self._asleep, urgent, self._urgent = True, self._urgent, False
        while True:
            with self._lock:
                group = list(itertools.islice(self._rows, _GROUP))
                first, wanted = self._first, sync or urgent or bool(self._waiters)
            if not group and not (wanted and self._synced < first):
                break
            error = self._write(group, first, wanted)
            if error is not None:
                self._failed(error.strerror or type(error).__name__)
                return
        if self._error is not None:
            self._recovered()
        self._tidy()

    def _write(self, group: list[bytes], first: int, wanted: bool) -> OSError | None:
        before, file = self._appender.size, self._appender.path
        count, error = self._appender.write(group, self._today()) if group else (0, None)
        before = before if file == self._appender.path else 0
        if wanted and self._appender.path is not None:
            try:
                self._appender.sync()
            except OSError as failed:
                with contextlib.suppress(OSError):
                    self._appender.take_back(before)
                return failed
        self._drop(first, count)
        if error is None and self._error is not None:
            self._recovered()
        if wanted and error is None:
            self._synced = first + count
            self._settle()
        return error

    def _drop(self, first: int, count: int) -> None:
        """Forget rows that are written. Some may have been given up in the meantime: they are not lost after all."""
        with self._lock:
            given_up = min(max(self._first - first, 0), count)
            self._lost -= given_up
            for _ in range(count - given_up):
                self._bytes -= len(self._rows.popleft())
            self._first += count - given_up

    def _today(self) -> datetime:
        return self._now().astimezone(UTC)

    def _settle(self) -> None:
        with self._lock:
            done = [waiter for waiter in self._waiters if waiter.upto <= self._synced]
            self._waiters = [waiter for waiter in self._waiters if waiter.upto > self._synced]
        _answer(done, None)

    def _failed(self, why: str) -> None:
        with self._lock:
            self._asleep = False  # the next try is not brought forward by more rows, only by somebody who waits
            waiters, self._waiters = self._waiters, []
            self._since = self._since or self._now()
            self._error = why
            waiting, lost = len(self._rows), self._lost
        _answer(waiters, LogError(f"the event log cannot be written: {why}"))
        given_up = f"; {lost:,} are lost" if lost else ""
        self._teller.each_minute(
            f"the event log in {self._folder} cannot be written: {why}; {waiting:,} rows wait in memory{given_up}"
        )

    def _recovered(self) -> None:
        with self._lock:
            self._error = self._since = None
            lost = self._lost
        self._teller.loud(
            f"the event log is written again; {lost:,} rows are lost" if lost else "the event log is written again"
        )

    def _tidy(self) -> None:
        """Leave a segment whose day is over; have the disk take what the kernel holds, once a second, elsewhere."""
        try:
            self._appender.roll(self._today())
        except OSError as error:
            self._teller.each_minute(f"the event log in {self._folder} is not on disk: {error.strerror or error}")
        due = time.monotonic() - self._last_sync >= SYNC_EVERY
        if due and self._unsynced() and not (self._syncer and self._syncer.is_alive()):
            self._last_sync = time.monotonic()
            self._handed_on = (self._appender.path, self._appender.size)
            with contextlib.suppress(OSError):  # no descriptor left: another time
                descriptor = self._appender.duplicate()
                self._syncer = threading.Thread(target=_sync, args=(descriptor, self._teller), daemon=True)
                self._syncer.start()

    def _unsynced(self) -> bool:
        return self._appender.dirty and self._handed_on != (self._appender.path, self._appender.size)

    def _leave(self) -> None:
        if self._syncer is not None:
            self._syncer.join(1.0)
        try:
            self._appender.close()
        except OSError as error:
            self._teller.loud(f"the event log in {self._folder} is not on disk: {error.strerror or error}")

    def _after_fork(self) -> None:
        self._appender.abandon()
        self._teller = self._teller.anew()
        self._begin()


def _begin_anew(reference: weakref.ref[EventLog]) -> None:
    log = reference()
    if log is not None:
        log._after_fork()


def _sync(descriptor: int, teller: Teller) -> None:
    try:
        os.fdatasync(descriptor)
    except OSError as error:
        teller.each_minute(f"the event log is not on disk: {error.strerror or error}")
    finally:
        os.close(descriptor)


def _answer(waiters: list[_Waiter], error: LogError | None) -> None:
    """Wake those who wait: one call into each loop."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for waiter in waiters:
        loops.setdefault(waiter.loop, []).append(waiter.future)
    for loop, futures in loops.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(_finish, futures, error)


def _finish(futures: list[asyncio.Future[None]], error: LogError | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(LogError(str(error)))


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: texts without halves of letters, others as nothing."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    try:
        encoding.line({"": value})
    except Exception:
        return None
    return value
