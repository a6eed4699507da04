"""Rows of the event log as they are written, by whichever process writes them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tokenop.gateway.log.reading import read_from

Event = dict[str, Any]
Keep = Callable[[Event], bool]
PAUSE = 0.1
# Of each segment that is there already, so much is looked at for the last rows.
LOOKED_BACK = 256 * 1024


class Follower:
    """Reads what is added to the segments of a log. Segments that come later are read from their beginning."""

    def __init__(self, folder: Path) -> None:
        """Take the folder of the log, which may not be there yet."""
        self._folder = folder
        self._offsets: dict[Path, int] = {}

    def last(self, count: int, keep: Keep) -> list[Event]:
        """Return the last rows by time that `keep` holds for, and go on after them."""
        rows: list[Event] = []
        for path in self._segments():
            # Where that is in the middle of a row, what is left of it is no row.
            self._offsets[path] = max(_size(path) - LOOKED_BACK, 0)
            rows += filter(keep, self._read(path))
        rows.sort(key=_when)
        return rows[max(len(rows) - count, 0) :]

    def new(self) -> list[Event]:
        """Return the rows that were added since, by time."""
        rows: list[Event] = []
        for path in self._segments():
            rows += self._read(path)
        rows.sort(key=_when)
        return rows

    def _segments(self) -> list[Path]:
        found = sorted(self._folder.glob("*/*.jsonl"))
        gone = self._offsets.keys() - set(found)
        for path in gone:  # compacted
            del self._offsets[path]
        return found

    def _read(self, path: Path) -> Iterator[Event]:
        rows, self._offsets[path] = read_from(path, self._offsets.get(path, 0))
        return (row for row in rows if isinstance(row.get("ts"), str))


def follow(
    folder: Path,
    count: int,
    keep: Keep = lambda _: True,
    *,
    go_on: bool = True,
    pause: Callable[[float], object] = time.sleep,
) -> Iterator[Event]:
    """Yield the last `count` rows of a log that `keep` holds for and then, where `go_on`, those that come, for ever."""
    follower = Follower(folder)
    yield from follower.last(count, keep)
    while go_on:
        rows = follower.new()
        yield from filter(keep, rows)
        if not rows:
            pause(PAUSE)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _when(row: Event) -> str:
    return str(row["ts"])
