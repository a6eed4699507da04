"""Asking the rules in several processes, where there are so many files that it pays."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tokenop.catalogue.draft import Draft, Objection
from tokenop.catalogue.linting.run import Asked, each_file
from tokenop.catalogue.rules import RULES
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.documents import Document
from tokenop.errors import Finding

LEAST = 200
"""Files from which starting a process takes less time than it saves."""

_TOGETHER = 50

# What a worker sends back of a template: all that its text does not say by itself.
_Parsed = tuple[dict[str, Any], tuple[int, int], int, int, str, frozenset[str], tuple[Objection, ...]]
_Answer = tuple[list[Finding], list[_Parsed | tuple[Finding, ...]]]


def gather(sources: Sequence[Source], around: Surroundings, asking: Asked, least: int = LEAST) -> list[Finding]:
    """Return what the rules on single files say of `sources`, which are parsed afterwards.

    The findings are the same whatever the number of processes, up to their order.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if len(sources) < least or cores < 2 or around.replay or not _known(asking):
        return list(each_file(sources, around, asking))
    return _shared(sources, around, asking, min(cores, 8))


def _shared(sources: Sequence[Source], around: Surroundings, asking: Asked, processes: int) -> list[Finding]:
    found: list[Finding] = []
    with ProcessPoolExecutor(
        processes - 1, _context(), _begin, (sources, replace(around, rules={}), [rule.id for rule in asking.rules])
    ) as pool:
        starts = range(0, len(sources), _TOGETHER)
        waiting: list[tuple[int, Future[_Answer]]] = [(start, pool.submit(_work, start)) for start in starts]
        for start, answer in reversed(waiting):
            # This process does what no other has begun, from the end.
            if answer.cancel():
                found += each_file(sources[start : start + _TOGETHER], around, asking)
        for start, answer in waiting:
            if not answer.cancelled():
                told, parsed = answer.result()
                found += told
                for source, one in zip(sources[start : start + _TOGETHER], parsed, strict=True):
                    source.known(*_unpacked(source, one))
    return found


def _context() -> multiprocessing.context.BaseContext:
    """Return how to start processes: as copies of this one where nothing can be copied half-way."""
    alone = threading.active_count() == 1 and "duckdb" not in sys.modules and sys.platform == "linux"
    return multiprocessing.get_context("fork" if alone else "spawn")


_given: list[tuple[Sequence[Source], Surroundings, Asked]] = []


def _begin(sources: Sequence[Source], around: Surroundings, rules: Sequence[str]) -> None:
    gc.disable()
    _given[:] = [(sources, replace(around, rules=RULES), Asked(tuple(RULES[name] for name in rules)))]


def _work(start: int) -> _Answer:
    sources, around, asking = _given[0]
    # Read anew from their bytes, so that what was parsed goes when it is sent, and its memory is used again.
    some = [replace(source) for source in sources[start : start + _TOGETHER]]
    return list(each_file(some, around, asking)), [_packed(source) for source in some]


def _packed(source: Source) -> _Parsed | tuple[Finding, ...]:
    draft = source.draft
    if draft is None:
        return source.refused
    document = draft.document
    return (
        document.meta, document.front, len(document.body), document.body_line, document.sha256, draft.broken,
        draft.objections,
    )  # fmt: skip


def _unpacked(source: Source, packed: Any) -> tuple[Draft | None, tuple[Finding, ...]]:
    if not packed or isinstance(packed[0], Finding):
        return None, packed
    meta, front, length, line, sha256, broken, objections = packed
    text = source.text.rstrip()
    document = Document(source.path, meta, text[len(text) - length :], line, sha256, source.text, front)
    return Draft(document, broken, objections), ()


def _known(asking: Asked) -> bool:
    return all(RULES.get(rule.id) is rule for rule in asking.rules)


@contextmanager
def no_collection() -> Iterator[None]:
    """Hold off the search for circles of garbage: thousands of parsed files are none, and looking takes a tenth.

    It pays most around all that is done with the files, up to where they are let go.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
