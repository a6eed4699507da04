"""Telling the operator what is wrong with the log: loudly, and not more often than helps."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

EVERY = 60.0


class Teller:
    """Says things on standard error; the same trouble once a minute."""

    def __init__(self, tell: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        """Take who is told a line, and a clock in seconds."""
        self._tell, self._clock = tell, clock
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}

    def anew(self) -> Teller:
        """Return one for a forked process, which may have a lock that nobody will release."""
        return Teller(self._tell, self._clock)

    def loud(self, text: str) -> None:
        """Say it now, and let the next trouble be said at once."""
        with self._lock:
            self._said.clear()
        self._say(text)

    def each_minute(self, text: str) -> None:
        """Say it unless some trouble was said within the last minute."""
        self.once("trouble", text)

    def once(self, kind: str, text: str) -> None:
        """Say it unless something of its kind was said within the last minute."""
        with self._lock:
            now = self._clock()
            if now - self._said.get(kind, now - EVERY) < EVERY:
                return
            self._said[kind] = now
        self._say(text)

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # nobody listens any more
            self._tell(f"tokenop: {text}\n")
