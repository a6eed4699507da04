"""Repair at start: what a process that was killed left torn is cut off, so that a dead segment ends in a sound line."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tokenop.files import atomic
from tokenop.gateway.log import segments

_BLOCK = 1 << 16
# More than any row; a piece without line ends that is longer is nothing but damage.
_LONGEST = 16 * 2**20
_ROW = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was done to a segment: `cut` bytes now stand in the file `torn`; `completed` lacked its line feed alone."""

    segment: Path
    cut: int
    torn: Path | None
    completed: bool = False

    def __str__(self) -> str:
        """Return it as a sentence for the operator."""
        if self.torn is None:
            return f"{self.segment.name}: the last row lacked its line feed; it is whole"
        return f"{self.segment.name}: {self.cut:,} torn bytes at its end are now in {self.torn.name}"


def repair(folder: Path) -> list[Repaired]:
    """Mend the end of each dead segment of the log in `folder`; return what was mended.

    A live segment is left alone. May be killed anywhere, and be run again.

    Raises:
        InputError, OSError: a file cannot be written.
    """
    done = []
    for _, path in segments.contents(folder).segments:
        with segments.owned(path) as descriptor:
            found = _mended(path, descriptor) if descriptor is not None else None
        if found is not None:
            done.append(found)
    return done


def _mended(path: Path, descriptor: int) -> Repaired | None:
    size = os.fstat(descriptor).st_size
    start = _line_start(descriptor, size)
    if size == 0 or (_is_sound(last := _read(descriptor, start, size)) and last.endswith(b"\n")):
        return None
    if _is_sound(last):
        os.pwrite(descriptor, b"\n", size)
        os.fsync(descriptor)
        return Repaired(path, 0, None, completed=True)
    good = start
    while good and not _is_sound(_read(descriptor, start := _line_start(descriptor, good), good)):
        good = start
    torn = path.with_name(path.name + segments.TORN)
    with atomic(torn) as temporary, temporary.open("wb") as copy:
        for offset in range(good, size, _BLOCK):
            copy.write(os.pread(descriptor, min(_BLOCK, size - offset), offset))
    segments.sync_folder(path.parent)  # what is cut off must be there for good before it is cut off
    os.ftruncate(descriptor, good)
    os.fsync(descriptor)
    return Repaired(path, size - good, torn)


def _line_start(descriptor: int, end: int) -> int:
    """Return where the line begins that ends at `end`; its own line feed, if it has one, belongs to it."""
    upto = max(end - 1, 0)
    while upto:
        start = max(upto - _BLOCK, 0)
        newline = os.pread(descriptor, upto - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        upto = start
    return 0


def _read(descriptor: int, start: int, end: int) -> bytes:
    return os.pread(descriptor, end - start, start) if end - start <= _LONGEST else b""


def _is_sound(line: bytes) -> bool:
    try:
        return {"id", "ts"} <= _ROW.decode(line).keys()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
