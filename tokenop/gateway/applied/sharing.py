"""Reading the files once for all processes of one port: each would take half a second of a core for the same answer."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tokenop import __version__, files
from tokenop.errors import InputError
from tokenop.gateway.applied.asking import Reader
from tokenop.gateway.applied.sources import Sources, told
from tokenop.gateway.applied.verdict import Verdict, packed, unpacked

_PATIENCE = 0.02
"""Seconds between two tries for the lock."""


def shared(folder: Path, group: str) -> Callable[[Path, Mapping[str, str]], Shared]:
    """Return what starts a reader for one of the processes called `group`, which meet in `folder`."""
    return lambda root, env: Shared(root, env, folder, group)


@dataclass
class Shared:
    """Reads what no other process of the group has read, and takes what one has."""

    root: Path
    env: Mapping[str, str]
    folder: Path
    group: str
    _ended: threading.Event = field(default_factory=threading.Event)
    _reader: Reader | None = None

    def read(self, where: Sources) -> Verdict:
        """Return what the files say; the first that asks reads them, the others wait for it.

        Raises:
            InputError: the folder in which they meet cannot be written.
        """
        kept = self.folder / f"{self.group}-{_key(where)}.verdict"
        with self._alone() as alone:
            if not alone:
                return Verdict("", (), reason="stopped before the files were read")
            with contextlib.suppress(OSError, ValueError):
                return unpacked(kept.read_bytes())
            self._reader = Reader(self.root, self.env)
            found = self._reader.read(where)
            if found.digest:
                self._keep(kept, packed(found))
            return found

    def stop(self) -> None:
        """End it: nothing is begun before `read`."""
        self.kill()

    def kill(self) -> None:
        """Have `read`, in another thread, return soon."""
        self._ended.set()
        reader = self._reader
        if reader is not None:
            reader.kill()

    def _keep(self, kept: Path, data: bytes) -> None:
        with contextlib.suppress(InputError, OSError):  # then the others read for themselves
            for old in self.folder.glob(f"{self.group}-*.verdict"):
                old.unlink(missing_ok=True)
            with files.atomic(kept) as temporary:
                temporary.write_bytes(data)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        """Hold the lock of the group; yield whether it came before the end."""
        import fcntl

        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self.folder / f"{self.group}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be written: {error.strerror or error}") from error
        try:
            while not self._ended.is_set():
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                self._ended.wait(_PATIENCE)
            yield not self._ended.is_set()
        finally:
            os.close(handle)


def cleared(folder: Path, group: str) -> None:
    """Take away what a group left in `folder`."""
    for path in (*folder.glob(f"{group}-*.verdict"), folder / f"{group}.lock"):
        with contextlib.suppress(OSError):
            path.unlink()


def _key(where: Sources) -> str:
    known = hashlib.sha256(f"{__version__} {datetime.now(UTC).date()}".encode())
    for path in (where.base, where.shipped, where.router, where.cache, where.own):
        try:
            said = hashlib.sha256(told(path)).hexdigest()
        except OSError as error:
            said = str(error.errno)
        known.update(f"{path}\0{said}\n".encode())
    return known.hexdigest()[:32]
