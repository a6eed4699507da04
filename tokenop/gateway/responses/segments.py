"""Lines that several processes share: each appends to files of its own and reads those of the others.

Nothing is repaired and nothing is locked: a line counts once it has an end, a file until it is deleted. Whoever
deletes one takes its lines from all processes, at once: those that hold it open see that it has no name any more.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_PIECE = 4 * 1024 * 1024
_SMALLEST = 256 * 1024
_FILES = 16


class Segment:
    """One file. `read` is how far its lines are known; `fd` stays open so that lines can be read again."""

    __slots__ = ("fd", "name", "read")

    def __init__(self, name: str, fd: int) -> None:
        self.name = name
        self.fd = fd
        self.read = 0

    @property
    def deleted(self) -> bool:
        """Return whether the file has no name any more."""
        return self.fd < 0 or os.fstat(self.fd).st_nlink == 0

    def at(self, offset: int, length: int) -> bytes:
        """Return bytes of it; fewer where there are fewer. Raises OSError."""
        return os.pread(self.fd, length, offset)

    def close(self) -> None:
        """Close it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class Segments:
    """The files `<prefix>-….jsonl` of a folder. For one thread; what it yields may be read by others."""

    def __init__(self, folder: Path, prefix: str, size: int) -> None:
        """Take the folder, which need not exist, and how many bytes all files may have together."""
        self.folder = folder
        self._prefix = f"{prefix}-"
        self._size = size
        self._own: Segment | None = None
        self._written = 0
        self._of: dict[str, Segment] = {}

    def append(self, lines: Sequence[bytes]) -> tuple[Segment, list[int]]:
        """Write lines, each with its end, and return where they stand. Raises OSError; then none of them is there."""
        own = self._own
        if own is None or self._written >= max(self._size // _FILES, _SMALLEST) or own.deleted:
            own = self._opened()
        begin, data = self._written, b"".join(lines)
        try:
            done = 0
            while done < len(data):
                done += os.write(own.fd, memoryview(data)[done:])
        except OSError:
            # The part that was written must not become the beginning of the next line.
            try:
                os.ftruncate(own.fd, begin)
            except OSError:
                self._own = None
            raise
        self._written = own.read = begin + len(data)
        offsets = []
        for line in lines:
            offsets.append(begin)
            begin += len(line)
        return own, offsets

    def _opened(self) -> Segment:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{self._prefix}{os.getpid()}-{time.time_ns()}.jsonl"
        flags = os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_RDWR | os.O_CLOEXEC
        self._own = self._of[name] = Segment(name, os.open(self.folder / name, flags, 0o600))
        self._written = 0
        return self._own

    def fresh(self) -> Iterator[tuple[Segment, int, bytes]]:
        """Yield the lines that came since, without their ends, each with its file and place. Passes over what fails."""
        for name in self._names():
            segment = self._of.get(name)
            if segment is None:
                with contextlib.suppress(OSError):
                    fd = os.open(self.folder / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                    segment = self._of[name] = Segment(name, fd)
            if segment is not None and segment is not self._own:
                yield from _lines(segment)

    def gone(self) -> list[Segment]:
        """Return files that were deleted, and know them no longer. Whoever gets them closes them."""
        names = set(self._names())
        dead = [segment for name, segment in self._of.items() if name not in names]
        for segment in dead:
            del self._of[segment.name]
            if segment is self._own:
                self._own = None
        return dead

    def trim(self, now: float, seconds: float) -> None:
        """Delete files that nobody wrote to for `seconds`, then the oldest until all fit."""
        found = []
        for name in self._names():
            with contextlib.suppress(OSError):
                about = (self.folder / name).stat()
                found.append((about.st_mtime, name, about.st_size))
        total = sum(size for _, _, size in found)
        for written, name, size in sorted(found):
            if written < now - seconds or total > self._size:
                total -= size
                with contextlib.suppress(OSError):
                    (self.folder / name).unlink()

    def reread(self) -> None:
        """Begin all files anew: `fresh` yields all lines again, the own ones too."""
        self._own = None
        for segment in self._of.values():
            segment.read = 0

    def close(self) -> None:
        """Close all files."""
        for segment in self._of.values():
            segment.close()
        self._of, self._own = {}, None

    def _names(self) -> list[str]:
        try:
            entries = [path.name for path in self.folder.iterdir()]
        except OSError:
            return []
        return sorted(name for name in entries if name.startswith(self._prefix) and name.endswith(".jsonl"))


def _lines(segment: Segment) -> Iterator[tuple[Segment, int, bytes]]:
    while True:
        try:
            piece = segment.at(segment.read, _PIECE)
        except OSError:
            return
        end = piece.rfind(b"\n") + 1
        if not end:
            if len(piece) == _PIECE:
                segment.read += _PIECE  # no line is so long: what follows its end is read again
            return
        begin = 0
        while begin < end:
            stop = piece.index(b"\n", begin)
            yield segment, segment.read + begin, piece[begin:stop]
            begin = stop + 1
        segment.read += end
