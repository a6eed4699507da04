"""One process's sums in a file that all processes of the machine have in memory.

A table is written by its owner alone, who holds its exclusive lock for life: a table that can be locked is that of a
dead process. Each slot holds the sums of one key; a word is written whole or not at all. What a table says was settled
is about the owner's rows in the log, and worth no more than these: when the owner is dead, they are counted instead.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import secrets
import time
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from tokenop.gateway.budgets.windows import PER, SPANS, Key

SUFFIX = ".table"
WORD = 8
# Words of the header.
MAGIC, COUNT, CAPACITY, PID, STARTED, SEGMENTS = range(6)
_MAGIC = 0x3130_5453_4755_4442  # changes with the layout: other versions of it are no tables
_NAMES, _NAME_BYTES, MOST_SEGMENTS = 512, 96, 256  # first word, bytes and number of the names of segments
_HEADER = _NAMES + _NAME_BYTES // WORD * MOST_SEGMENTS
# Words of a slot, from its first: what was settled and is set aside, in pico-dollars and tokens; then the key.
RESERVED, SETTLED_TOKENS, RESERVED_TOKENS, _START, _KIND, _DIGEST, _TEXT = 1, 2, 3, 4, 5, 6, 8
SLOT = 16
_TEXT_BYTES = (SLOT - _TEXT) * WORD
FIRST_CAPACITY = 2048
MOST = 65_536  # slots: 8 MB
LARGEST = 2**63 - 1


class Shown(NamedTuple):
    """One slot, for who wants to see it: the subject may be cut."""

    key: Key
    settled: int
    reserved: int
    settled_tokens: int
    reserved_tokens: int


OVERFLOW = Key("all", "day", 0, "…")


def digest_of(key: Key) -> bytes:
    """Return what tells keys apart, in 16 bytes."""
    text = f"{key.per}\0{key.span}\0{key.start}\0{key.subject}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Table:
    """A table that is open. `words` is the whole file as signed 64-bit numbers."""

    def __init__(self, path: Path, descriptor: int, *, own: bool) -> None:
        """Take an open file of a whole table. Closes it where it is none (ValueError)."""
        self.path = path
        self.own = own
        self.dead = False
        self._descriptor = descriptor
        size = os.fstat(descriptor).st_size
        if size < _HEADER * WORD or size % WORD:
            os.close(descriptor)
            raise ValueError("no table")
        self._map = mmap.mmap(descriptor, size, access=mmap.ACCESS_WRITE if own else mmap.ACCESS_READ)
        self.words = memoryview(self._map).cast("q")
        if self.words[MAGIC] != _MAGIC:
            self.close()
            raise ValueError("no table")
        self.inode = os.fstat(descriptor).st_ino
        self.seen = 0
        self.index: dict[bytes, int] = {}
        self.refresh()

    @property
    def capacity(self) -> int:
        """How many slots the file has room for."""
        return (len(self.words) - _HEADER) // SLOT

    @property
    def room(self) -> int:
        """How many more slots fit in, as far as the owner knows."""
        return self.capacity - self.seen

    @property
    def name(self) -> str:
        """What the table is called in its folder."""
        return self.path.name

    @property
    def segments(self) -> tuple[str, ...]:
        """Return the segments of the log that the owner's rows are in, as `<day>/<name>`."""
        return tuple(self._name(number) for number in range(min(self.words[SEGMENTS], MOST_SEGMENTS)))

    def wrote_to(self, segment: str) -> bool:
        """Take note of a segment that the owner writes to; False where there is no room for its name."""
        number, encoded = self.words[SEGMENTS], segment.encode()
        if segment in self.segments:
            return True
        if number >= MOST_SEGMENTS or len(encoded) > _NAME_BYTES:
            return False
        at = _NAMES * WORD + number * _NAME_BYTES
        self._map[at : at + _NAME_BYTES] = encoded.ljust(_NAME_BYTES, b"\0")
        self.words[SEGMENTS] = number + 1
        return True

    def refresh(self) -> None:
        """Take note of the slots that were added since."""
        count = min(self.words[COUNT], self.capacity)
        for number in range(self.seen, count):
            base = _HEADER + number * SLOT
            at = (base + _DIGEST) * WORD
            self.index[self._map[at : at + 16]] = base
        self.seen = count

    def slot(self, key: Key, digest: bytes) -> int:
        """Return the first word of the slot of `key`, after making one where there is none.

        When the table is full, all further keys share one slot: their limits then hold for all of them together.
        """
        base = self.index.get(digest)
        if base is not None:
            return base
        if self.seen >= self.capacity:
            return self.index[digest_of(OVERFLOW)]
        base = _HEADER + self.seen * SLOT
        self.words[base + _START] = key.start
        self.words[base + _KIND] = PER.index(key.per) * len(SPANS) + SPANS.index(key.span)
        text = key.subject.encode("utf-8", "replace")[:_TEXT_BYTES]
        at = (base + _DIGEST) * WORD
        self._map[at : at + SLOT * WORD - _DIGEST * WORD] = digest + text.ljust(_TEXT_BYTES, b"\0")
        self.index[digest] = base
        self.seen += 1
        self.words[COUNT] = self.seen
        return base

    def slots(self) -> list[tuple[bytes, Shown]]:
        """Return all slots with what tells their keys apart."""
        self.refresh()
        return [(digest, self._shown(base)) for digest, base in self.index.items()]

    def key_at(self, base: int) -> Key:
        """Return the key of a slot; its subject may be cut."""
        kind = self.words[base + _KIND]
        at = (base + _TEXT) * WORD
        text = self._map[at : at + _TEXT_BYTES].rstrip(b"\0").decode("utf-8", "replace")
        return Key(PER[kind // len(SPANS) % len(PER)], SPANS[kind % len(SPANS)], self.words[base + _START], text)

    def is_at(self, path: Path) -> bool:
        """Tell whether the file at `path` is this one still."""
        try:
            return path.stat().st_ino == self.inode
        except OSError:
            return False

    def is_abandoned(self) -> bool:
        """Tell whether the owner is dead."""
        if self.own or self.dead:
            return self.dead
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return True

    def close(self) -> None:
        """Give the table up; of an owner, with its lock."""
        self.words.release()
        self._map.close()
        os.close(self._descriptor)

    def _name(self, number: int) -> str:
        at = _NAMES * WORD + number * _NAME_BYTES
        return self._map[at : at + _NAME_BYTES].rstrip(b"\0").decode("utf-8", "replace")

    def _shown(self, base: int) -> Shown:
        words = self.words
        return Shown(self.key_at(base), words[base], words[base + 1], words[base + 2], words[base + 3])


def opened(path: Path) -> Table | None:
    """Return another process's table; None where it is gone or none."""
    try:
        return Table(path, os.open(path, os.O_RDONLY | os.O_CLOEXEC), own=False)
    except (OSError, ValueError):
        return None


def created(folder: Path, started: float) -> Table:
    """Return a new table of this process, which has its name only once it is whole and held.

    Raises:
        OSError: it cannot be written.
    """
    name = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(started))}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
    descriptor, unnamed = _unnamed(folder / name, FIRST_CAPACITY)
    return _named(descriptor, unnamed, folder / name, FIRST_CAPACITY, started)


def renewed(table: Table, keep: set[bytes], segments: tuple[str, ...]) -> Table:
    """Return a table in the place of an own one, with the slots of these digests and room for as many again.

    Raises:
        OSError: it cannot be written; the old one stays.
    """
    capacity = FIRST_CAPACITY
    while capacity < 2 * len(keep) and capacity < MOST:
        capacity *= 2
    descriptor, unnamed = _unnamed(table.path, capacity)
    with mmap.mmap(descriptor, 0) as room, memoryview(room) as octets, octets.cast("q") as new:
        kept = [base for digest, base in table.index.items() if digest in keep][:capacity]
        for number, base in enumerate(kept):
            at = _HEADER + number * SLOT
            new[at : at + SLOT] = table.words[base : base + SLOT]
        new[COUNT] = len(kept)
    made = _named(descriptor, unnamed, table.path, capacity, table.words[STARTED] / 1e6)
    for segment in segments:
        made.wrote_to(segment)
    return made


def _unnamed(path: Path, capacity: int) -> tuple[int, Path]:
    unnamed = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    size = (_HEADER + capacity * SLOT) * WORD
    try:  # real bytes, no hole: memory over a hole of a full disk kills whoever writes to it
        while (left := size - os.lseek(descriptor, 0, os.SEEK_CUR)) > 0:
            os.write(descriptor, bytes(min(left, 2**20)))
    except OSError:
        _undone(descriptor, unnamed)
        raise
    return descriptor, unnamed


def _named(descriptor: int, unnamed: Path, path: Path, capacity: int, started: float) -> Table:
    try:
        with mmap.mmap(descriptor, 0) as room, memoryview(room) as octets, octets.cast("q") as words:
            words[CAPACITY], words[PID], words[STARTED] = capacity, os.getpid(), int(started * 1e6)
            words[MAGIC] = _MAGIC
        unnamed.rename(path)
    except OSError:
        _undone(descriptor, unnamed)
        raise
    table = Table(path, descriptor, own=True)
    table.slot(OVERFLOW, digest_of(OVERFLOW))
    return table


def _undone(descriptor: int, unnamed: Path) -> None:
    os.close(descriptor)
    with contextlib.suppress(OSError):
        unnamed.unlink()
