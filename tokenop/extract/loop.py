"""The loop over streams and slices, which runs in the child process."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tokenop.collect.manifest import Manifest
from tokenop.errors import MisuseError
from tokenop.extract import slices
from tokenop.extract.job import Job
from tokenop.extract.model import Extractor, Row, Session, Stream, StreamUnavailable, Window
from tokenop.extract.store import Store

Emit = Callable[[dict[str, Any]], None]
# A page on its way to the disk is shown at most once per so many rows.
_SHOWN_ROWS = 10_000


def reads(stream: Stream, settings: Mapping[str, str]) -> str:
    """Return what a stream reads, with settings filled in."""
    return re.sub(r"\{([a-z][a-z0-9_]*)\}", lambda match: settings.get(match[1], ""), stream.reads)


def chosen(manifest: Manifest, names: tuple[str, ...]) -> list[Stream]:
    """Return the streams to read, in the manifest's order; all of them where `names` is empty.

    Raises:
        MisuseError: a name is no stream.
    """
    assert manifest.extract is not None
    known = [stream.name for stream in manifest.extract.streams]
    for name in names:
        if name not in known:
            raise MisuseError(f"--stream {name}: {manifest.name} has no such stream; it has {', '.join(known)}")
    return [stream for stream in manifest.extract.streams if not names or stream.name in names]


def due(store: Store, stream: Stream, job: Job) -> list[Window]:
    """Return the slices of `stream` to fetch now."""
    now = job.when("now") or datetime.now(UTC)
    done = [] if job.again else store.done(stream, reads(stream, job.settings), now)
    since = job.when("since")
    if job.again and since is None:
        kept = store.done(stream, reads(stream, job.settings), now)
        since = kept[0].since if kept else None
    wanted = slices.due(stream, done, since, job.when("until"), now)
    if since is None:
        return wanted
    # Asked for by date: a slice that somebody removed since is fetched again.
    every = slices.cut(stream, since, min(job.when("until") or now, now))
    lost = {window for window in every if not store.path(stream, window).exists() and not stream.instead_of}
    return sorted({*wanted, *lost})


def extract(
    manifest: Manifest,
    source: Extractor,
    job: Job,
    open_session: Callable[[], Session],
    emit: Emit,
    login: str = "",
) -> None:
    """Fetch all due slices of one collector; `emit` is told of each step, `login` is what the session logs in with.

    Raises:
        TokenOpError: what the source, the store or a stream that is not optional raised.
    """
    store = Store(Path(job.out))
    with store.locked(), contextlib.ExitStack() as stack:
        opened: list[Session] = []

        def session() -> Session:
            if not opened:
                opened.append(open_session())
                stack.callback(opened[0].close)
                origin = getattr(opened[0], "origin", "") or job.origin
                store.belongs_to(origin)
                if origin in manifest.egress:  # a vendor's own host, where every account is
                    store.logged_in_with(login)
            return opened[0]

        run = _Run(manifest, source, job, store, session, emit)
        for stream in chosen(manifest, job.streams):
            run.stream(stream)
            while store.notes:
                emit({"event": "note", "text": store.notes.pop(0)})


class _Run:
    """One run over the streams of a collector."""

    def __init__(
        self,
        manifest: Manifest,
        source: Extractor,
        job: Job,
        store: Store,
        session: Callable[[], Session],
        emit: Emit,
    ) -> None:
        self._manifest = manifest
        self._source = source
        self._job = job
        self._store = store
        self._session = session
        self._emit = emit
        self._now = job.when("now") or datetime.now(UTC)
        assert manifest.extract is not None
        self._streams = {stream.name: stream for stream in manifest.extract.streams}
        self._read: set[str] = set()

    def stream(self, stream: Stream) -> None:
        """Fetch what is due of one stream."""
        probe = Window(self._now, self._now)
        if not self._source.requests(self._manifest, stream, probe, self._job.settings):
            self._emit({"event": "off", "stream": stream.name})
            return
        windows = due(self._store, stream, self._job)
        before = self._streams.get(stream.instead_of)
        self._emit({"event": "stream", "stream": stream.name, "slices": len(windows)})
        for window in windows:
            try:
                if before and self._store.filled(before, window):
                    self._store.drop(stream, window)
                    rows = None
                else:
                    rows = self._store.write(stream, window, self._pages(stream, window))
            except StreamUnavailable as error:
                if not stream.optional:
                    raise
                quiet = bool(before and before.name in self._read)
                self._emit({"event": "unavailable", "stream": stream.name, "reason": str(error), "quiet": quiet})
                return
            self._read.add(stream.name)
            final = slices.settled(stream, window, self._now)
            if final:
                self._store.settle(stream, reads(stream, self._job.settings), window)
            name = slices.name(stream, window)
            self._emit({"event": "slice", "stream": stream.name, "slice": name, "rows": rows, "settled": final})

    def _pages(self, stream: Stream, window: Window) -> Iterator[list[Row]]:
        rows, shown = 0, 0
        for page in self._session().pages(stream, window):
            rows += len(page)
            if rows - shown >= _SHOWN_ROWS:
                shown = rows
                self._emit({"event": "rows", "stream": stream.name, "rows": rows})
            yield page
