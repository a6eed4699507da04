"""Event logs: open one as a relation, write one, and what is wrong with one."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.database import connect, identifier, quoted
from tokenop.errors import Finding, FindingsError, InputError, NoInputError
from tokenop.events import schema
from tokenop.events.log_ingest import MEMORY, format_of, ingest
from tokenop.events.log_job import Ingested
from tokenop.events.log_parquet import HASH_KEY
from tokenop.files import atomic

__all__ = ["EventLog", "Ingested", "ingest", "open_log", "write_log"]

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class EventLog:
    """An open event log. `content_hash` is `<rows>-<32 hex digits>`, whatever the order of the rows."""

    path: Path
    count: int
    content_hash: str
    findings: tuple[Finding, ...] = ()


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
    found = ingest(path, folder, trust=True)
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
    kind = format_of(path)
    if kind == "csv":
        raise InputError(f"{path}: events are written as .jsonl or .parquet")
    with tempfile.TemporaryDirectory(prefix="tokenop-write-") as folder:
        staged = Path(folder) / "staged.parquet"
        _stage(connection, relation_sql, staged)
        found = ingest(staged, Path(folder))
        if found.invalid:
            shown = [replace(finding, file=str(path), line=0) for finding in found.findings]
            raise FindingsError(shown, f"{found.invalid:,} of {found.rows:,} events are wrong; nothing was written")
        with connect(memory_limit=MEMORY, spill_to=Path(folder)) as own, atomic(path) as temporary:
            _write(own, found, kind, temporary)
    return EventLog(path, found.count, found.content_hash, tuple(replace(f, file=str(path)) for f in found.findings))


def _stage(connection: duckdb.DuckDBPyConnection, relation_sql: str, staged: Path) -> None:
    words = relation_sql.split(None, 1)
    source = f"({relation_sql})" if words and words[0].upper() in ("SELECT", "FROM", "WITH") else relation_sql
    present = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    chosen = ", ".join(
        f"{identifier(name) if name in present else 'NULL'}::{kind} AS {identifier(name)}"
        for name, kind in schema.types().items()
    )
    connection.execute(f"COPY (SELECT {chosen} FROM {source}) TO {quoted(str(staged))} (FORMAT parquet)")


def _write(connection: duckdb.DuckDBPyConnection, found: Ingested, kind: str, target: Path) -> None:
    """Write the events in order of time, so that the same events give the same bytes."""
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
    connection.execute("SET preserve_insertion_order = true")
    ordered = f"SELECT {chosen} FROM (SELECT * FROM ({found.relation}) ORDER BY ts, id)"
    connection.execute(f"COPY ({ordered}) TO {quoted(str(target))} ({told})")


def _as_json(name: str) -> str:
    column = identifier(name)
    if schema.types()[name] == "TIMESTAMPTZ":
        return f"replace(strftime({column} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ'), '000Z', 'Z') AS {column}"
    return f"{column}::DOUBLE AS {column}" if schema.types()[name].startswith("DECIMAL") else column


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
