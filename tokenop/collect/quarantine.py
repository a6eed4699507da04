"""Rows that cannot become events: each with its reason and origin, none lost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.database import quoted

if TYPE_CHECKING:
    import duckdb

TYPES = {
    "collector": "VARCHAR",
    "file": "VARCHAR",
    "line": "BIGINT",
    "field": "VARCHAR",
    "rule": "VARCHAR",
    "message": "VARCHAR",
    "fix": "VARCHAR",
    "raw": "VARCHAR",
}


@dataclass(frozen=True, slots=True)
class Rejected:
    """One source row that was refused before it could be mapped.

    Its text is not kept: in a line that cannot be read nobody can tell the declared columns from prompts.
    """

    file: str
    line: int
    rule: str
    message: str
    field: str = "line"
    fix: str = ""

    def as_dict(self, collector: str) -> dict[str, object]:
        """Return the row of the quarantine."""
        return {
            "collector": collector,
            "file": self.file,
            "line": self.line,
            "field": self.field,
            "rule": self.rule,
            "message": self.message,
            "fix": self.fix or None,
            "raw": None,
        }


def relation(rejected: Iterable[Rejected], collector: str, target: Path) -> str:
    """Write `rejected` to the scratch file `target` and return a SELECT over it with the columns of the quarantine."""
    with target.open("w", encoding="utf-8") as file:
        for row in rejected:
            file.write(json.dumps(row.as_dict(collector)) + "\n")
    columns = ", ".join(f"{name}: {quoted(kind)}" for name, kind in TYPES.items())
    return (
        f"SELECT {', '.join(TYPES)} FROM read_json({quoted(str(target))}, columns={{{columns}}}, "
        "format='newline_delimited')"
    )


def write(connection: duckdb.DuckDBPyConnection, table: str, target: Path) -> None:
    """Write the quarantine in `table` to the JSON-lines file `target`, ordered by origin."""
    connection.execute(
        f"COPY (SELECT * FROM {table} ORDER BY collector, file, line, rule, field, message, raw) "
        f"TO {quoted(str(target))} (FORMAT json)"
    )


def reasons(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, int]:
    """Return how many rows each rule rejected, the most frequent first."""
    rows = connection.execute(
        f"SELECT rule, count(*) FROM {table} GROUP BY rule ORDER BY count(*) DESC, rule"
    ).fetchall()
    return {str(rule): int(count) for rule, count in rows}


def sample(connection: duckdb.DuckDBPyConnection, table: str, limit: int) -> list[str]:
    """Return the first rejected rows as `file:line: field: rule: message (fix)`, for people."""
    rows = connection.execute(
        f"SELECT file || CASE WHEN line > 0 THEN ':' || line ELSE '' END || ': ' || field || ': ' || rule || ': ' || "
        f"message || coalesce(' (' || fix || ')', '') FROM {table} ORDER BY collector, file, line, rule LIMIT {limit}"
    ).fetchall()
    return [str(row[0]) for row in rows]
