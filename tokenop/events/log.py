"""Event logs: open one as a relation, write one, and what is wrong with one."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.database import connect, identifier, quoted
from tokenop.errors import Finding, FindingsError, InputError, NoInputError
from tokenop.events import exact, exact_csv, exact_judge, hashing, lines, log_fast, schema, sql
from tokenop.files import atomic

if TYPE_CHECKING:
    import duckdb

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".parquet": "parquet"}
HASH_KEY = "tokenop_content_hash"
MEMORY = "900MB"
SHOWN = 100


@dataclass(frozen=True, slots=True)
class EventLog:
    """An open event log. `content_hash` is `<rows>-<32 hex digits>`, whatever the order of the rows."""

    path: Path
    count: int
    content_hash: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a log: `rows` read, of them `invalid`; `relation` is SQL of the valid ones, `columns` its fields.

    `findings` are the first in order of lines, `more` counts the others.
    """

    rows: int
    invalid: int
    content_hash: str
    findings: tuple[Finding, ...]
    more: int
    relation: str
    columns: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of valid events."""
        return self.rows - self.invalid


def ingest(path: Path, scratch: Path, limit: int = SHOWN, exact_warnings: bool = False) -> Ingested:
    """Read, check and hash the log `path`; JSON lines and CSV become a Parquet file in `scratch`.

    A clean log takes one conversion and one survey at the speed of DuckDB. Where something is wrong, a second, exact
    pass finds the lines.

    Args:
        path: a `.jsonl`, `.csv` or `.parquet` file.
        scratch: an existing folder that lives as long as the result's relation is used.
        limit: how many findings to keep.
        exact_warnings: find the lines of mere warnings too, instead of one summary a rule.

    Raises:
        InputError: the file cannot be read at all.
    """
    kind = _format(path)
    if lines.require_file(path) == 0:
        return Ingested(0, 0, hashing.combine(0, 0, 0), (), 0, "", ())
    with connect(memory_limit=MEMORY, spill_to=scratch) as connection:
        reader = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}[kind]
        return reader(connection, path, scratch, _Wish(limit, exact_warnings))


@dataclass(frozen=True, slots=True)
class _Wish:
    limit: int
    exact_warnings: bool


def open_log(
    connection: duckdb.DuckDBPyConnection, path: Path, name: str = "events", scratch: Path | None = None
) -> EventLog:
    """Check the log `path` and create the view `name` on `connection`, with all columns of the schema, typed.

    Fields that the log does not have are NULL. JSON lines and CSV are converted once, into `scratch` (by default a
    temporary folder that goes away with the process).

    Raises:
        FindingsError: events are wrong; each is named with its line.
        NoInputError: the log holds no event.
        InputError: the file cannot be read at all.
    """
    folder = Path(tempfile.mkdtemp(dir=_existing(scratch), prefix="events-"))
    if scratch is None:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    found = ingest(path, folder)
    if found.invalid or any(finding.severity == "error" for finding in found.findings):
        rest = f"{found.more:,} more findings. " if found.more else ""
        summary = (
            f"{rest}{found.invalid:,} of {found.rows:,} events are wrong; tokenop validate --input {path} lists them"
        )
        raise FindingsError([f for f in found.findings if f.severity == "error"], summary)
    if not found.rows:
        raise NoInputError(f"{path}: holds no events")
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {identifier(name)} AS {_all_columns(found)}")
    return EventLog(path, found.count, found.content_hash, found.findings)


def write_log(connection: duckdb.DuckDBPyConnection, relation_sql: str, path: Path) -> EventLog:
    """Write the events of `relation_sql` to `path`, as JSON lines or Parquet by its extension, whole or not at all.

    The twelve required columns are always written, an optional one only where some event has a value.

    Args:
        connection: where the relation lives.
        relation_sql: SQL of a relation with event columns of the schema's types; absent ones count as NULL.
        path: a `.jsonl` or `.parquet` file.

    Raises:
        InputError: another extension, or the file cannot be written.
        FindingsError: an event breaks the schema; nothing is written.
    """
    kind = _format(path)
    if kind == "csv":
        raise InputError(f"{path}: events are written as .jsonl or .parquet")
    with tempfile.TemporaryDirectory(prefix="tokenop-write-") as folder:
        staged = Path(folder) / "events.parquet"
        present = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {relation_sql}").fetchall()]
        chosen = ", ".join(
            f"{identifier(name) if name in present else 'NULL'}::{duckdb_type} AS {identifier(name)}"
            for name, duckdb_type in schema.types().items()
        )
        connection.execute(f"COPY (SELECT {chosen} FROM {relation_sql}) TO {quoted(str(staged))} (FORMAT parquet)")
        found = ingest(staged, Path(folder))
        if found.invalid:
            shown = [Finding(str(path), f.line, f.field, f.rule, f.severity, f.message) for f in found.findings]
            raise FindingsError(shown, f"{found.invalid:,} of {found.rows:,} events are wrong; nothing was written")
        with connect(memory_limit=MEMORY, spill_to=Path(folder)) as own, atomic(path) as temporary:
            _write(own, found, kind, temporary)
    return EventLog(path, found.count, found.content_hash, found.findings)


def _write(connection: duckdb.DuckDBPyConnection, found: Ingested, kind: str, target: Path) -> None:
    optional = [column.name for column in schema.columns() if not column.required]
    counts = connection.execute(
        f"SELECT {', '.join(f'count({identifier(name)})' for name in optional)} FROM ({found.relation})"
    ).fetchone()
    assert counts is not None
    used = {name for name, count in zip(optional, counts, strict=True) if count}
    names = [column.name for column in schema.columns() if column.required or column.name in used]
    if kind == "parquet":
        told = f"FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{HASH_KEY}: {quoted(found.content_hash)}}}"
        chosen = ", ".join(identifier(name) for name in names)
    else:
        told = "FORMAT json"
        chosen = ", ".join(_as_json(name) for name in names)
    connection.execute(f"COPY (SELECT {chosen} FROM ({found.relation})) TO {quoted(str(target))} ({told})")


def _as_json(name: str) -> str:
    column = identifier(name)
    if schema.types()[name] == "TIMESTAMPTZ":
        return f"replace(strftime({column} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ'), '000Z', 'Z') AS {column}"
    return f"{column}::DOUBLE AS {column}" if schema.types()[name].startswith("DECIMAL") else column


def _format(path: Path) -> str:
    kind = FORMATS.get(path.suffix.lower())
    if kind is None and not path.is_dir():
        raise InputError(f"{path}: an event log is a .jsonl, .csv or .parquet file")
    return kind or "jsonl"


def _existing(folder: Path | None) -> Path | None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _all_columns(found: Ingested) -> str:
    chosen = ", ".join(
        identifier(name) if name in found.columns else f"NULL::{kind} AS {identifier(name)}"
        for name, kind in schema.types().items()
    )
    return f"SELECT {chosen} FROM ({found.relation})"


def _jsonl(connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path, wish: _Wish) -> Ingested:
    converted = log_fast.convert_jsonl(connection, path, scratch)
    if converted is not None:
        target, layout, count = converted
        found = _surveyed(connection, path, target, dict.fromkeys(layout.forms, "typed"), wish)
        if (
            found is not None
            and found[0].rows == count
            and log_fast.nulls_written_out(path, found[0].nulls)
            and log_fast.all_strings(connection, path, layout, found[0].doubtful)
        ):
            return found[1]
    import duckdb

    forms: dict[str, sql.Form] = dict.fromkeys(schema.types(), "token")
    copy = scratch / "numbered.jsonl"
    for each_line in (False, True):
        numbered = exact.number_jsonl(path, copy, each_line)
        try:
            return _judged(connection, path, scratch, wish, numbered, copy, forms)
        except duckdb.Error:
            if each_line:
                raise
    raise AssertionError("unreachable")


def _csv(connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path, wish: _Wish) -> Ingested:
    names = exact_csv.header(path)
    if not names:
        return Ingested(0, 0, hashing.combine(0, 0, 0), (), 0, "", ())
    wrong = _header_findings(path, names)
    if not wrong:
        converted = log_fast.convert_csv(connection, path, scratch, names)
        if converted is not None:
            target, forms = converted
            found = _surveyed(connection, path, target, dict.fromkeys(forms, "typed"), wish)
            if found is not None:
                return found[1]
    copy = scratch / "numbered.jsonl"
    numbered = exact_csv.number_csv(path, copy, names)
    if wrong:
        return _refused(numbered.rows, wrong)
    text: dict[str, sql.Form] = dict.fromkeys(names, "text")
    return _judged(connection, path, scratch, wish, numbered, copy, text)


def _parquet(connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path, wish: _Wish) -> Ingested:
    import duckdb

    file = f"read_parquet({quoted(str(path))})"
    try:
        physical = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {file}").fetchall()}
        rows = connection.execute(f"SELECT count(*) FROM {file}").fetchone()
        count = int(rows[0]) if rows else 0
        wrong, present = _parquet_columns(connection, path, file, physical)
        if wrong or not count:
            return _refused(count, wrong)
        forms: dict[str, sql.Form] = dict.fromkeys(present, "typed")
        found = _surveyed(connection, path, path, forms, wish)
        if found is not None:
            return found[1]
        source = (
            f"(SELECT *, file_row_number + 1 AS {identifier(exact.LINE)}, NULL::VARCHAR[] AS {identifier(exact.ODD)} "
            f"FROM read_parquet({quoted(str(path))}, file_row_number = true))"
        )
        return _judge(connection, path, scratch, wish, exact.Numbered(), source, forms)
    except duckdb.Error as error:
        raise InputError(f"{path}: cannot be read as Parquet: {str(error).splitlines()[0]}") from error


def _parquet_columns(
    connection: duckdb.DuckDBPyConnection, path: Path, file: str, physical: Mapping[str, str]
) -> tuple[list[Finding], list[str]]:
    """Return the findings about columns of wrong type or name, and the event columns that hold values."""
    known = {column.name: column for column in schema.columns()}
    wrong = _header_findings(path, list(physical), line=0)
    present = []
    for name, kind in physical.items():
        if name not in known:
            continue
        if sql.compatible(known[name], kind):
            present.append(name)
            continue
        values = connection.execute(f"SELECT count({identifier(name)}) FROM {file}").fetchone()
        if not (values and values[0] == 0 and sql.nullable(known[name])):
            hint = "; a time needs a zone" if kind.startswith("TIMESTAMP") else ""
            told = f"the column is {kind}, an event needs {known[name].duckdb}{hint}"
            wrong.append(Finding(str(path), 0, name, "EV-ZONE" if hint else "EV-TYPE", "error", told))
        elif known[name].required:
            present.append(name)
    return wrong, present


def _header_findings(path: Path, names: list[str], line: int = 1) -> list[Finding]:
    wrong = []
    for column in schema.columns():
        if column.required and column.name not in names:
            told = f"no column {column.name}"
            wrong.append(Finding(str(path), line, column.name, "EV-REQUIRED", "error", told, fix="add it"))
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            told = f"the column {name} stands twice"
            wrong.append(Finding(str(path), line, name, "EV-DUPLICATE-KEY", "error", told))
        if name not in schema.types():
            told = f"no event has a field {name}"
            fix = exact_judge.suggestion(name)
            wrong.append(Finding(str(path), line, name, "EV-UNKNOWN-FIELD", "error", told, fix=fix))
    return wrong


def _refused(rows: int, wrong: list[Finding]) -> Ingested:
    """Return the result for a file whose columns are wrong, so that no row can be read."""
    return Ingested(rows, rows if wrong else 0, hashing.combine(0, 0, 0), tuple(wrong), 0, "", ())


def _surveyed(
    connection: duckdb.DuckDBPyConnection, path: Path, parquet: Path, forms: Mapping[str, sql.Form], wish: _Wish
) -> tuple[log_fast.Survey, Ingested] | None:
    """Survey a typed Parquet file; None where the exact pass must look."""
    source = f"read_parquet({quoted(str(parquet))})"
    found = log_fast.survey(connection, source, forms)
    if not found.clean or (found.warned and wish.exact_warnings):
        return None
    names = tuple(column.name for column in schema.columns() if column.name in forms)
    warnings = _warnings(connection, path, source, forms) if found.warned else ()
    relation = f"SELECT {_columns(names)} FROM ({sql.typed(source, forms)})"
    return found, Ingested(found.rows, 0, found.hash, warnings, 0, relation, names)


def _columns(names: Iterable[str]) -> str:
    return ", ".join(identifier(name) for name in names)


def _warnings(
    connection: duckdb.DuckDBPyConnection, path: Path, source: str, forms: Mapping[str, sql.Form]
) -> tuple[Finding, ...]:
    """Return one finding for each warning rule that events break, with their number."""
    told = []
    for rule in schema.invariants():
        if rule.severity == "warning" and rule.field in forms:
            typed = sql.typed(source, forms)
            row = connection.execute(f"SELECT count(*) FROM ({typed}) WHERE {rule.sql}").fetchone()
            if row and row[0]:
                message = f"{row[0]:,} events: {rule.message}"
                told.append(Finding(str(path), 0, rule.field, rule.rule, "warning", message, fix=rule.fix))
    return tuple(told)


def _judged(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    scratch: Path,
    wish: _Wish,
    numbered: exact.Numbered,
    copy: Path,
    forms: Mapping[str, sql.Form],
) -> Ingested:
    source = exact_judge.numbered_source(copy, forms)
    found = _judge(connection, path, scratch, wish, numbered, source, forms)
    copy.unlink()
    return found


def _judge(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    scratch: Path,
    wish: _Wish,
    numbered: exact.Numbered,
    source: str,
    forms: Mapping[str, sql.Form],
) -> Ingested:
    staged = scratch / "staged.parquet"
    exact_judge.stage(connection, source, forms, staged)
    verdict = exact_judge.judge(connection, path, staged, numbered, wish.limit, "id" in forms)
    names = tuple(column.name for column in schema.columns() if column.name in forms)
    target = scratch / "events.parquet"
    connection.execute(
        f"COPY (SELECT {_columns(names)} FROM read_parquet({quoted(str(staged))}) WHERE NOT bad AND line NOT IN "
        f"(SELECT line FROM repeated)) TO {quoted(str(target))} (FORMAT parquet, COMPRESSION snappy)"
    )
    staged.unlink()
    relation = f"SELECT * FROM read_parquet({quoted(str(target))})"
    digest = hashing.content_hash(connection, f"({relation})", names)
    return Ingested(verdict.rows, verdict.invalid, digest, verdict.findings, verdict.more, relation, names)
