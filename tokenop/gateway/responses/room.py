"""The room of one process for kept answers: its index, the files that it shares, and who works at them meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tokenop.gateway.responses.counting import PREFIX, Counts
from tokenop.gateway.responses.learning import DAY, Sample
from tokenop.gateway.responses.near import Elsewhere
from tokenop.gateway.responses.policy import Limits, Policy
from tokenop.gateway.responses.segments import Segment, Segments
from tokenop.gateway.responses.store import Entry, Found, Index, Writer, found_in

if TYPE_CHECKING:
    from tokenop.gateway.responses.mind import Mind

ANSWERS, SHADOW = "answers", "shadow"
EVERY = 2.0
"""Seconds between two looks at what other processes kept."""
_AT_ONCE = 200
_COUNTS_EVERY = 5
_SHADOW_SIZE = 64 * 1024 * 1024


class Room:
    """What is kept, for one process. All is called from its event loop; disks and graphs are worked at elsewhere."""

    def __init__(
        self,
        folder: Path,
        limits: Limits,
        counts: Counts,
        tell: Callable[[str], object],
        wall: Callable[[], float] = time.time,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """Take where it is, how much goes in, what is counted, and who works; threads of its own by default."""
        self._io = self._builder = None
        if elsewhere is None:
            self._io = ThreadPoolExecutor(1, "tokenop-kept")
            self._builder = ThreadPoolExecutor(1, "tokenop-near")
        self.build: Elsewhere = elsewhere or _of(self._builder)
        self._work: Elsewhere = elsewhere or _of(self._io)
        self.index = Index(limits.entries, self.build)
        self.space: str | None = None
        self._folder = folder
        self._answers = Segments(folder, ANSWERS, limits.size)
        self._shadow = Segments(folder, SHADOW, _SHADOW_SIZE)
        self._writer = Writer(self._work, tell)
        self._counts = counts
        self._counts_file = folder / f"{PREFIX}{os.getpid()}-{time.time_ns()}.json"
        self._wall = wall
        self._policy = Policy()
        self._mind: Mind | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next = 0.0
        self._sync: Future[Any] | None = None
        self._turn = 0
        self._closed = False
        self._later: set[asyncio.Task[Any]] = set()

    def arrange(self, limits: Limits, policy: Policy, mind: Mind | None) -> None:
        """Go by another policy from now on. Where it measures otherwise, all is read anew."""
        space = None if mind is None else mind.embedder.space
        anew = mind is not self._mind
        self._policy, self._mind, self.space = policy, mind, space
        self.index.most = limits.entries
        self._next = 0.0
        if anew:
            self.index.clear()
            self._work(self._reread)

    def keep(self, entry: Entry, vector: bytes | None, raw: bytes) -> None:
        """Take an answer."""
        entry.raw = raw
        self.index.add(entry, vector)
        self._writer.write(self._answers, raw, entry)

    def sample(self, sample: Sample) -> None:
        """Take a comparison."""
        if self._mind is not None:
            self._mind.learners.add(sample)
        self._writer.write(self._shadow, msgspec.json.encode(sample) + b"\n")

    def look_after(self, clock: float) -> None:
        """Have it looked up now and then what other processes kept, deleted and learned."""
        if clock < self._next or (self._sync is not None and not self._sync.done()):
            return
        self._next = clock + EVERY
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()
        self._sync = self._work(self._looked)

    def later(self, do: Callable[[], Awaitable[None]]) -> None:
        """Have something done in the loop that nobody waits for."""
        with contextlib.suppress(RuntimeError):
            task = asyncio.get_running_loop().create_task(_awaited(do))
            self._later.add(task)
            task.add_done_callback(self._later.discard)

    def _reread(self) -> None:
        self._answers.reread()
        self._shadow.reread()

    def _looked(self) -> None:
        """Do what `look_after` says; not in the loop."""
        now, mind = self._wall(), self._mind
        space = None if mind is None else mind.embedder.space
        self._answers.trim(now, self._policy.ttl)
        self._shadow.trim(now, self._policy.window_days * DAY)
        dead = self._answers.gone()
        if dead:
            self._told(partial(self._forget, dead))
        for segment in self._shadow.gone():
            segment.close()
        for found in _batches(found_in(self._answers, space)):
            self._told(partial(self._take, found, space))
        if mind is not None:
            for samples in _batches(_samples(self._shadow)):
                self._told(partial(_learn, mind, samples))
        self._turn += 1
        if self._turn % _COUNTS_EVERY == 0:
            self._counted()

    def _counted(self) -> None:
        if self._counts != Counts():
            self._counts.written(self._counts_file)

    def _told(self, do: Callable[[], object]) -> None:
        """Do something in the loop, and wait for it: so it is never more than one thing at once."""
        loop = self._loop
        if self._io is None or loop is None:
            do()
            return
        done: Future[None] = Future()

        def run() -> None:
            try:
                do()
            finally:
                done.set_result(None)

        with contextlib.suppress(RuntimeError, TimeoutError):  # the loop has ended
            loop.call_soon_threadsafe(run)
            while not self._closed:
                with contextlib.suppress(TimeoutError):
                    done.result(0.1)
                    return

    def _take(self, found: Iterable[Found], space: str | None) -> None:
        if self._mind is not None and space != self.space:
            return  # another policy came meanwhile: all is read anew
        for entry, vector in found:
            self.index.add(entry, vector)

    def _forget(self, segments: list[Segment]) -> None:
        self.index.forget(segments)
        for segment in segments:
            segment.close()

    def close(self) -> None:
        """Write what waits, and close everything."""
        self._closed = True
        self.index.stop()
        for pool in (self._io, self._builder):
            if pool is not None:
                pool.shutdown(wait=True)
        self._writer.run()
        self._counted()
        self._answers.close()
        self._shadow.close()


def _of(pool: ThreadPoolExecutor | None) -> Elsewhere:
    assert pool is not None
    return pool.submit


def _samples(segments: Segments) -> Iterator[Sample]:
    for _, _, raw in segments.fresh():
        with contextlib.suppress(msgspec.DecodeError, UnicodeError):
            yield msgspec.json.decode(raw, type=Sample)


def _learn(mind: Mind, samples: Iterable[Sample]) -> None:
    for sample in samples:
        mind.learners.add(sample)


def _batches(of: Iterator[Any]) -> Iterator[list[Any]]:
    while batch := list(islice(of, _AT_ONCE)):
        yield batch


async def _awaited(do: Callable[[], Awaitable[None]]) -> None:
    await do()
