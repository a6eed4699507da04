"""Number the rows of a CSV log, as `exact` does the lines of a JSON one."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tokenop.errors import InputError
from tokenop.events import lines, schema
from tokenop.events.exact import LINE, Numbered


def header(path: Path) -> list[str]:
    """Return the cells of the first row of the CSV file `path`; an empty list where there is none.

    Raises:
        InputError: the first row is not CSV.
    """
    for block in lines.blocks(path):
        text = block.data.decode("utf-8", "replace").lstrip()
        if not text:
            continue
        try:
            return next(csv.reader(io.StringIO(text, newline="")), [])
        except csv.Error as error:
            raise InputError(f"{path}:1: not CSV: {error}") from error
    return []


def number_csv(path: Path, copy: Path, names: list[str]) -> Numbered:
    """Write the rows of the CSV file `path`, whose header is `names`, as numbered JSON lines of strings to `copy`."""
    result = Numbered()
    with copy.open("wb") as out:
        for number, cells in _rows(path, result):
            if len(cells) != len(names):
                why = lines.Fault("EV-CSV", f"the row has {len(cells)} cells, the header {len(names)}")
                result.refuse(number, why, ",".join(cells).encode())
                continue
            result.rows += 1
            row = {name: cell for name, cell in zip(names, cells, strict=True) if name in schema.types()}
            out.write(msgspec.json.encode({LINE: number, **row}) + b"\n")
    return result


def _rows(path: Path, result: Numbered) -> Iterator[tuple[int, list[str]]]:
    """Yield (line on which it starts, cells) of each row after the header; rows that cannot be read are refused."""
    source = _TextLines(path)
    reader = csv.reader(source, strict=True)
    header_seen = False
    while True:
        started = source.line + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            result.refuse(started, lines.Fault("EV-CSV", f"not CSV: {error}"), b"")
            continue
        if why := source.take_fault():
            result.refuse(started, why, ",".join(cells).encode())
        elif cells and header_seen:
            yield started, cells
        header_seen = header_seen or bool(cells)


class _TextLines:
    """The text lines of a file for `csv.reader`. `line` is the number of the last one given."""

    def __init__(self, path: Path) -> None:
        self.line = 0
        self._fault: lines.Fault | None = None
        self._lines = self._read(path)

    def __iter__(self) -> _TextLines:
        return self

    def __next__(self) -> str:
        return next(self._lines)

    def take_fault(self) -> lines.Fault | None:
        """Return what was wrong with the lines given since the last call."""
        fault, self._fault = self._fault, None
        return fault

    def _read(self, path: Path) -> Iterator[str]:
        for block in lines.blocks(path):
            # BytesIO splits at \n only, as the numbers of the lines do.
            for self.line, row in enumerate(io.BytesIO(block.data), block.first):
                yield self._decoded(row, block.too_long)

    def _decoded(self, row: bytes, too_long: bool) -> str:
        if too_long:
            self._fault = lines.TOO_LONG
        elif b"\0" in row:
            self._fault = lines.Fault("EV-NUL", "the line holds NUL bytes")
        try:
            return row.replace(b"\0", b"").decode()
        except UnicodeDecodeError as error:
            self._fault = lines.Fault("EV-UTF8", f"invalid UTF-8 at byte {error.start + 1}")
            return row.decode("utf-8", "replace")
