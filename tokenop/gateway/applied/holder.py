"""What is in force in a running gateway, swapped when its files change."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from tokenop import __version__
from tokenop import settings as places
from tokenop.errors import FindingsError, InputError
from tokenop.gateway.applied.asking import Reader, ask
from tokenop.gateway.applied.presence import FOLDER, Presence
from tokenop.gateway.applied.sharing import cleared, shared
from tokenop.gateway.applied.sources import Sources, Stamp, sources
from tokenop.gateway.applied.verdict import Verdict, awake
from tokenop.gateway.model import Serving, Settings
from tokenop.routing.predicates import compiled

EVERY = 0.05
"""Seconds between two looks at the files."""

PATIENCE = 3.0
"""Seconds that reading may take before a further edit ends it."""

REMINDED = 60.0
"""Seconds after which the same trouble is told again."""

Changed = Callable[[Serving, Serving], None]
Tell = Callable[[str], None]


class Reads(Protocol):
    """Reads files once."""

    def read(self, where: Sources) -> Verdict:
        """Return what the files say."""
        ...

    def stop(self) -> None:
        """End it, asked or not."""
        ...

    def kill(self) -> None:
        """Have `read`, in another thread, return soon."""
        ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change that was not taken: since when, and why, a line each."""

    since: datetime
    digest: str
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON-ready fields."""
        return {"since": self.since.isoformat(), "digest": self.digest, "reasons": list(self.reasons)}


def load(settings: Settings) -> Serving:
    """Return what the files in force say.

    Raises:
        FindingsError: anything wrong in any of them, all findings at once.
        InputError: one cannot be read.
    """
    return serving(checked(ask(sources(settings))), datetime.now(UTC))


def checked(verdict: Verdict) -> Verdict:
    """Return `verdict` where its files can be served.

    Raises:
        FindingsError: anything wrong in any of them, all findings at once.
        InputError: one cannot be read.
    """
    if verdict.errors:
        raise FindingsError(verdict.errors)
    if verdict.config is None:
        raise InputError(verdict.reason)
    return verdict


def serving(verdict: Verdict, now: datetime) -> Serving:
    """Return what `verdict` means for calls."""
    return Serving(
        config=awake(verdict),
        digest=verdict.digest,
        loaded=now,
        files=tuple(Path(file.path) for file in verdict.files),
        own=verdict.own,
        skips=tuple(compiled(tree) for tree in verdict.skips),
    )


class Holder:
    """Holds what is in force. Use it as a context, or `start` and `stop` it.

    One thread looks at the files twenty times a second, another at further ones such as the keys, which must not wait.
    A file that changed is read when it has stood still from one look to the next, by a process of its own; what is
    found good takes the place of the old in one step, what is not is told once, and the old goes on. Calls keep what
    they began with.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        tell: Tell | None = None,
        every: float = EVERY,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        reader: Callable[[Path, Mapping[str, str]], Reads] | None = None,
    ) -> None:
        """Begin to read the files: the answer is awaited by `start`.

        Args:
            settings: how the gateway is started.
            tell: gets what a person should know, a line at a time; stderr by default.
            every: seconds between two looks.
            wall: the time of day.
            reader: starts what reads the files once; by default a process, one for all workers of an address.

        Raises:
            InputError: the project is no folder.
        """
        self._settings = settings
        self._tell = tell or _to_stderr
        self._every = every
        self._wall = wall
        self._callbacks: list[Changed] = []
        self._also: list[tuple[Path, Callable[[], None], list[object]]] = []
        self._ended = threading.Event()
        self._threads: tuple[threading.Thread, ...] = ()
        self._presence: Presence | None = None
        self._started = wall()
        self._refusal: Refusal | None = None
        self._current: Serving | None = None
        self._seen: Stamp | None = sources(settings).stamp()
        self._moving = False
        self._group = f"workers-{os.getppid()}" if settings.workers > 1 else None
        self._new_reader = reader or (shared(settings.state / FOLDER, self._group) if self._group else Reader)
        self._reader: Reads | None = self._new_reader(settings.root, settings.env)
        self._reading: Reads | None = None
        self._since = 0.0

    def __enter__(self) -> Holder:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def current(self) -> Serving:
        """Return what is in force now."""
        assert self._current is not None, "the holder was not started"
        return self._current

    @property
    def refusal(self) -> Refusal | None:
        """Return the change that was not taken, None where what is served is what the files say."""
        return self._refusal

    def start(self) -> Holder:
        """Read the files and begin to look after them.

        Raises:
            FindingsError: anything wrong in any of them, all findings at once.
            InputError: one cannot be read, or the state folder cannot be written.
        """
        reader, self._reader = self._reader, None
        assert reader is not None, "a holder starts once"
        verdict = checked(self._read(reader, sources(self._settings)))
        self._verdict = verdict
        self._current = serving(verdict, self._wall())
        self._warn(verdict)
        self._presence = Presence(self._settings.state)
        self._presence.tell(self.as_dict())
        looks = (self.look, self._look_elsewhere)
        self._threads = tuple(threading.Thread(target=self._look, args=(one,), daemon=True) for one in looks)
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """Stop looking, and say no more that this process runs."""
        self._ended.set()
        reading = self._reading
        if reading is not None:
            reading.kill()
        for thread in self._threads:
            thread.join()
        if self._reader is not None:
            self._reader.stop()
            self._reader = None
        if self._presence is not None:
            self._presence.leave()
            self._presence = None
        if self._group is not None:
            cleared(self._settings.state / FOLDER, self._group)

    def on_change(self, callback: Changed) -> None:
        """Have `callback` told of each swap, the old and the new: in the thread that looks, after the swap."""
        self._callbacks.append(callback)

    def also(self, path: Path, changed: Callable[[], None]) -> None:
        """Have `changed` called, in a thread of its own, once soon and after each change of a further file."""
        self._also.append((path, changed, [self]))

    def as_dict(self) -> dict[str, Any]:
        """Return what this process serves, as JSON-ready fields."""
        settings, current = self._settings, self.current
        return {
            "schema_version": 1,
            "pid": os.getpid(),
            "worker": settings.worker,
            "version": __version__,
            "started": self._started.isoformat(),
            "address": f"{settings.host}:{settings.port}",
            "root": str(settings.root.absolute()),
            "digest": current.digest,
            "loaded": current.loaded.isoformat(),
            "mode": current.config.mode,
            "config": {"id": current.config.meta.id, "version": current.config.meta.version},
            "content": content(),
            "files": [{"role": file.role, "path": file.path, "sha256": file.sha256} for file in self._verdict.files],
            "refused": None if self._refusal is None else self._refusal.as_dict(),
        }

    def _look(self, look: Callable[[], None]) -> None:
        told, again = "", 0.0
        while not self._ended.wait(self._every):
            try:
                look()
            except Exception as error:  # a thread that ends would leave edits unseen for ever
                failed = f"looking after the files failed, and goes on: {type(error).__name__}: {error}"
                if failed != told or time.monotonic() > again:  # twenty times a second says no more than once
                    told, again = failed, time.monotonic() + REMINDED
                    self._tell(failed)

    def look(self) -> None:
        """Look once: take what changed before and stands still now."""
        where = sources(self._settings)
        stamp = where.stamp()
        if stamp != self._seen:
            # It makes itself ready while the file is still being written.
            self._reader = self._reader or self._new_reader(self._settings.root, self._settings.env)
            self._seen, self._moving = stamp, True
        elif self._moving:
            self._moving = False
            reader, self._reader = self._reader, None
            assert reader is not None
            try:
                verdict = self._read(reader, where)
            except Exception:
                self._seen, self._moving = None, True  # what was not read is still to be read
                raise
            if verdict.refused and where.stamp() != stamp:
                self._seen, self._moving = None, True  # it was still being written: the next look begins anew
            else:
                self._judge(verdict)

    def _read(self, reader: Reads, where: Sources) -> Verdict:
        self._since = time.monotonic()
        self._reading = reader
        try:
            return reader.read(where)
        finally:
            self._reading = None

    def _hurry(self) -> None:
        """Give up reading what takes long where it was edited meanwhile: the mended file is not to wait for it."""
        reading = self._reading
        late = reading is not None and time.monotonic() - self._since > PATIENCE
        if reading is not None and late and sources(self._settings).stamp() != self._seen:
            reading.kill()

    def _judge(self, verdict: Verdict) -> None:
        if self._ended.is_set():
            return  # what was asked may have been killed
        if verdict.refused:
            if self._refusal is None or (self._refusal.digest, self._refusal.reasons) != (
                verdict.digest,
                verdict.refused,
            ):
                self._refuse(verdict)
        elif verdict.digest != self.current.digest:
            self._swap(verdict)
        elif self._refusal is not None:
            self._refusal = None
            self._tell("the change that was refused is gone: the files say again what is served")
            self._announce()

    def _refuse(self, verdict: Verdict) -> None:
        self._refusal = Refusal(self._wall(), verdict.digest, verdict.refused)
        self._tell("a change of the files is refused, and what was in force before stays so:")
        for reason in verdict.refused:
            self._tell(f"  {reason}")
        self._announce()

    def _swap(self, verdict: Verdict) -> None:
        before, new = self.current, serving(verdict, self._wall())
        self._verdict, self._refusal = verdict, None
        self._current = new  # one store: a call sees the old or the new
        self._warn(verdict)
        names = ", ".join(file.role for file in verdict.files)
        self._tell(f"taken up: {names} ({new.digest[:12]}, before {before.digest[:12]})")
        for callback in self._callbacks:
            try:
                callback(before, new)
            except Exception as error:  # the other parts must hear of it all the same
                self._tell(f"a part did not take the change up: {type(error).__name__}: {error}")
        self._announce()

    def _announce(self) -> None:
        if self._presence is not None:
            try:
                self._presence.tell(self.as_dict())
            except InputError as error:
                self._tell(str(error))

    def _warn(self, verdict: Verdict) -> None:
        for line in verdict.told:
            self._tell(line)

    def _look_elsewhere(self) -> None:
        self._hurry()
        for path, changed, last in self._also:
            mark = _mark(path)
            if mark != last[0]:
                last[0] = mark
                changed()


def _mark(path: Path) -> object:
    with contextlib.suppress(OSError):
        found = path.stat()
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    return None


def content() -> Mapping[str, str | None]:
    """Return where the shipped config comes from."""
    if places.checkout() is not None:
        return {"kind": "checkout", "version": None}
    folder = places.synced_folder()
    return {"kind": "shipped", "version": __version__} if folder is None else {"kind": "synced", "version": folder.name}


def _to_stderr(line: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"tokenop: {line}\n")
        sys.stderr.flush()
