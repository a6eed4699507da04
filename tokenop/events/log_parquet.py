"""Read Parquet logs: in place, checked unless TokenOp wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.database import identifier, quoted
from tokenop.errors import Finding, InputError
from tokenop.events import exact, schema, sql
from tokenop.events.log_job import Ingested, Job, column_list, header_findings, judged, refused, surveyed

if TYPE_CHECKING:
    import duckdb

HASH_KEY = "tokenop_content_hash"
"""Key of the Parquet metadata that states the content hash."""


def read_parquet(job: Job) -> Ingested:
    """Read a Parquet log.

    Raises:
        InputError: the file is not Parquet.
    """
    import duckdb

    connection, path = job.connection, job.path
    file = f"read_parquet({quoted(str(path))})"
    try:
        physical = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {file}").fetchall()}
        rows = connection.execute(f"SELECT count(*) FROM {file}").fetchone()
        count = int(rows[0]) if rows else 0
        wrong, present = _parquet_columns(connection, path, file, physical)
        if wrong:
            return refused(count, wrong)
        forms: dict[str, sql.Form] = dict.fromkeys(present, "typed")
        stated, ours = _stated_hash(connection, path)
        if job.trust and ours and stated.startswith(f"{count}-"):
            names = tuple(column.name for column in schema.columns() if column.name in forms)
            relation = f"SELECT {column_list(names)} FROM ({sql.typed(file, forms)})"
            return Ingested(count, 0, stated, (), 0, relation, names)
        found = surveyed(job, path, forms, hashed=job.hashed or bool(stated))
        if found is not None:
            return _with_hash_checked(job, found, stated)
        source = (
            f"(SELECT *, file_row_number + 1 AS {identifier(exact.LINE)}, NULL::VARCHAR[] AS {identifier(exact.ODD)} "
            f"FROM read_parquet({quoted(str(path))}, file_row_number = true))"
        )
        return _with_hash_checked(job, judged(job, exact.Numbered(), source, forms), stated)
    except duckdb.Error as error:
        raise InputError(f"{path}: cannot be read as Parquet: {str(error).splitlines()[0]}") from error


def _parquet_columns(
    connection: duckdb.DuckDBPyConnection, path: Path, file: str, physical: Mapping[str, str]
) -> tuple[list[Finding], list[str]]:
    """Return the findings about columns of wrong type or name, and the event columns that hold values."""
    known = {column.name: column for column in schema.columns()}
    wrong = header_findings(path, list(physical), line=0)
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


def _stated_hash(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[str, bool]:
    """Return the content hash that the file states, empty for none, and whether it can be as it was written.

    Other writers may carry the key over to changed rows (pyarrow does), but sign as themselves; DuckDB drops it.
    """
    file = quoted(str(path))
    stated = connection.execute(
        f"SELECT decode(value) FROM parquet_kv_metadata({file}) WHERE decode(key) = {quoted(HASH_KEY)}"
    ).fetchone()
    writer = connection.execute(f"SELECT created_by FROM parquet_file_metadata({file})").fetchone()
    return (str(stated[0]) if stated else ""), bool(writer and str(writer[0]).startswith("DuckDB"))


def _with_hash_checked(job: Job, found: Ingested, stated: str) -> Ingested:
    """Return `found` with a finding where the file states another hash than its events have."""
    if not stated or found.invalid or stated == found.content_hash:
        return found
    told = f"the file states the content hash {stated}, its events have {found.content_hash}"
    fix = "it was changed after TokenOp wrote it; collect it anew, or remove the metadata key"
    finding = Finding(str(job.path), 0, "file", "EV-HASH", "warning" if job.trust else "error", told, fix=fix)
    return replace(found, findings=(finding, *found.findings))
