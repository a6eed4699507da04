"""Rows as lines of JSON in a fixed order, whatever the order and the size of what arrives."""

from __future__ import annotations

import base64
import heapq
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from tokenop.errors import InputError
from tokenop.extract.model import ExtractError, Row

SPILL_BYTES = 16_000_000


def line(row: Row, columns: Sequence[str]) -> bytes:
    """Return `row` as one line: the columns in the declared order, those without a value left out.

    Raises:
        ExtractError: the row has a column that was not declared.
    """
    if undeclared := row.keys() - set(columns):
        raise ExtractError(f"an undeclared column arrived and was not written: {', '.join(sorted(undeclared))}")
    kept = {name: _plain(row[name]) for name in columns if row.get(name) is not None}
    return json.dumps(kept, separators=(",", ":"), default=_text).encode() + b"\n"


def _plain(value: object) -> object:
    # JSON has no NaN, and a number nobody knows is null.
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    return value


def _text(value: object) -> str:
    """Return as text what JSON has no form for; a time with a zone in UTC, one without as it is."""
    if isinstance(value, datetime):
        return value.isoformat() if value.tzinfo is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.6f}"
    return str(value)


class Sorter:
    """Collects lines and gives them sorted, with a bounded number of them in memory.

    A source returns equal rows in any order. Sorted, the same rows are the same bytes.
    """

    def __init__(self, scratch: Path, spill_bytes: int = SPILL_BYTES) -> None:
        self.rows = 0
        self._scratch = scratch
        self._limit = spill_bytes
        self._held: list[bytes] = []
        self._size = 0
        self._spilled: list[Path] = []

    def add(self, entry: bytes) -> None:
        """Take one line."""
        self.rows += 1
        self._held.append(entry)
        self._size += len(entry)
        if self._size >= self._limit:
            self._spill()

    def _spill(self) -> None:
        path = self._scratch / f"{len(self._spilled)}.run"
        try:
            with path.open("wb") as file:
                file.writelines(sorted(self._held))
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
        self._spilled.append(path)
        self._held, self._size = [], 0

    def lines(self) -> Iterator[bytes]:
        """Yield all lines in order, equal ones as often as they came.

        Raises:
            OSError: what was put aside cannot be read.
        """
        with ExitStack() as stack:
            files = [stack.enter_context(path.open("rb")) for path in self._spilled]
            yield from heapq.merge(sorted(self._held), *files)
