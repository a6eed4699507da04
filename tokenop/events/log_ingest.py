"""Read any event log: the fast way where it is clean, the exact way where it is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.database import connect, identifier, quoted
from tokenop.errors import Finding, InputError
from tokenop.events import exact, exact_csv, exact_judge, hashing, lines, log_fast, schema, sql

if TYPE_CHECKING:
    import duckdb

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".parquet": "parquet"}
MEMORY = "900MB"
SHOWN = 100


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
    kind = format_of(path)
    if lines.require_file(path) == 0:
        return Ingested(0, 0, hashing.combine(0, 0, 0), (), 0, "", ())
    with connect(memory_limit=MEMORY, spill_to=scratch) as connection:
        reader = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}[kind]
        return reader(Job(connection, path, scratch, limit, exact_warnings))


@dataclass(frozen=True, slots=True)
class Job:
    """What to read, where, and how much to tell; the fields are those of `ingest`."""

    connection: duckdb.DuckDBPyConnection
    path: Path
    scratch: Path
    limit: int = SHOWN
    exact_warnings: bool = False


def format_of(path: Path) -> str:
    """Return `jsonl`, `csv` or `parquet` by the extension of `path`.

    Raises:
        InputError: another extension.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None and not path.is_dir():
        raise InputError(f"{path}: an event log is a .jsonl, .csv or .parquet file")
    return kind or "jsonl"


def _jsonl(job: Job) -> Ingested:
    return fast_jsonl(job) or exact_jsonl(job)


def fast_jsonl(job: Job) -> Ingested | None:
    """Return the result for a clean JSON-lines log; None where the exact pass must look."""
    converted = log_fast.convert_jsonl(job.connection, job.path, job.scratch)
    if converted is None:
        return None
    target, layout, count = converted
    found = _surveyed(job, target, dict.fromkeys(layout.forms, "typed"))
    if found is None:
        return None
    survey, result = found
    same = survey.rows == count and log_fast.all_strings(job.connection, job.path, layout, survey.doubtful)
    return result if same else None


def exact_jsonl(job: Job) -> Ingested:
    """Return the result for any JSON-lines log, each finding with its line."""
    import duckdb

    forms: dict[str, sql.Form] = dict.fromkeys(schema.types(), "token")
    copy = job.scratch / "numbered.jsonl"
    for each_line in (False, True):
        numbered = exact.number_jsonl(job.path, copy, each_line)
        try:
            return _judge(job, numbered, exact_judge.numbered_source(copy, forms), forms)
        except duckdb.Error:
            # A key that stands twice stops DuckDB; looking at each line finds and leaves out its line.
            if each_line:
                raise
        finally:
            copy.unlink()
    raise AssertionError("the second round returns or raises")


def _csv(job: Job) -> Ingested:
    names = exact_csv.header(job.path)
    if not names:
        return Ingested(0, 0, hashing.combine(0, 0, 0), (), 0, "", ())
    wrong = _header_findings(job.path, names)
    return (None if wrong else fast_csv(job, names)) or exact_csv_log(job, names, wrong)


def fast_csv(job: Job, names: list[str]) -> Ingested | None:
    """Return the result for a clean CSV log with the header `names`; None where the exact pass must look."""
    converted = log_fast.convert_csv(job.connection, job.path, job.scratch, names)
    found = _surveyed(job, converted[0], dict.fromkeys(converted[1], "typed")) if converted else None
    return found[1] if found else None


def exact_csv_log(job: Job, names: list[str], wrong: list[Finding]) -> Ingested:
    """Return the result for any CSV log, each finding with its line; `wrong` is what the header lacks."""
    copy = job.scratch / "numbered.jsonl"
    try:
        numbered = exact_csv.number_csv(job.path, copy, names)
        if wrong:
            return _refused(numbered.rows, wrong)
        forms: dict[str, sql.Form] = dict.fromkeys(names, "text")
        return _judge(job, numbered, exact_judge.numbered_source(copy, forms), forms)
    finally:
        copy.unlink()


def _parquet(job: Job) -> Ingested:
    import duckdb

    connection, path = job.connection, job.path
    file = f"read_parquet({quoted(str(path))})"
    try:
        physical = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {file}").fetchall()}
        rows = connection.execute(f"SELECT count(*) FROM {file}").fetchone()
        count = int(rows[0]) if rows else 0
        wrong, present = _parquet_columns(connection, path, file, physical)
        if wrong or not count:
            return _refused(count, wrong)
        forms: dict[str, sql.Form] = dict.fromkeys(present, "typed")
        found = _surveyed(job, path, forms)
        if found is not None:
            return found[1]
        source = (
            f"(SELECT *, file_row_number + 1 AS {identifier(exact.LINE)}, NULL::VARCHAR[] AS {identifier(exact.ODD)} "
            f"FROM read_parquet({quoted(str(path))}, file_row_number = true))"
        )
        return _judge(job, exact.Numbered(), source, forms)
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


def _surveyed(job: Job, parquet: Path, forms: Mapping[str, sql.Form]) -> tuple[log_fast.Survey, Ingested] | None:
    """Survey a typed Parquet file; None where the exact pass must look."""
    source = f"read_parquet({quoted(str(parquet))})"
    found = log_fast.survey(job.connection, source, forms)
    if not found.clean or (found.warned and job.exact_warnings):
        return None
    names = tuple(column.name for column in schema.columns() if column.name in forms)
    warnings = _warnings(job, source, forms) if found.warned else ()
    relation = f"SELECT {_columns(names)} FROM ({sql.typed(source, forms)})"
    return found, Ingested(found.rows, 0, found.hash, warnings, 0, relation, names)


def _columns(names: Iterable[str]) -> str:
    return ", ".join(identifier(name) for name in names)


def _warnings(job: Job, source: str, forms: Mapping[str, sql.Form]) -> tuple[Finding, ...]:
    """Return one finding for each warning rule that events break, with their number."""
    told = []
    for rule in schema.invariants():
        if rule.severity == "warning" and rule.field in forms:
            typed = sql.typed(source, forms)
            row = job.connection.execute(f"SELECT count(*) FROM ({typed}) WHERE {rule.sql}").fetchone()
            if row and row[0]:
                message = f"{row[0]:,} events: {rule.message}"
                told.append(Finding(str(job.path), 0, rule.field, rule.rule, "warning", message, fix=rule.fix))
    return tuple(told)


def _judge(job: Job, numbered: exact.Numbered, source: str, forms: Mapping[str, sql.Form]) -> Ingested:
    staged, target = job.scratch / "staged.parquet", job.scratch / "events.parquet"
    exact_judge.stage(job.connection, source, forms, staged)
    verdict = exact_judge.judge(job.connection, job.path, staged, numbered, job.limit)
    names = tuple(column.name for column in schema.columns() if column.name in forms)
    job.connection.execute(
        f"COPY (SELECT {_columns(names)} FROM read_parquet({quoted(str(staged))}) WHERE NOT bad AND line NOT IN "
        f"(SELECT line FROM repeated)) TO {quoted(str(target))} (FORMAT parquet, COMPRESSION snappy)"
    )
    staged.unlink()
    relation = f"SELECT * FROM read_parquet({quoted(str(target))})"
    digest = hashing.content_hash(job.connection, f"({relation})", names)
    return Ingested(verdict.rows, verdict.invalid, digest, verdict.findings, verdict.more, relation, names)
