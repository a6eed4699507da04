"""What the readers of event logs share: the job, the result, the fast survey and the exact judgement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.database import identifier, quoted
from tokenop.errors import Finding
from tokenop.events import exact, exact_judge, hashing, log_fast, schema, sql

if TYPE_CHECKING:
    import duckdb

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


@dataclass(frozen=True, slots=True)
class Job:
    """What to read, where, and how much to tell; the fields are those of `ingest`."""

    connection: duckdb.DuckDBPyConnection
    path: Path
    scratch: Path
    limit: int = SHOWN
    exact_warnings: bool = False
    trust: bool = False
    hashed: bool = True


def refused(rows: int, wrong: list[Finding]) -> Ingested:
    """Return the result for a file whose columns are wrong, so that no row can be read."""
    return Ingested(rows, rows if wrong else 0, hashing.combine(0, 0, 0), tuple(wrong), 0, "", ())


def surveyed(job: Job, parquet: Path, forms: Mapping[str, sql.Form], hashed: bool | None = None) -> Ingested | None:
    """Survey a typed Parquet file; None where the exact pass must look. `hashed` overrides the job's wish."""
    source = f"read_parquet({quoted(str(parquet))})"
    found = log_fast.survey(job.connection, source, forms, job.hashed if hashed is None else hashed)
    if not found.clean or (found.warned and job.exact_warnings):
        return None
    names = tuple(column.name for column in schema.columns() if column.name in forms)
    warnings = _warnings(job, source, forms) if found.warned else ()
    relation = f"SELECT {column_list(names)} FROM ({sql.typed(source, forms)})"
    return Ingested(found.rows, 0, found.hash, warnings, 0, relation, names)


def column_list(names: Iterable[str]) -> str:
    """Return `names` as an SQL list of columns."""
    return ", ".join(identifier(name) for name in names)


def _warnings(job: Job, source: str, forms: Mapping[str, sql.Form]) -> tuple[Finding, ...]:
    """Return one finding for each warning rule that events break, with their number."""
    told = []
    for rule in schema.invariants():
        if rule.severity == "warning":
            typed = sql.typed(source, forms)
            row = job.connection.execute(f"SELECT count(*) FROM ({typed}) WHERE {rule.sql}").fetchone()
            if row and row[0]:
                message = f"{row[0]:,} events: {rule.message}"
                told.append(Finding(str(job.path), 0, rule.field, rule.rule, "warning", message, fix=rule.fix))
    return tuple(told)


def judged(job: Job, numbered: exact.Numbered, source: str, forms: Mapping[str, sql.Form]) -> Ingested:
    """Return the result of the exact pass over the rows of `source`, numbered by the columns LINE and ODD."""
    staged, target = job.scratch / "staged.parquet", job.scratch / "events.parquet"
    exact_judge.stage(job.connection, source, forms, staged)
    verdict = exact_judge.judge(job.connection, job.path, staged, numbered, job.limit)
    names = tuple(column.name for column in schema.columns() if column.name in forms)
    job.connection.execute(
        f"COPY (SELECT {column_list(names)} FROM read_parquet({quoted(str(staged))}) WHERE NOT bad AND line NOT IN "
        f"(SELECT line FROM repeated)) TO {quoted(str(target))} ({log_fast.SCRATCH})"
    )
    staged.unlink()
    relation = f"SELECT * FROM read_parquet({quoted(str(target))})"
    digest = hashing.content_hash(job.connection, f"({relation})", names)
    return Ingested(verdict.rows, verdict.invalid, digest, verdict.findings, verdict.more, relation, names)


def header_findings(path: Path, names: list[str], line: int = 1) -> list[Finding]:
    """Return what is wrong with the column names of a table: absent, repeated or unknown ones."""
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
