"""What is kept, found by key: where each answer stands on disk, in memory; the answers themselves, on disk."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tokenop.gateway.responses import kept
from tokenop.gateway.responses.kept import Line
from tokenop.gateway.responses.near import Candidate, Elsewhere, Near
from tokenop.gateway.responses.segments import Segment, Segments

if TYPE_CHECKING:
    from tokenop.gateway.responses.embedding import Vector


class Entry:
    """Where one answer is. `raw` is its line until that is on disk; without it and a `segment`, it is nowhere."""

    __slots__ = ("at", "key", "length", "offset", "partition", "raw", "segment")

    def __init__(self, key: bytes, at: float, partition: bytes | None, length: int) -> None:
        self.key = key
        self.at = at
        self.partition = partition
        self.length = length
        self.raw: bytes | None = None
        self.segment: Segment | None = None
        self.offset = 0


# An entry, and the vector that it is found by.
Found = tuple[Entry, bytes | None]


class Index:
    """Entries by key, the one that was used longest ago first, and their vectors. For one thread."""

    def __init__(self, most: int, elsewhere: Elsewhere) -> None:
        """Take how many entries there may be, and who does what takes long."""
        self.most = most
        self._elsewhere = elsewhere
        self._of: dict[bytes, Entry] = {}
        # By their length: another model may answer under the name of the one that made those kept before.
        self._near: dict[int, Near] = {}

    def __len__(self) -> int:
        return len(self._of)

    def add(self, entry: Entry, vector: bytes | None) -> None:
        """Take an entry; of two with one key the younger stays."""
        old = self._of.pop(entry.key, None)
        if old is not None and old.at > entry.at:
            self._of[entry.key] = old
            return
        self._of[entry.key] = entry
        if vector is None or entry.partition is None:
            entry.partition = old.partition if old is not None else None
        else:
            self._put(entry.partition, entry.key, vector, known=old is not None and old.partition is not None)
        if len(self._of) > self.most:
            self.drop(next(iter(self._of.values())))

    def _put(self, partition: bytes, key: bytes, vector: bytes, *, known: bool) -> None:
        near = self._near.get(len(vector))
        if known and near is not None and len(self._near) == 1:
            return  # the same question: the same vector
        if known:
            self._discard(partition, key)
        if near is None:
            near = self._near[len(vector)] = Near(len(vector), self._elsewhere)
        near.add(partition, key, vector)

    def _discard(self, partition: bytes, key: bytes) -> None:
        for near in self._near.values():
            near.discard(partition, key)

    def get(self, key: bytes, oldest: float) -> Entry | None:
        """Return an entry that is not older; one that is goes."""
        entry = self._of.get(key)
        if entry is None or entry.at >= oldest:
            return entry
        self.drop(entry)
        return None

    def used(self, entry: Entry) -> None:
        """Take note that an entry was of use: it goes last."""
        self._of[entry.key] = self._of.pop(entry.key)

    def drop(self, entry: Entry) -> None:
        """Forget an entry."""
        if self._of.get(entry.key) is entry:
            del self._of[entry.key]
            if entry.partition is not None:
                self._discard(entry.partition, entry.key)

    def forget(self, segments: list[Segment]) -> None:
        """Forget all entries of files that are gone."""
        dead = set(map(id, segments))
        for entry in [entry for entry in self._of.values() if id(entry.segment) in dead]:
            self.drop(entry)

    def nearest(self, partition: bytes, vector: Vector) -> list[Candidate]:
        """Return the nearest of a partition, the nearest first."""
        near = self._near.get(len(vector))
        return [] if near is None else near.search(partition, vector)

    def stop(self) -> None:
        """Have graphs that are built elsewhere left as they are."""
        for near in self._near.values():
            near.stopped = True

    def clear(self) -> None:
        """Forget everything."""
        self.stop()
        self._of, self._near = {}, {}


def line_of(entry: Entry) -> Line | None:
    """Return what is kept; None where it is not there any more, or is something else."""
    raw = entry.raw
    if raw is None:
        segment = entry.segment
        if segment is None:
            return None
        try:
            if segment.deleted:
                return None
            raw = segment.at(entry.offset, entry.length)
        except OSError:
            return None
    line = kept.read(raw)
    return line if line is not None and line.key == entry.key.hex() else None


def found_in(segments: Segments, space: str | None) -> Iterator[Found]:
    """Yield the entries that came into files since; a vector only where it is of `space`."""
    for segment, offset, raw in segments.fresh():
        head = kept.head(raw)
        if head is None:
            continue
        try:
            key, partition, vector = head.ids()
        except ValueError:
            continue
        if head.space != space:
            partition = vector = None
        entry = Entry(key, head.at, partition, len(raw))
        entry.segment, entry.offset = segment, offset
        yield entry, vector


class Writer:
    """Writes lines elsewhere, those of one moment together, without ever being waited for."""

    def __init__(self, elsewhere: Elsewhere, tell: Callable[[str], object]) -> None:
        """Take who writes, and who is told when a disk takes no more."""
        self._elsewhere = elsewhere
        self._tell = tell
        self._told = False
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Segments, bytes, Entry | None]] = deque()
        self._running = False

    def write(self, segments: Segments, raw: bytes, entry: Entry | None = None) -> None:
        """Have a line written; `entry` learns where it stands."""
        with self._lock:  # for the length of two assignments, here and there
            self._waiting.append((segments, raw, entry))
            begin, self._running = not self._running, True
        if begin:
            self._elsewhere(self.run)

    def run(self) -> None:
        """Write all that waits."""
        while True:
            with self._lock:
                lines = list(self._waiting)
                self._waiting.clear()
                self._running = bool(lines)
            if not lines:
                return
            for segments in {id(one): one for one, _, _ in lines}.values():
                self._write(segments, [(raw, entry) for one, raw, entry in lines if one is segments])

    def _write(self, segments: Segments, lines: list[tuple[bytes, Entry | None]]) -> None:
        try:
            segment, offsets = segments.append([raw for raw, _ in lines])
        except OSError as error:
            for _, entry in lines:
                if entry is not None:
                    entry.raw = None  # in no file: the next who looks for it forgets it
            if not self._told:
                self._told = True
                self._tell(f"{segments.folder}: answers cannot be kept: {error.strerror or error}")
            return
        self._told = False
        for (_, entry), offset in zip(lines, offsets, strict=True):
            if entry is not None:
                entry.segment, entry.offset = segment, offset
                entry.raw = None
