"""What the log knows of prompts before this process has seen any: how often each kind was read, and how often written.

Only the end of the log is read, and without DuckDB: a serving process must be ready within a second.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

MOST_BYTES = 2 * 1024 * 1024


class Known(NamedTuple):
    """One kind of calls (see `caching.kind_of`): of `sights` calls that used a cache, `again` read from it."""

    name: tuple[str | None, str | None, str | None, bool]
    sights: float
    again: float


class _Row(msgspec.Struct):
    tenant: str | None = None
    agent_id: str | None = None
    intent: str | None = None
    session_id: str | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


def known(folder: Path, most_bytes: int = MOST_BYTES) -> tuple[Known, ...]:
    """Return what the newest rows of the log in `folder` say. What cannot be read says nothing."""
    counted: dict[tuple[str | None, str | None, str | None, bool], list[float]] = {}
    for line in _lines(folder, most_bytes):
        try:
            row = _DECODER.decode(line)
        except msgspec.MsgspecError:
            continue
        read, written = row.cache_read_input_tokens or 0, row.cache_creation_input_tokens or 0
        if read or written:
            name = (_said(row.tenant), row.agent_id, _said(row.intent), row.session_id is not None)
            sums = counted.setdefault(name, [0.0, 0.0])
            sums[0] += 1
            sums[1] += read > 0
    return tuple(Known(name, sights, again) for name, (sights, again) in sorted(counted.items(), key=repr))


def _lines(folder: Path, most_bytes: int) -> Iterable[bytes]:
    left = most_bytes
    for path in sorted(folder.glob("*/*.jsonl"), reverse=True):
        if left <= 0:
            return
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(size - left, 0))
                whole = size <= left
                data = file.read(left)
        except OSError:
            continue
        left -= len(data)
        lines = data.split(b"\n")
        yield from lines if whole else lines[1:]  # the first one may be cut


def _said(text: str | None) -> str | None:
    return None if text == "unknown" else text


_DECODER = msgspec.json.Decoder(_Row)
