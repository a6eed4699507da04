"""Comparing any two projections: totals, and who moved, with the place of every bad cell."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

from tokenop.errors import Finding, FindingsError, InputError, NoInputError
from tokenop.reports.relations import KEYS, MEASURES
from tokenop.reports.tables import plain

LIMIT = 100
# `Decimal` alone would also take NaN, Infinity, 1_000 and exponents that fill the memory.
_NUMBER = re.compile(r"[+-]?[0-9]{1,24}(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,2})?")
Amounts = tuple[Decimal | None, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """One group before and after, a figure per measure; None where a file does not know it."""

    key: tuple[str, ...]
    before: Amounts
    after: Amounts

    @property
    def delta_usd(self) -> Decimal | None:
        """Return the change of the cost, after − before; a group that one file does not price has none."""
        before, after = self.before[-1], self.after[-1]
        return None if before is None or after is None else after - before

    def as_dict(self) -> dict[str, Any]:
        """Return both sides and the change, JSON-ready."""
        return {
            "before": _named(self.before),
            "after": _named(self.after),
            "delta": _named(
                tuple(
                    None if first is None or second is None else second - first
                    for first, second in zip(self.before, self.after, strict=True)
                )
            ),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two projections compared; `moves` are ordered by the size of the change."""

    by: tuple[str, ...]
    rows: tuple[int, int]
    total: Move
    moves: tuple[Move, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison JSON-ready."""
        return {
            "rows": {"before": self.rows[0], "after": self.rows[1]},
            **self.total.as_dict(),
            "by": list(self.by),
            "moves": [
                {"key": dict(zip(self.by, move.key, strict=True)), **move.as_dict()} for move in self.moves
            ],
        }  # fmt: skip


def compare(baseline: Path, optimized: Path, by: tuple[str, ...]) -> Comparison:
    """Compare two projections, grouped by the columns `by`.

    Raises:
        FindingsError: a column is missing or a cell is bad; every one is named with its line.
        InputError: a file cannot be read.
        NoInputError: a file has no rows.
    """
    with localcontext(prec=100):  # sums stay exact: a row has at most 50 digits
        return _compare(baseline, optimized, by)


def _compare(baseline: Path, optimized: Path, by: tuple[str, ...]) -> Comparison:
    sides: list[dict[tuple[str, ...], list[Decimal | None]]] = []
    rows: list[int] = []
    for path in (baseline, optimized):
        groups: dict[tuple[str, ...], list[Decimal | None]] = {}
        number = 0
        for number, (key, amounts) in enumerate(_read(path, by), start=1):  # noqa: B007 the last number is the count
            _add(groups, key, amounts)
        if number == 0:
            raise NoInputError(f"{path}: has a header and no rows")
        sides.append(groups)
        rows.append(number)
    zero: list[Decimal | None] = [Decimal(0)] * len(MEASURES)
    moves = [
        Move(key, tuple(sides[0].get(key, zero)), tuple(sides[1].get(key, zero)))
        for key in sorted(set(sides[0]) | set(sides[1]))
    ]
    moves.sort(key=lambda move: -abs(move.delta_usd or Decimal(0)))
    totals = []
    for groups in sides:
        total: dict[tuple[str, ...], list[Decimal | None]] = {}
        for amounts in groups.values():
            _add(total, (), amounts)
        totals.append(tuple(total[()]))
    return Comparison(by, (rows[0], rows[1]), Move((), totals[0], totals[1]), tuple(moves))


def _add(
    groups: dict[tuple[str, ...], list[Decimal | None]], key: tuple[str, ...], amounts: list[Decimal | None]
) -> None:
    """Add a row to its group. An unknown figure adds nothing; a group stays unknown where all its rows are."""
    held = groups.get(key)
    if held is None:
        groups[key] = list(amounts)
        return
    for place, amount in enumerate(amounts):
        if amount is not None:
            before = held[place]
            held[place] = amount if before is None else before + amount


def _read(path: Path, by: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[Decimal | None]]]:
    """Yield key and measures of each row; raise one error with all findings after the last row."""
    findings: list[Finding] = []
    bad = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            columns = _columns(path, next(reader, None))
            line = reader.line_num
            for row in reader:
                # A quoted cell may hold line breaks: the row begins on the line after the last one's end.
                first, line = line + 1, reader.line_num
                if not row:
                    continue
                found = _check(str(path), first, row, columns)
                if found:
                    bad += len(found)
                    findings += found[: LIMIT - len(findings)]
                    continue
                yield (
                    tuple(plain(row[columns[name]]) for name in by),
                    [Decimal(cell) if (cell := row[columns[name]]) else None for name in MEASURES],
                )
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except csv.Error as error:
        raise FindingsError([Finding(str(path), reader.line_num, "row", "csv", "error", str(error))]) from error
    if findings:
        more = f"{bad - len(findings)} more findings are not listed" if bad > len(findings) else ""
        raise FindingsError(findings, more)


def _columns(path: Path, header: list[str] | None) -> dict[str, int]:
    if header is None:
        raise NoInputError(f"{path}: is empty")
    columns = {name: place for place, name in enumerate(header)}
    findings = [
        Finding(str(path), 1, name, "csv-column", "error", "this column is missing", fix=f"has: {', '.join(header)}")
        for name in (*KEYS, *MEASURES)
        if name not in columns
    ]
    findings += [
        Finding(str(path), 1, name, "csv-column", "error", "this column is there twice")
        for name in columns
        if header.count(name) > 1
    ]
    if findings:
        raise FindingsError(findings)
    return columns


def _check(file: str, line: int, row: list[str], columns: dict[str, int]) -> list[Finding]:
    if len(row) != len(columns):
        message = f"{len(row)} cells where the header has {len(columns)}"
        return [Finding(file, line, "row", "csv-row", "error", message)]
    found = []
    day = row[columns["day"]]
    try:
        date.fromisoformat(day)
    except ValueError:
        found.append(Finding(file, line, "day", "csv-date", "error", f"{day!r} is no date", fix="YYYY-MM-DD"))
    for name in MEASURES:
        cell = row[columns[name]]
        if cell and not _NUMBER.fullmatch(cell):  # an empty cell is unknown
            fix = "a plain number such as 12.5, or empty where unknown"
            found.append(Finding(file, line, name, "csv-number", "error", f"{cell!r} is no number", fix=fix))
    return found


def _named(amounts: Amounts) -> dict[str, float | None]:
    return {
        name: None if amount is None else float(round(amount, 6))
        for name, amount in zip(MEASURES, amounts, strict=True)
    }
