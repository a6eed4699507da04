"""The CSV projections: exact decimals, sorted, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.database import identifier, quoted
from tokenop.files import atomic
from tokenop.reports.relations import KEYS

if TYPE_CHECKING:
    import duckdb

# What a spreadsheet takes for the start of a formula (the full-width forms count in East Asian versions). Apostrophes
# in front belong to it, so that taking off the one that was put on gives back exactly the name.
FORMULA = r"^'*[=+\-@\t\r\n＝＋－＠]"
NUMERIC = re.compile(r"DECIMAL|INT|DOUBLE|FLOAT")


def neutralised(name: str) -> str:
    """Return `name` so that no spreadsheet runs it as a formula: an apostrophe goes before it."""
    return f"'{name}" if re.match(FORMULA, name) else name


def plain(cell: str) -> str:
    """Return the name that `neutralised` was given."""
    return cell[1:] if cell.startswith("'") and re.match(FORMULA, cell) else cell


def write(connection: duckdb.DuckDBPyConnection, relation: str, path: Path) -> int:
    """Write `relation` to `path` as RFC 4180 CSV, sorted by key, and return the number of rows.

    Numbers are written in full and without trailing zeros; null is an empty cell; names are neutralised.
    """
    described = connection.execute(f"DESCRIBE {identifier(relation)}").fetchall()
    names = [str(row[0]) for row in described]
    cells = ", ".join(_cell(str(name), str(kind)) for name, kind, *_ in described)
    order = ", ".join(identifier(key) for key in KEYS)
    rows = 0
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        cursor = connection.execute(f"SELECT {cells} FROM {identifier(relation)} ORDER BY {order}")
        while batch := cursor.fetchmany(10_000):
            writer.writerows(batch)
            rows += len(batch)
    return rows


def _cell(name: str, kind: str) -> str:
    column = identifier(name)
    if kind.startswith("DECIMAL"):
        # `trim` after the point only: 100.00 must not become 1.
        text = f"CAST({column} AS VARCHAR)"
        return rf"CASE WHEN contains({text}, '.') THEN rtrim(rtrim({text}, '0'), '.') ELSE {text} END AS {column}"
    if NUMERIC.search(kind) or kind == "DATE":
        return f"CAST({column} AS VARCHAR) AS {column}"
    return f"CASE WHEN regexp_matches({column}, {quoted(FORMULA)}) THEN '''' || {column} ELSE {column} END AS {column}"
