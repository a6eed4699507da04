"""The fast way into an event log: one typed copy to Parquet, one survey of it. Anything odd is left to the exact way.

`None` from a function here means "not surely clean", never "wrong": the exact pass decides.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tokenop.database import identifier, quoted
from tokenop.events import hashing, lines, schema, sql

if TYPE_CHECKING:
    import duckdb

_OBJECT = msgspec.json.Decoder(dict[str, object])
_TOKEN_START = re.compile(r"[-+.0-9\[{]|(?:true|false|nan|inf)", re.IGNORECASE)
_SAMPLE_LINES = 200


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass over typed events says. `clean` where no check of severity error fails and ids are unique."""

    rows: int
    clean: bool
    warned: int
    doubtful: tuple[str, ...]
    hash: str


def survey(connection: duckdb.DuckDBPyConnection, source: str, forms: Mapping[str, sql.Form]) -> Survey:
    """Check, count and hash the events of `source` (SQL of a relation holding the fields of `forms`) in one pass.

    `doubtful` are the string columns holding what a JSON reader could have made of another type than a string.
    """
    rules = sql.checks(forms)
    warnings = " OR ".join(f"NOT ({rule.fine})" for rule in rules if rule.severity == "warning")
    columns = [column for column in schema.columns() if column.name in forms]
    strings = [column.name for column in columns if sql.kind(column) == "string" and "enum" not in column.rules]
    parts = [
        f"count({sql.broken(rules)})",
        f"count(*) FILTER ({warnings})" if warnings else "0",
        *[f"count(*) FILTER ({sql.looks_like_token(name)})" for name in strings],
    ]
    row = connection.execute(
        f"SELECT {hashing.sums(forms)}, {', '.join(parts)} FROM ({sql.typed(source, forms)})"
    ).fetchone()
    assert row is not None
    count, low, high, broken, warned, *rest = row
    unique = broken == 0 and unique_ids(connection, source, count)
    return Survey(
        count,
        broken == 0 and unique,
        warned,
        tuple(name for name, found in zip(strings, rest, strict=True) if found),
        hashing.combine(count, low, high),
    )


def unique_ids(connection: duckdb.DuckDBPyConnection, source: str, count: int) -> bool:
    """Return whether the hashes of the `count` ids of `source` all differ; then so do the ids."""
    found = connection.execute(f"SELECT count(DISTINCT hash(id)) FROM {source}").fetchone()
    return bool(found and found[0] == count)


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read a JSON-lines log: the form of each field."""

    forms: Mapping[str, sql.Form]

    @staticmethod
    def of(path: Path) -> Layout | None:
        """Return a layout after a look at the first lines; None where they are not plain events."""
        names: set[str] = set()
        tokens: set[str] = set()
        block = next(lines.blocks(path), None)
        if block is None or block.too_long:
            return None
        for row in block.data.split(b"\n", _SAMPLE_LINES)[:_SAMPLE_LINES]:
            if not row:
                continue
            try:
                event = _OBJECT.decode(row)
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
                return None
            names |= event.keys()
            # DuckDB reads 17 and "17" into the same VARCHAR, so such columns are read as JSON and unquoted.
            tokens |= {name for name, value in event.items() if isinstance(value, str) and _TOKEN_START.match(value)}
        return None if names - schema.types().keys() else Layout.with_names(names, tokens)

    @staticmethod
    def with_names(names: Iterable[str], tokens: set[str]) -> Layout:
        """Return the layout of a file with the fields `names` (and the required ones), `tokens` read as JSON."""
        there = set(names)
        forms: dict[str, sql.Form] = {}
        for column in schema.columns():
            if column.required or column.name in there:
                family = sql.kind(column)
                plain = family == "time" or (family == "string" and column.name not in tokens)
                forms[column.name] = "string" if plain else "token"
        return Layout(forms)

    def everything(self) -> Layout:
        """Return this layout with all fields of the schema."""
        return Layout.with_names(schema.types(), {name for name, form in self.forms.items() if form == "token"})

    def decoder(self) -> msgspec.json.Decoder[object]:
        """Return a decoder of objects with these fields and no others, the required ones present."""
        required = {column.name for column in schema.columns() if column.required}
        fields: list[tuple[str, object] | tuple[str, object, object]] = [
            (name, msgspec.Raw) if name in required else (name, msgspec.Raw | msgspec.UnsetType, msgspec.UNSET)
            for name in self.forms
        ]
        return msgspec.json.Decoder(msgspec.defstruct("Event", fields, forbid_unknown_fields=True, gc=False))

    def relation(self, path: Path) -> str:
        """Return SQL that reads `path`."""
        return read_lines(path, {name: "VARCHAR" if form == "string" else "JSON" for name, form in self.forms.items()})


def read_lines(path: Path, types: Mapping[str, str]) -> str:
    """Return SQL for the lines of `path`, the fields named in `types` read as the types given."""
    columns = ", ".join(f"{identifier(name)}: {quoted(kind)}" for name, kind in types.items())
    return (
        f"read_json({quoted(str(path))}, format = 'newline_delimited', columns = {{{columns}}}, "
        f"maximum_object_size = {lines.LONGEST + 65536})"
    )


def convert(connection: duckdb.DuckDBPyConnection, source: str, forms: Mapping[str, sql.Form], target: Path) -> None:
    """Write the rows of `source`, typed, to the Parquet file `target`; stop at the first that cannot be read.

    Only what typing would hide is checked here: text that is no number, fractions of whole numbers, times without
    zone. `survey` checks the rest on the typed copy.
    """
    families = {column.name: sql.kind(column) for column in schema.columns()}
    hidden = [
        rule
        for rule in sql.checks(forms)[: len(forms)]
        if rule.field in forms and (families[rule.field] != "string" or forms[rule.field] == "token")
    ]
    names = [column.name for column in schema.columns() if column.name in forms]
    guard = f"CASE WHEN {sql.broken(hidden)} IS NOT NULL THEN error('not clean') ELSE id END AS id"
    chosen = ", ".join([guard, *[identifier(name) for name in names if name != "id"]])
    connection.execute(
        f"COPY (SELECT {chosen} FROM ({sql.typed(source, forms)})) TO {quoted(str(target))} "
        f"(FORMAT parquet, COMPRESSION snappy)"
    )


def convert_jsonl(connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path) -> tuple[Path, Layout, int] | None:
    """Return the typed Parquet copy of `path`, its layout and its number of events; None where it is not clean.

    DuckDB converts in a thread. Meanwhile this one looks for what DuckDB's reader forgives: unknown keys, absent
    ones, commas too many. What msgspec forgives in turn, such as two objects in a line, DuckDB does not.
    """
    layout = Layout.of(path)
    if layout is None:
        return None
    target = scratch / "events.parquet"
    for attempt in (layout, layout.everything()):
        conversion = _Conversion(connection, attempt.relation(path), attempt.forms, target)
        conversion.start()
        count = lines.count_objects(path, attempt.decoder())
        if count is not None:
            conversion.join()
            return (target, attempt, count) if conversion.error is None else None
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


def all_strings(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, names: Iterable[str]) -> bool:
    """Return whether the fields `names`, read as strings, are JSON strings throughout `path`."""
    doubtful = [name for name in names if layout.forms[name] == "string"]
    if not doubtful:
        return True
    others = " OR ".join(f"NOT starts_with({identifier(name)}::VARCHAR, '\"')" for name in doubtful)
    source = read_lines(path, dict.fromkeys(doubtful, "JSON"))
    found = connection.execute(f"SELECT count(*) FROM {source} WHERE {others}").fetchone()
    return bool(found and found[0] == 0)


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
