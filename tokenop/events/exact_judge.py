"""Judge numbered rows in SQL: every finding of every row, with its line."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.database import identifier, quoted
from tokenop.errors import Finding, Severity
from tokenop.events import schema, sql
from tokenop.events.exact import LINE, ODD, Numbered
from tokenop.events.log_fast import read_lines
from tokenop.events.schema import EVENT, Record

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with the rows of a log. `findings` are the first in order of lines, `more` counts the others."""

    rows: int
    invalid: int
    findings: tuple[Finding, ...]
    more: int


def numbered_source(copy: Path, forms: Mapping[str, sql.Form]) -> str:
    """Return SQL for the rows of the numbered copy `copy`, the fields in the given forms."""
    types = {LINE: "BIGINT", ODD: "VARCHAR[]"}
    types |= {name: "JSON" if form == "token" else "VARCHAR" for name, form in forms.items()}
    return read_lines(copy, types)


def stage(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    forms: Mapping[str, sql.Form],
    staged: Path,
    record: Record = EVENT,
) -> None:
    """Write the typed rows of `source` to the Parquet file `staged`.

    Beside the event columns present it has `line`, `told` (what is wrong: a list of `field<US>severity<US>rule<US>
    message`, NULL where nothing is) and `bad` (whether an error is among them).

    Args:
        connection: where to run.
        source: SQL of a relation with the fields of `forms` and the columns LINE and ODD.
        forms: how the source gives each field.
        staged: the file to write.
        record: what a row is.
    """
    rules = sql.checks(forms, record=record)
    fine = " AND ".join(f"({rule.fine})" for rule in rules) or "true"
    odd = identifier(ODD)
    unknown = quoted("no event has a field " if record == EVENT else "no usage record has a field ")
    odd_told = f"""list_transform(coalesce({odd}, []::VARCHAR[]), lambda name: CASE WHEN starts_with(name, '+')
        THEN name[2:] || {_mark("EV-UNKNOWN-FIELD")} || {unknown} || name[2:]
        ELSE name[2:] || {_mark("EV-REQUIRED")} || name[2:] || ' is missing' END)"""
    names = ", ".join(identifier(column.name) for column in schema.columns(record) if column.name in forms)
    separator = quoted(sql.SEPARATOR)
    told = f"CASE WHEN {fine} AND {odd} IS NULL THEN NULL ELSE {sql.all_told(rules, [odd_told])} END"
    connection.execute(
        f"""COPY (SELECT *, len(list_filter(told, lambda one: string_split(one, {separator})[2]
                = 'error')) > 0 IS TRUE AS bad
            FROM (SELECT {identifier(LINE)} AS line, {told} AS told{", " + names if names else ""}
                  FROM ({sql.typed(source, forms, (LINE, ODD), record)})))
        TO {quoted(str(staged))} (FORMAT parquet)"""
    )


def _mark(rule: str) -> str:
    return quoted(sql.SEPARATOR.join(("", "error", rule, "")))


def judge(connection: duckdb.DuckDBPyConnection, path: Path, staged: Path, numbered: Numbered, limit: int) -> Verdict:
    """Return the findings of the staged rows and of the lines refused before, in order of lines.

    Makes the table `repeated` (line, first) of the rows whose id a row before them has.
    """
    source = f"read_parquet({quoted(str(staged))})"
    _find_repeated(connection, source)
    counted = connection.execute(
        f"""SELECT count(*), count(*) FILTER (bad OR repeated.line IS NOT NULL), coalesce(sum(len(told)), 0)::BIGINT,
            count(repeated.line) FROM {source} AS staged LEFT JOIN repeated USING (line)"""
    ).fetchone()
    assert counted is not None
    rows, invalid, told, repeated = counted
    unique = quoted(sql.SEPARATOR.join(("id", "error", "EV-UNIQUE", "the id stands on line ")))
    found = connection.execute(
        f"""SELECT line, one FROM (
            SELECT line, unnest(told) AS one, generate_subscripts(told, 1) AS place FROM {source}
            UNION ALL SELECT line, {unique} || first || ' too', 0 FROM repeated)
        ORDER BY line, place, one LIMIT {limit}"""
    ).fetchall()
    kept = [_finding(path, line, one, numbered.record) for line, one in found]
    kept += [Finding(str(path), gone.line, "line", gone.rule, "error", gone.reason) for gone in numbered.refused]
    kept.sort(key=lambda finding: finding.line)
    total = told + repeated + numbered.unsound
    kept = kept[:limit]
    return Verdict(rows + numbered.unsound, invalid + numbered.unsound, tuple(kept), total - len(kept))


def _find_repeated(connection: duckdb.DuckDBPyConnection, source: str) -> None:
    # Hashes first: a set of 64-bit numbers takes a tenth of the memory that the ids would.
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE repeated AS
        SELECT line, first FROM (
            SELECT line, id, min(line) OVER (PARTITION BY id) AS first FROM {source}
            WHERE NOT bad AND hash(id) IN
                (SELECT hash(id) FROM {source} WHERE NOT bad GROUP BY 1 HAVING count(*) > 1))
        WHERE line > first"""
    )


def _finding(path: Path, line: int, told: str, record: Record) -> Finding:
    field, severity, rule, message = told.split(sql.SEPARATOR, 3)
    fix = suggestion(field, record) if rule == "EV-UNKNOWN-FIELD" else ""
    degree: Severity = "warning" if severity == "warning" else "error"
    return Finding(str(path), line, _printable(field), rule, degree, _printable(message), fix=fix)


def _printable(text: str) -> str:
    """Return `text` with control characters shown as escapes, so that a finding stays one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@cache
def suggestion(name: str, record: Record = EVENT) -> str:
    """Return what the unknown field `name` was probably meant to be, as a clause."""
    near = difflib.get_close_matches(name.lower(), schema.types(record), n=1, cutoff=0.6)
    page = "docs/events.md" if record == EVENT else "docs/usage.md"
    return f"did you mean {near[0]}?" if near else f"leave it out; {page} lists the fields"
