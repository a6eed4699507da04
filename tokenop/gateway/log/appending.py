"""One segment, as its owner writes it: whole lines, or none of a line."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from tokenop.gateway.log import segments

_CLOCK_STEP = timedelta(days=1)


class Appender:
    """Appends rows to the segment of the day, and goes on to another one when the day is over. For one thread."""

    def __init__(self, folder: Path) -> None:
        """Take the folder of the log; nothing is opened before the first row."""
        self._folder = folder
        self._descriptor = -1
        self._day = date.min
        self._size = 0
        self.path: Path | None = None
        self.dirty = False

    def write(self, rows: Sequence[bytes], now: datetime) -> tuple[int, OSError | None]:
        """Append rows, each a line; return how many are written whole, and what kept the others from it.

        Of a row that did not go in whole, nothing stays.
        """
        try:
            self._ready(now)
        except OSError as error:
            return 0, error
        data = memoryview(b"".join(rows))
        done = 0
        try:
            while done < len(data):
                done += os.write(self._descriptor, data[done:])
                self.dirty = True
        except OSError as error:
            whole = self._cut(rows, done)
            return whole, error
        self._size += done
        return len(rows), None

    def sync(self) -> None:
        """Return when all that was written is on disk.

        Raises:
            OSError: it is not.
        """
        if self.dirty:
            os.fdatasync(self._descriptor)
            self.dirty = False

    def take_back(self, size: int) -> None:
        """Cut what stands after the first `size` bytes, since nobody knows whether it is on disk, and leave the file.

        A disk that failed to sync may say afterwards that all is well: the rows must be written again elsewhere.
        """
        try:
            os.ftruncate(self._descriptor, size)
        finally:
            self.dirty = False
            self.abandon()

    @property
    def size(self) -> int:
        """Bytes in the segment."""
        return self._size

    def duplicate(self) -> int:
        """Return another descriptor of the segment, for who syncs it from another thread; -1 where there is none."""
        return os.dup(self._descriptor) if self._descriptor >= 0 else -1

    def roll(self, now: datetime) -> None:
        """Leave a segment whose day is over.

        Raises:
            OSError: what was written to it is not on disk.
        """
        if self._descriptor >= 0 and self._is_over(now):
            self.close()

    def close(self) -> None:
        """Bring all to disk and leave the segment.

        Raises:
            OSError: it is not on disk; the segment is left all the same.
        """
        try:
            if self._descriptor >= 0:
                self.sync()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Leave the segment as it is. What is torn in it is cut off by the next repair."""
        descriptor, self._descriptor, self.path = self._descriptor, -1, None
        self.dirty = False
        if descriptor >= 0:
            os.close(descriptor)

    def _ready(self, now: datetime) -> None:
        self.roll(now)
        if self._descriptor >= 0 and os.fstat(self._descriptor).st_nlink == 0:
            self.abandon()  # somebody removed the file: what is written to it from here on would be gone
        if self._descriptor < 0:
            self._descriptor, self.path = segments.create(self._folder, now.date(), now)
            self._day, self._size = now.date(), 0

    def _is_over(self, now: datetime) -> bool:
        """Tell whether the segment's day is over. A clock that goes back over midnight does not bring a day back.

        One that was wrong by more than that, as before it was set, does.
        """
        today = now.date()
        return today > self._day or self._day - today > _CLOCK_STEP

    def _cut(self, rows: Sequence[bytes], done: int) -> int:
        """Take back the beginning of a row that did not go in whole; return how many did."""
        ends = list(itertools.accumulate(map(len, rows)))
        whole = sum(end <= done for end in ends)
        kept = ends[whole - 1] if whole else 0
        self._size += kept
        if kept < done:
            try:
                os.ftruncate(self._descriptor, self._size)
            except OSError:
                self.abandon()
        return whole
