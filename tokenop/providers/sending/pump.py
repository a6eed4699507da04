"""Waits for an answer no longer than allowed, whatever an SDK does meanwhile.

An SDK's own timeouts count the silence between two pieces. A stream that sends a ping every few seconds never reaches
them, so the SDK works in a thread and this side keeps the time.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

from tokenop.providers.base import Timeouts
from tokenop.providers.errors import TimedOutError
from tokenop.providers.sending import bounded

Close: TypeAlias = Callable[[], object]


class Line:
    """What the thread that reads and the one that waits share: how to break off."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closers: list[Close] = []
        self.broken_off = False

    def on_break(self, close: Close) -> None:
        """Call `close` when nobody waits any more; at once where that is so already."""
        with self._lock:
            if not self.broken_off:
                self._closers.append(close)
                return
        close()

    def go_on(self) -> None:
        """Raise TimedOutError where nobody waits any more: what is not sent yet is not to be paid for."""
        if self.broken_off:
            raise TimedOutError("nobody waits for the answer any more", phase="total")

    def break_off(self) -> None:
        """Say that nobody waits any more."""
        with self._lock:
            self.broken_off = True
            closers, self._closers = self._closers, []
        for close in closers:
            with contextlib.suppress(Exception):  # it may have ended by itself meanwhile
                close()


def pumped(
    read: Callable[[Line], Iterator[bytes]],
    timeouts: Timeouts,
    begun: Callable[[], bool],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[bytes]:
    """Yield what `read` yields in a thread of its own; what it raises is raised here.

    `begun` says whether part of the answer itself has come: until then `timeouts.first_token` counts as well. Leaving
    the iterator breaks off.

    Raises:
        TimedOutError: no first token, or no end in time.
        MalformedError: the answer is larger than `bounded.LARGEST`.
    """
    line = Line()
    pieces: queue.SimpleQueue[bytes | BaseException | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(read, line, pieces), daemon=True, name="answer").start()
    started = clock()
    try:
        while True:
            wait = timeouts.total if begun() else min(timeouts.total, timeouts.first_token)
            try:
                piece = pieces.get(timeout=max(started + wait - clock(), 0.0))
            except queue.Empty:
                raise _late(timeouts, begun()) from None
            if piece is None:
                return
            if isinstance(piece, BaseException):
                raise piece
            yield piece
    finally:
        line.break_off()


def _late(timeouts: Timeouts, begun: bool) -> TimedOutError:
    if begun or timeouts.total <= timeouts.first_token:
        return TimedOutError(f"no end after {timeouts.total:g} s", phase="total", after_first_token=begun)
    return TimedOutError(f"no first token after {timeouts.first_token:g} s", phase="first_token")


def _read(
    read: Callable[[Line], Iterator[bytes]],
    line: Line,
    pieces: queue.SimpleQueue[bytes | BaseException | None],
) -> None:
    try:
        # Counted here, where it comes in: who waits may be slower than who sends.
        for piece in bounded.taken(read(line), 200):
            if line.broken_off:
                return
            pieces.put(piece)
    except BaseException as error:
        pieces.put(error)
    else:
        pieces.put(None)
