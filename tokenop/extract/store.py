"""The folder of extracted slices: each written whole or not at all, with a note of what is settled.

A run may be killed at any moment. A slice is a file that is written aside, synced and renamed; what is settled is
noted after the slice is there. So after a kill a slice is absent, old or whole, and the next run fetches it again
unless it is noted. Fetching it again replaces the file: nothing is there twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tokenop.errors import InputError
from tokenop.extract import rows, slices
from tokenop.extract.model import Row, Stream, Window

# Names with a dot in front are none of `discover`'s business.
STATE = ".state.json"
LOCK = ".lock"
PARTIAL = ".partial"
_VERSION = 1


@dataclass(slots=True)
class Progress:
    """What is known of one stream: how it was read, and the intervals that are settled."""

    shape: Mapping[str, Any]
    done: list[Window] = field(default_factory=list)


def shape(stream: Stream, reads: str) -> dict[str, Any]:
    """Return what decides whether slices of two runs are of one kind. `reads` has its settings filled in."""
    return {"reads": reads, "time": stream.time, "slice": stream.slice, "columns": list(stream.columns)}


class Store:
    """The slices of one collector in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[str] = []
        self.origin = ""
        self.login = ""
        self._streams: dict[str, Progress] = {}
        self._load()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; leftovers of a killed run are removed.

        Raises:
            InputError: another run holds it, or it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be written: {error.strerror or error}") from error
        try:
            _flock(handle, self.folder)
            shutil.rmtree(self.folder / PARTIAL, ignore_errors=True)
            self._load()  # another run may have ended meanwhile
            yield
        finally:
            os.close(handle)

    def path(self, stream: Stream, window: Window) -> Path:
        """Return where a slice is, or will be."""
        return self.folder / stream.name / f"{slices.name(stream, window)}.jsonl"

    def filled(self, stream: Stream, window: Window) -> bool:
        """Tell whether a slice is there and has a row."""
        try:
            return self.path(stream, window).stat().st_size > 0
        except OSError:
            return False

    def done(self, stream: Stream, reads: str, now: datetime | None = None) -> list[Window]:
        """Return the settled intervals of a stream; none where it was read in another way, which is noted.

        Nor where one ends after `now`: a clock that was ahead settled days before their rows were there.

        Raises:
            InputError: its slices have another length than before, so that rows would be there twice.
        """
        known = self._streams.get(stream.name)
        if known is None or known.shape == shape(stream, reads):
            if known and now and known.done and known.done[-1].until > now:
                self.notes.append(f"{stream.name}: was read while the clock here was ahead; fetched again")
                known.done = []
            return known.done if known else []
        if known.shape.get("slice") != stream.slice:
            raise InputError(
                f"{self.folder / stream.name}: holds slices of another length ({known.shape.get('slice')}, now "
                f"{stream.slice}): move the folder away, then extract again"
            )
        self.notes.append(
            f"{stream.name}: was read in another way before; fetched again, older slices stay as they are"
        )
        known.done = []
        return []

    def write(self, stream: Stream, window: Window, pages: Iterable[list[Row]]) -> int:
        """Write one slice from `pages`, replacing what was there, and return its number of rows."""
        target = self.path(stream, window)
        with self._scratch() as scratch:
            sorter = rows.Sorter(scratch)
            for page in pages:
                for row in page:
                    sorter.add(rows.line(row, stream.columns))
            self._place(scratch, target, sorter.lines())
            return sorter.rows

    def drop(self, stream: Stream, window: Window) -> None:
        """Remove a slice, if it is there."""
        self.path(stream, window).unlink(missing_ok=True)

    def settle(self, stream: Stream, reads: str, window: Window) -> None:
        """Note that a slice is complete and will not be fetched again by itself."""
        known = self._streams.get(stream.name)
        if known is None or known.shape != shape(stream, reads):
            known = self._streams[stream.name] = Progress(shape(stream, reads))
        known.done = slices.merged([*known.done, window])
        self._save()

    def belongs_to(self, origin: str) -> None:
        """Note which host the slices come from; an empty one is not known.

        Raises:
            InputError: they come from another; two accounts in one folder would be one bill.
        """
        if origin and self.origin and self.origin != origin:
            raise InputError(
                f"{self.folder}: holds what was extracted from {self.origin}, and now it would be {origin}: "
                "give another folder with --out"
            )
        if origin and not self.origin:
            self.origin = origin
            self._save()

    def logged_in_with(self, login: str) -> None:
        """Note it where the slices were fetched with another login: on a shared host that can be another account.

        What is kept of a login is 32 bits of a salted, slow hash: enough to see a change, too little to find it.
        """
        if not login:
            return
        salt = self.login[:16] or os.urandom(8).hex()
        mark = salt + hashlib.pbkdf2_hmac("sha256", login.encode(), salt.encode(), 200_000).hex()[:8]
        if self.login and mark != self.login:
            self.notes.append(
                "the key is another one than before; where it is another account's, two bills are in one folder now: "
                "move the folder away and extract again, and give each account its own with --out"
            )
        if mark != self.login:
            self.login = mark
            self._save()

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[Path]:
        try:
            (self.folder / PARTIAL).mkdir(exist_ok=True, mode=0o700)
            scratch = Path(tempfile.mkdtemp(dir=self.folder / PARTIAL))
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be written: {error.strerror or error}") from error
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _place(self, scratch: Path, target: Path, lines: Iterable[bytes]) -> None:
        """Write `lines` aside, then put them in the place of `target`; the order is kept through a power cut."""
        whole = scratch / "whole"
        try:
            with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            target.parent.mkdir(mode=0o700, exist_ok=True)
            whole.replace(target)
            _sync_folder(target.parent)
        except OSError as error:
            raise InputError(f"{target}: cannot be written: {error.strerror or error}") from error

    def _load(self) -> None:
        path = self.folder / STATE
        self._streams, self.origin, self.login = {}, "", ""
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
        try:
            self._streams, self.origin, self.login = _parse(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            self.notes.append(f"{path}: is damaged and was not used; slices are fetched again")

    def _save(self) -> None:
        streams = {
            name: {
                "shape": dict(known.shape),
                "settled": [[_stamp(window.since), _stamp(window.until)] for window in known.done],
            }
            for name, known in sorted(self._streams.items())
        }
        state = {"schema_version": _VERSION, "origin": self.origin, "login": self.login, "streams": streams}
        with self._scratch() as scratch:
            self._place(scratch, self.folder / STATE, [json.dumps(state, indent=1).encode()])


def _parse(state: Any) -> tuple[dict[str, Progress], str, str]:
    if state["schema_version"] != _VERSION:
        raise ValueError("another version")
    streams = {
        str(name): Progress(
            dict(known["shape"]),
            slices.merged(Window(_when(since), _when(until)) for since, until in known["settled"]),
        )
        for name, known in state["streams"].items()
    }
    return streams, str(state["origin"]), str(state.get("login", ""))


def _stamp(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _when(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError("a time without a zone")
    return when.astimezone(UTC)


def _sync_folder(folder: Path) -> None:
    """Make a rename last. Systems where a folder cannot be opened keep it by themselves."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


def _flock(handle: int, folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: two runs at once are not told apart there
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise InputError(f"{folder}: another `tokenop extract` is writing there; wait for it, or give --out") from None
