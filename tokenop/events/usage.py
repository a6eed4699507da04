"""Files of usage records: vendors' aggregates over periods, beside the log of calls and never mixed into it.

They are small (a line a bucket, or a line of a bill), so there is one way of reading them: the exact one.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tokenop.database import connect, identifier, quoted
from tokenop.errors import Finding, FindingsError, InputError, NoInputError
from tokenop.events import exact, exact_judge, lines, schema, sql
from tokenop.events.exact_judge import Verdict
from tokenop.events.schema import USAGE
from tokenop.files import atomic

if TYPE_CHECKING:
    import duckdb

MEMORY = "900MB"
# What a sum of the file depends on, in the order in which it is written.
ORDER = "period_start, period_end, provider, model NULLS FIRST, source, id"


@dataclass(frozen=True, slots=True)
class UsageLog:
    """An open file of usage records."""

    path: Path
    count: int


def open_usage(
    connection: duckdb.DuckDBPyConnection, path: Path, name: str = "usage", scratch: Path | None = None
) -> UsageLog:
    """Check the file `path` (.jsonl) and create the view `name` on `connection`, with all columns of the schema, typed.

    Raises:
        FindingsError: records are wrong; each is named with its line.
        NoInputError: the file holds no record.
        InputError: the file cannot be read at all.
    """
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=scratch, prefix="usage-"))
    if scratch is None:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    verdict, relation = ingest(path, folder)
    if verdict.invalid:
        rest = f"{verdict.more:,} more findings. " if verdict.more else ""
        told = f"{rest}{verdict.invalid:,} of {verdict.rows:,} records are wrong; tokenop validate --input {path}"
        raise FindingsError(verdict.findings, told)
    if not verdict.rows:
        raise NoInputError(f"{path}: holds no usage records")
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {identifier(name)} AS {relation}")
    return UsageLog(path, verdict.rows)


def ingest(path: Path, scratch: Path, limit: int = 100) -> tuple[Verdict, str]:
    """Judge the records of `path`; return what is wrong and SQL of the sound ones, backed by a file in `scratch`.

    Raises:
        InputError: the file is not named .jsonl, or cannot be read at all.
    """
    if path.suffix.lower() not in (".jsonl", ".ndjson", ".json") and not path.is_dir():
        raise InputError(f"{path}: usage records are a .jsonl file")
    lines.require_file(path)
    copy, staged, target = (scratch / name for name in ("numbered.jsonl", "staged.parquet", "usage.parquet"))
    numbered = exact.number_jsonl(path, copy, each_line=True, record=USAGE)
    forms: dict[str, sql.Form] = {name: "token" for name in schema.types(USAGE) if name in numbered.fields}
    with connect(memory_limit=MEMORY, spill_to=scratch) as connection:
        exact_judge.stage(connection, exact_judge.numbered_source(copy, forms), forms, staged, USAGE)
        verdict = exact_judge.judge(connection, path, staged, numbered, limit)
        chosen = ", ".join(
            f"{identifier(name) if name in forms else f'NULL::{kind}'} AS {identifier(name)}"
            for name, kind in schema.types(USAGE).items()
        )
        connection.execute(
            f"COPY (SELECT {chosen} FROM read_parquet({quoted(str(staged))}) WHERE NOT bad AND line NOT IN "
            f"(SELECT line FROM repeated)) TO {quoted(str(target))} (FORMAT parquet)"
        )
    copy.unlink()
    return verdict, f"SELECT * FROM read_parquet({quoted(str(target))})"


def write_usage(connection: duckdb.DuckDBPyConnection, relation: str, path: Path) -> int:
    """Write the records of `relation`, SQL of a relation with the schema's columns, to `path`; return their number.

    The required columns are always written, an optional one only where some record has a value.

    Raises:
        FindingsError: a record breaks the schema; nothing is written.
        InputError: the file cannot be written.
    """
    optional = [column.name for column in schema.columns(USAGE) if not column.required]
    counted = connection.execute(
        f"SELECT {', '.join(f'count({identifier(name)})' for name in optional)} FROM {relation}"
    ).fetchone()
    assert counted is not None
    used = {name for name, count in zip(optional, counted, strict=True) if count}
    names = [column.name for column in schema.columns(USAGE) if column.required or column.name in used]
    with tempfile.TemporaryDirectory(prefix="tokenop-usage-") as folder:
        draft = Path(folder) / "usage.jsonl"
        connection.execute(
            f"COPY (SELECT {', '.join(map(as_json, names))} FROM (SELECT * FROM {relation} ORDER BY {ORDER})) "
            f"TO {quoted(str(draft))} (FORMAT json)"
        )
        verdict, _ = ingest(draft, Path(folder))
        if verdict.invalid:
            shown: list[Finding] = [replace(finding, file=str(path), line=0) for finding in verdict.findings]
            raise FindingsError(shown, f"{verdict.invalid:,} of {verdict.rows:,} records are wrong; nothing is written")
        with atomic(path) as temporary:
            shutil.copyfile(draft, temporary)
    return verdict.rows


def as_json(name: str) -> str:
    """Return SQL for the field `name` as it is written to a JSON line: times in UTC, numbers without padding."""
    column, kind = identifier(name), schema.types(USAGE)[name]
    if kind == "TIMESTAMPTZ":
        return f"replace(strftime({column} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ'), '.000000Z', 'Z') AS {column}"
    if kind.startswith("DECIMAL"):
        # The type has a scale, so there always is a point; all digits are kept, which a double would not do.
        exact_text = f"CAST({column} AS VARCHAR)"
        trimmed = (
            f"CASE WHEN contains({exact_text}, '.') THEN rtrim(rtrim({exact_text}, '0'), '.') ELSE {exact_text} END"
        )
        return f"CAST({trimmed} AS JSON) AS {column}"
    return column


def is_usage(path: Path) -> bool:
    """Tell whether the first line of `path` is a usage record and not an event."""
    if path.suffix.lower() not in (".jsonl", ".ndjson", ".json") or not path.is_file():
        return False
    try:
        block = next(lines.blocks(path), None)
    except OSError:
        return False  # whoever reads it as a log says what is wrong
    for row in block.data.split(b"\n", 20)[:20] if block is not None and not block.too_long else ():
        if row.strip():
            try:
                fields = msgspec.json.decode(row, type=dict[str, msgspec.Raw])
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
                return False
            return "period_start" in fields and "ts" not in fields
    return False
