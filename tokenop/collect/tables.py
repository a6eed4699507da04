"""CSV files: a fast reading where nothing is wrong, an exact one line by line where something is."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tokenop.collect.quarantine import Rejected
from tokenop.database import identifier, quoted
from tokenop.errors import InputError, NoInputError

_DELIMITERS = (",", ";", "\t", "|")
_LONGEST = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
# An empty cell, and how Snowflake, MySQL and Postgres write NULL into files.
_NOTHING = "['', '\\N']"


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file that DuckDB can read without surprises.

    `relation` selects `_line` and the columns `names` (as text); `rejected` are the rows that it leaves out.
    """

    names: tuple[str, ...]
    relation: str
    rejected: list[Rejected] = field(default_factory=list)


def open_table(path: Path, shown: str, scratch: Path) -> Table:
    """Return the CSV (or TSV …) file at `path` with true line numbers; `scratch` is where a sound copy may be written.

    Raises:
        NoInputError: the file is empty.
        InputError: it has no usable header.
    """
    header, delimiter = _header(path, shown)
    if _is_plain(path, len(header), delimiter):
        return Table(header, _relation(path, header, delimiter, numbered=False))
    rejected = _copy(path, shown, header, delimiter, scratch)
    return Table(header, _relation(scratch, header, ",", numbered=True), rejected)


def _header(path: Path, shown: str) -> tuple[tuple[str, ...], str]:
    with path.open("rb") as file:
        first = file.readline(1 << 20).removeprefix(_BOM)
    if not first.strip():
        if path.stat().st_size < 4:
            raise NoInputError(f"{shown}: is empty")
        raise InputError(f"{shown}: its first line is blank; the first line must name the columns")
    try:
        text = first.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{shown}:1: the header is not UTF-8; save the file as UTF-8") from error
    if "\0" in text:
        raise InputError(f"{shown}:1: the header holds NUL bytes; save the file as UTF-8 text")
    text = text.rstrip("\r\n")
    if re.fullmatch(r'"?sep=.?"?', text):
        raise InputError(f"{shown}:1: the line {text} is for spreadsheets; remove it, the next one names the columns")
    if "\r" in text:
        raise InputError(f"{shown}:1: the lines end in carriage returns alone; save the file with Unix line ends")
    if text.count('"') % 2:
        raise InputError(f"{shown}:1: a quote in the header is never closed; name each column on the first line")
    outside = "".join(part for n, part in enumerate(text.split('"')) if n % 2 == 0)
    delimiter = max(_DELIMITERS, key=outside.count)
    names: list[str] = []
    for n, name in enumerate(next(csv.reader([text], delimiter=delimiter)), start=1):
        plain = name.strip() or f"column_{n}"
        names.append(plain if plain not in names else f"{plain}_{n}")
    return tuple(names), delimiter


def _is_plain(path: Path, width: int, delimiter: str) -> bool:
    """Tell whether each line is one row of `width` fields: then row numbers are line numbers."""
    import duckdb

    from tokenop import database

    lines, last = 0, b"\n"
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            if b"\0" in block:
                return False
            lines += block.count(b"\n")
            last = block[-1:]
    lines += last != b"\n"
    try:
        with database.connect() as connection:
            names = tuple(f"c{n}" for n in range(width))
            relation = _relation(path, names, delimiter, numbered=False)
            row = connection.execute(f"SELECT count(*) FROM ({relation})").fetchone()
    except (duckdb.Error, UnicodeDecodeError):  # a message that quotes the line may be cut within a letter
        return False
    return row is not None and int(row[0]) + 1 == lines


def _relation(path: Path, names: tuple[str, ...], delimiter: str, *, numbered: bool) -> str:
    """Return the SELECT of `_line` and the columns, all text, internal names replaced by the header's."""
    inner = [f"c{n}" for n in range(len(names))]
    declared = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in ([*inner, "_line"] if numbered else inner))
    chosen = ", ".join(f"{inner[n]} AS {identifier(name)}" for n, name in enumerate(names))
    line = "CAST(_line AS BIGINT)" if numbered else "row_number() OVER () + 1"
    return (
        f"SELECT {line} AS _line, {chosen} FROM read_csv({quoted(str(path))}, delim={quoted(delimiter)}, quote='\"', "
        f"escape='\"', header=true, auto_detect=false, columns={{{declared}}}, nullstr={_NOTHING}, strict_mode=true, "
        f"max_line_size={4 * _LONGEST})"
    )


def _copy(path: Path, shown: str, header: tuple[str, ...], delimiter: str, target: Path) -> list[Rejected]:
    """Write the sound rows with their line numbers to `target`; return the others."""
    rejected: list[Rejected] = []
    csv.field_size_limit(_LONGEST)
    with path.open("rb") as source, target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"c{n}" for n in range(len(header))), "_line"])
        feed = _Feed(source, shown, rejected)
        reader = csv.reader(feed, delimiter=delimiter, strict=True)
        started = False
        while True:
            feed.begin()
            try:
                row = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                rejected.append(Rejected(shown, feed.first, "CSV-SYNTAX", f"is not sound CSV: {error}"))
                reader = csv.reader(feed, delimiter=delimiter, strict=True)
                continue
            if not started:
                started = True
            elif row and len(row) != len(header):
                message = f"has {len(row)} fields where the header names {len(header)}"
                rejected.append(Rejected(shown, feed.first, "CSV-FIELDS", message))
            elif row:
                writer.writerow([*row, feed.first])
    return rejected


class _Feed:
    """Hands decoded lines to the csv reader, keeps what the current row was made of, rejects undecodable lines."""

    def __init__(self, source: Iterator[bytes], shown: str, rejected: list[Rejected]) -> None:
        self.source = source
        self.shown = shown
        self.rejected = rejected
        self.line = 0
        self.first = 0
        self.parts: list[str] = []
        self.length = 0

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def begin(self) -> None:
        self.first = 0
        self.parts = []
        self.length = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        for raw in self.source:
            self.line += 1
            raw = raw.removeprefix(_BOM) if self.line == 1 else raw
            problem = _unreadable(raw)
            if problem:
                text = raw.decode("utf-8", "replace")
                self.rejected.append(Rejected(self.shown, self.line, "LINE-BYTES", problem))
                continue
            text = raw.decode("utf-8")
            self.first = self.first or self.line
            self.parts.append(text)
            self.length += len(text)
            if self.length > _LONGEST:
                raise csv.Error("a row longer than 16 MB (is a quote never closed?)")
            return text
        raise StopIteration


def _unreadable(raw: bytes) -> str:
    if b"\0" in raw:
        return "holds NUL bytes"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"is not UTF-8 at byte {error.start + 1}"
    return ""
