"""The fast way into an event log: one typed copy to Parquet, one survey of it. Anything odd is left to the exact way.

`None` from a function here means "not surely clean", never "wrong": the exact pass decides.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tokenop.database import identifier, quoted
from tokenop.events import hashing, lines, schema, sql

if TYPE_CHECKING:
    import duckdb

SCRATCH = "FORMAT parquet, COMPRESSION snappy, PARQUET_VERSION v2"
"""How scratch copies are written: a fifth quicker to write than the default, and smaller."""

_SAMPLE_LINES = 200
_OBJECT = msgspec.json.Decoder(dict[str, object])
_PYTHON: dict[str, type] = {"string": str, "time": str, "integer": int, "number": float, "boolean": bool}


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass over typed events says. `clean` where no check of severity error fails and ids are unique.

    `hash` is empty where it was not asked for.
    """

    rows: int
    clean: bool
    warned: int
    hash: str


def survey(
    connection: duckdb.DuckDBPyConnection, source: str, forms: Mapping[str, sql.Form], hashed: bool = True
) -> Survey:
    """Check, count and hash the events of `source` (SQL of a relation holding the fields of `forms`) in one pass."""
    rules = sql.checks(forms)
    warnings = " OR ".join(f"NOT ({rule.fine})" for rule in rules if rule.severity == "warning")
    row = connection.execute(
        f"""SELECT count(*), count({sql.broken(rules)}), {f"count(*) FILTER ({warnings})" if warnings else "0"},
        {hashing.sums(forms) if hashed else "NULL, NULL, NULL"} FROM ({sql.typed(source, forms)})"""
    ).fetchone()
    assert row is not None
    count, broken, warned, *sums = row
    unique = broken == 0 and unique_ids(connection, source, count)
    return Survey(count, unique, warned, hashing.combine(*sums) if hashed else "")


def unique_ids(connection: duckdb.DuckDBPyConnection, source: str, count: int) -> bool:
    """Return whether the hashes of the `count` ids of `source` all differ; then so do the ids."""
    found = connection.execute(f"SELECT count(DISTINCT hash(id)) FROM {source}").fetchone()
    return bool(found and found[0] == count)


def sample_fields(path: Path) -> set[str] | None:
    """Return the keys of the first lines of `path`; None where they are not events."""
    block = next(lines.blocks(path), None)
    if block is None or block.too_long:
        return None
    names: set[str] = set()
    for row in block.data.split(b"\n", _SAMPLE_LINES)[:_SAMPLE_LINES]:
        try:
            names |= _OBJECT.decode(row).keys() if row else set()
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return None
    return None if names - schema.types().keys() else names


def decoder(names: set[str]) -> msgspec.json.Decoder[object]:
    """Return a decoder of objects with the event fields `names` and no others, each of its type.

    The required ones must be present. Here a whole number must be written as one: `17.0` is left to the exact way.
    """
    fields: list[tuple[str, object] | tuple[str, object, object]] = []
    for column in schema.columns():
        kind: object = _PYTHON.get(sql.kind(column), list[str])
        if sql.nullable(column):
            kind = kind | None  # type: ignore[operator]
        if column.required:
            fields.append((column.name, kind))
        elif column.name in names:
            fields.append((column.name, kind, None))
    return msgspec.json.Decoder(msgspec.defstruct("Event", fields, forbid_unknown_fields=True, gc=False))


def read_lines(path: Path, types: Mapping[str, str]) -> str:
    """Return SQL for the lines of `path`, the fields named in `types` read as the types given."""
    columns = ", ".join(f"{identifier(name)}: {quoted(kind)}" for name, kind in types.items())
    return (
        f"read_json({quoted(str(path))}, format = 'newline_delimited', columns = {{{columns}}}, "
        f"maximum_object_size = {lines.LONGEST + 65536})"
    )


def convert(connection: duckdb.DuckDBPyConnection, source: str, forms: Mapping[str, sql.Form], target: Path) -> None:
    """Write the rows of `source`, typed, to the Parquet file `target`; stop at the first that cannot be read.

    Checked here are the fields that typing changes, for it hides what was wrong with them.
    """
    strings = {column.name for column in schema.columns() if sql.kind(column) == "string"}
    changed = [rule for rule in sql.field_checks(forms) if forms[rule.field] != "typed" and rule.field not in strings]
    names = [column.name for column in schema.columns() if column.name in forms]
    guard = f"CASE WHEN {sql.broken(changed)} IS NOT NULL THEN error('not clean') ELSE id END AS id"
    chosen = ", ".join([guard, *[identifier(name) for name in names if name != "id"]])
    connection.execute(f"COPY (SELECT {chosen} FROM ({sql.typed(source, forms)})) TO {quoted(str(target))} ({SCRATCH})")


def convert_jsonl(
    connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path
) -> tuple[Path, Mapping[str, sql.Form], int] | None:
    """Return the typed Parquet copy of `path`, its forms and its number of events; None where it is not clean.

    DuckDB converts in a thread. Meanwhile this one looks for what DuckDB's reader forgives: unknown and absent keys,
    values of another type (it reads 12.7 as the whole number 13), commas too many. What msgspec forgives in turn,
    such as two objects in a line or a key that stands twice, DuckDB does not.
    """
    sampled = sample_fields(path)
    if sampled is None:
        return None
    target = scratch / "events.parquet"
    for names in (sampled, set(schema.types())):
        present = [column for column in schema.columns() if column.required or column.name in names]
        forms: dict[str, sql.Form] = {column.name: "string" if column.name == "ts" else "typed" for column in present}
        types = {column.name: "VARCHAR" if column.name == "ts" else column.duckdb for column in present}
        conversion = _Conversion(connection, read_lines(path, types), forms, target)
        conversion.start()
        count = lines.count_objects(path, decoder(names))
        if count is not None:
            conversion.join()
            return (target, forms, count) if conversion.error is None else None
        conversion.stop()
    return None


class _Conversion(threading.Thread):
    def __init__(
        self, connection: duckdb.DuckDBPyConnection, source: str, forms: Mapping[str, sql.Form], target: Path
    ) -> None:
        super().__init__(daemon=True)
        self._work = (connection, source, forms, target)
        self.error: Exception | None = None

    def run(self) -> None:
        import duckdb

        try:
            convert(*self._work)
        except duckdb.Error as error:
            self.error = error

    def stop(self) -> None:
        """Interrupt the conversion and wait for its end. One that has not begun yet misses the first interrupt."""
        while self.is_alive():
            self._work[0].interrupt()
            self.join(0.05)


def convert_csv(
    connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path, names: list[str]
) -> tuple[Path, Mapping[str, sql.Form]] | None:
    """Return the typed Parquet copy of the CSV file `path` with the header `names`; None where it is not clean."""
    import duckdb

    forms: dict[str, sql.Form] = dict.fromkeys(names, "text")
    columns = ", ".join(f"{identifier(name)}: 'VARCHAR'" for name in names)
    source = (
        f"read_csv({quoted(str(path))}, auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', "
        f"columns = {{{columns}}}, max_line_size = {lines.LONGEST}, new_line = {quoted(_line_end(path))})"
    )
    target = scratch / "events.parquet"
    try:
        convert(connection, source, forms, target)
    except duckdb.Error:
        return None
    return target, forms


def _line_end(path: Path) -> str:
    with path.open("rb") as file:
        return "\\r\\n" if file.readline(lines.LONGEST).endswith(b"\r\n") else "\\n"
