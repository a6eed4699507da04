"""Where the log lies on disk, and who may touch what.

    log/2026-11-22/20261122T090000.123456Z-4711-9f3a2c.jsonl   a segment: one process, one day (UTC)
    log/2026-11-22/….jsonl.torn                                what a repair cut off
    log/2026-11-21.parquet                                     a day that was compacted
    log/2026-11-21-2.parquet                                   segments that came to that day later
    log/2026-11-21.compacting                                  names of the segments that this Parquet file holds
    log/2026-11-21.rejected                                    rows that are no events

A segment belongs to whoever holds its exclusive lock, from before it has its name until its owner closes it or dies; a
segment that nobody holds is dead and never grows again. A segment that a `.compacting` names is no longer part of the
log once the Parquet file of the same name is there.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

SUFFIX, TORN, LISTED, REJECTED, PARQUET = ".jsonl", ".torn", ".compacting", ".rejected", ".parquet"
LOCK = ".lock"
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_BATCH = re.compile(r"(\d{4}-\d\d-\d\d)(?:-(\d+))?\Z", re.ASCII)
_TRIES = 100


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as it was found. `live`: somebody may still write to it."""

    path: Path
    day: date
    live: bool


@dataclass(frozen=True, slots=True)
class Contents:
    """What a log consists of at one moment, by day and name: files that hold each row of it once."""

    parquets: tuple[tuple[date, Path], ...]
    segments: tuple[tuple[date, Path], ...]


def contents(folder: Path, first: date | None = None, last: date | None = None) -> Contents:
    """Return the files of the days from `first` to `last`, both included. Hold `shared` where they must not change."""
    parquets, segments = [], []
    covered: set[tuple[date, str]] = set()
    names = {entry.name for entry in _entries(folder)}
    for name in sorted(names):
        batch, dot, suffix = name.partition(".")
        found = _BATCH.match(batch)
        day = _date(found[1]) if found else None
        if day is None or (first is not None and day < first) or (last is not None and day > last):
            continue
        if dot + suffix == PARQUET:
            parquets.append((day, folder / name))
            if batch + LISTED in names:
                covered.update((day, listed) for listed in listing(folder / (batch + LISTED)))
        elif not dot and _DAY.match(name):
            segments += [(day, entry) for entry in _segment_files(folder / name)]
    return Contents(tuple(parquets), tuple((day, path) for day, path in segments if (day, path.name) not in covered))


def listing(path: Path) -> list[str]:
    """Return the names that a `.compacting` file holds; none where it is gone."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[str])
    except FileNotFoundError:
        return []


def free_batch(folder: Path, day: date) -> str:
    """Return the first name for a Parquet file of `day` that nothing has yet."""
    names, number = {entry.name.partition(".")[0] for entry in _entries(folder) if "." in entry.name}, 1
    while (name := f"{day}-{number}" if number > 1 else f"{day}") in names:
        number += 1
    return name


def create(folder: Path, day: date, started: datetime) -> tuple[int, Path]:
    """Return the descriptor and the path of a new segment, which this process owns until it closes the descriptor.

    Raises:
        OSError: there is no room, no right, no descriptor left.
    """
    parent = folder / day.isoformat()
    stamp = started.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    for _ in range(_TRIES):
        path = parent / f"{stamp}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        unnamed = path.with_name(f".{path.name}")
        # Rows name people: they are for whoever runs the gateway, as keys and counts are.
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        parent.mkdir(exist_ok=True, mode=0o700)
        descriptor = -1
        try:
            descriptor = os.open(unnamed, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            unnamed.rename(path)
        except FileNotFoundError:  # the folder of an old day was tidied up in between
            _close(descriptor)
            continue
        except OSError:
            _close(descriptor)
            with contextlib.suppress(OSError):
                unnamed.unlink()
            raise
        for part in (parent, folder):
            sync_folder(part)
        return descriptor, path
    raise OSError(errno.ENOENT, "the folder is removed again and again", str(parent))


def is_live(path: Path) -> bool:
    """Tell whether the owner of a segment lives. A segment that is gone is dead."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def owned(path: Path) -> Iterator[int | None]:
    """Hold a dead segment for reading and writing; yield its descriptor, None where it is live or gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def shared(folder: Path) -> Iterator[None]:
    """Keep segments from becoming Parquet while their rows are read. A log that cannot be locked is read as it is."""
    with _locked(folder, fcntl.LOCK_SH):
        yield


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Wait until nobody reads, and let nobody read, while a Parquet file takes the place of segments."""
    with _locked(folder, fcntl.LOCK_EX):
        yield


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Yield whether this process is the only one that compacts; it is until the end of the block."""
    with owned(_made(folder / f"{LISTED}{LOCK}")) as descriptor:
        yield descriptor is not None


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    try:
        descriptor = os.open(_made(folder / LOCK), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def _made(path: Path) -> Path:
    if path.parent.is_dir() and not path.exists():
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666))
    return path


def _segment_files(folder: Path) -> list[Path]:
    return sorted(
        folder / entry.name
        for entry in _entries(folder)
        if entry.name.endswith(SUFFIX) and not entry.name.startswith(".") and entry.is_file()
    )


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)
