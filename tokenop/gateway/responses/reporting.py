"""What is kept on disk, what came of it, and what was learned: for `tokenop cache responses`."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tokenop.gateway.responses import kept
from tokenop.gateway.responses.asking import chosen
from tokenop.gateway.responses.counting import Counts, total
from tokenop.gateway.responses.learning import Learned, Sample
from tokenop.gateway.responses.mind import learners_of
from tokenop.gateway.responses.policy import Policy
from tokenop.gateway.responses.room import ANSWERS, SHADOW
from tokenop.gateway.responses.segments import Segments


@dataclass(frozen=True, slots=True)
class Report:
    """`entries` and `learned` are by tenant, None where calls say none. `size` is in bytes, `oldest` in seconds."""

    entries: dict[str | None, int]
    size: int
    oldest: float | None
    counts: Counts
    floor: float | None
    learned: dict[str | None, Learned]


def report(folder: Path, policy: Policy, now: float, tenant: str | None = None) -> Report:
    """Return what is in `folder`, as `policy` sees it; of one tenant alone where it is named."""
    ages: dict[str, float] = {}
    owners: dict[str, str | None] = {}
    for head in _heads(folder):
        if head.at >= now - policy.ttl and tenant in (None, head.tenant):
            ages[head.key], owners[head.key] = head.at, head.tenant
    entries: dict[str | None, int] = {}
    for owner in owners.values():
        entries[owner] = entries.get(owner, 0) + 1
    floor, learned = None, {}
    if policy.semantic:
        embedder = chosen(policy.embedder, {})
        floor = embedder.floor if policy.floor is None else policy.floor
        learners = learners_of(policy, embedder.space, floor)
        for sample in _samples(folder):
            if tenant in (None, sample.tenant):
                learners.add(sample)
        learned = learners.learned(now)
    size = sum(path.stat().st_size for path in folder.glob(f"{ANSWERS}-*.jsonl"))
    return Report(entries, size, min(ages.values(), default=None), total(folder), floor, learned)


def clear(folder: Path, tenant: str | None = None) -> int:
    """Delete all answers, or those of one tenant, and return how many. Gateways that run forget them at once.

    What comparisons taught stays: it holds neither questions nor answers.
    """
    count = 0
    for path in sorted(folder.glob(f"{ANSWERS}-*.jsonl")):
        with contextlib.suppress(FileNotFoundError):
            about, lines = path.stat(), path.read_bytes().splitlines(keepends=True)
            left = [] if tenant is None else [line for line in lines if _owner(line) != tenant]
            if tenant is not None and len(left) == len(lines):
                continue
            count += len(lines) - len(left)
            if left:
                _put(folder, left, about.st_mtime_ns)
            path.unlink()
    return count


def _put(folder: Path, lines: list[bytes], written: int) -> None:
    """Write lines to a new file, which gateways read as that of one more process; it is as old as they are."""
    waiting = folder / f".{ANSWERS}-{os.getpid()}"
    fd = os.open(waiting, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(b"".join(lines))
    os.utime(waiting, ns=(written, written))
    waiting.replace(folder / f"{ANSWERS}-{os.getpid()}-{time.time_ns()}.jsonl")


def _owner(line: bytes) -> str | None:
    head = kept.head(line)
    return None if head is None else head.tenant


def _heads(folder: Path) -> Iterator[kept.Head]:
    for raw in _raw(folder, ANSWERS):
        head = kept.head(raw)
        if head is not None:
            yield head


def _samples(folder: Path) -> Iterator[Sample]:
    for raw in _raw(folder, SHADOW):
        with contextlib.suppress(msgspec.DecodeError, UnicodeError):
            yield msgspec.json.decode(raw, type=Sample)


def _raw(folder: Path, prefix: str) -> Iterator[bytes]:
    segments = Segments(folder, prefix, 0)
    try:
        for _, _, raw in segments.fresh():
            yield raw
    finally:
        segments.close()
