"""Rows of the event log as they are written, by whichever process writes them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

Event = dict[str, Any]
Keep = Callable[[Event], bool]
PAUSE = 0.1
# Of each segment that is there already, so much is looked at for the last rows.
LOOKED_BACK = 256 * 1024
# A line longer than that is no row of a log.
LONGEST_LINE = 4 * 1024 * 1024


class Follower:
    """Reads what is added to the segments of a log. Segments that come later are read from their beginning."""

    def __init__(self, folder: Path) -> None:
        """Take the folder of the log, which may not be there yet."""
        self._folder = folder
        self._offsets: dict[Path, int] = {}
        self._torn: dict[Path, bytes] = {}

    def last(self, count: int, keep: Keep) -> list[Event]:
        """Return the last rows by time that `keep` holds for, and go on after them."""
        rows: list[Event] = []
        for path in self._segments():
            size = _size(path)
            self._offsets[path] = max(size - LOOKED_BACK, 0)
            data = self._read(path)
            if size > LOOKED_BACK:
                data = data.partition(b"\n")[2]
            rows += filter(keep, self._rows(path, data))
        rows.sort(key=_when)
        return rows[max(len(rows) - count, 0) :]

    def new(self) -> list[Event]:
        """Return the rows that were added since, by time."""
        rows: list[Event] = []
        for path in self._segments():
            rows += self._rows(path, self._read(path))
        rows.sort(key=_when)
        return rows

    def _segments(self) -> list[Path]:
        found = sorted(self._folder.glob("*/*.jsonl"))
        gone = self._offsets.keys() - set(found)
        for path in gone:  # compacted
            del self._offsets[path]
            self._torn.pop(path, None)
        return found

    def _read(self, path: Path) -> bytes:
        offset = self._offsets.get(path, 0)
        try:
            with path.open("rb") as file:
                file.seek(offset)
                data = file.read()
        except OSError:
            return b""
        self._offsets[path] = offset + len(data)
        return data

    def _rows(self, path: Path, data: bytes) -> Iterator[Event]:
        data = self._torn.pop(path, b"") + data
        whole, newline, rest = data.rpartition(b"\n")
        if not newline:
            whole, rest = b"", data
        if rest and len(rest) <= LONGEST_LINE:
            self._torn[path] = rest
        for line in whole.split(b"\n"):
            try:
                row = msgspec.json.decode(line)
            except msgspec.DecodeError:
                continue
            if isinstance(row, dict) and isinstance(row.get("ts"), str):
                yield row


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
