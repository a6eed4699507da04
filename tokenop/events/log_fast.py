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
    nulls: Mapping[str, int]
    doubtful: tuple[str, ...]
    hash: str


def survey(connection: duckdb.DuckDBPyConnection, source: str, forms: Mapping[str, sql.Form]) -> Survey:
    """Check, count and hash the events of `source` (SQL of a relation holding the fields of `forms`) in one pass.

    `doubtful` are the string columns holding what a JSON reader could have made of another type than a string.
    """
    rules = sql.checks(forms)
    warnings = " OR ".join(f"NOT ({rule.fine})" for rule in rules if rule.severity == "warning")
    columns = [column for column in schema.columns() if column.name in forms]
    asked = [column.name for column in columns if column.required and sql.nullable(column)]
    strings = [column.name for column in columns if sql.kind(column) == "string" and "enum" not in column.rules]
    parts = [
        f"count({sql.broken(rules)})",
        f"count(*) FILTER ({warnings})" if warnings else "0",
        *[f"count(*) - count({identifier(name)})" for name in asked],
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
        dict(zip(asked, rest, strict=False)),
        tuple(name for name, found in zip(strings, rest[len(asked) :], strict=True) if found),
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

    def relation(self, path: Path, header: Path) -> str:
        """Return SQL that reads `path`, writing the one-line file `header` that tells DuckDB the fields.

        DuckDB refuses a key that the header does not have, and a key that stands twice. Were the columns named in
        the statement instead, it would drop unknown keys without a word. Values of two kinds in two rows make a
        field JSON; both rows have an empty time, which no event has.
        """
        rows = ({name: "" if form == "string" else value for name, form in self.forms.items()} for value in (1, [1]))
        header.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        files = f"[{quoted(str(header))}, {quoted(str(path))}]"
        return (
            f"(SELECT * FROM read_json({files}, format = 'newline_delimited', records = true, sample_size = 2, "
            f"maximum_object_size = {lines.LONGEST + 2}) WHERE ts <> '')"
        )


def _reads_as_told(connection: duckdb.DuckDBPyConnection, source: str, layout: Layout) -> bool:
    """Return whether DuckDB, which looks into the file too, took the types that the header stands for."""
    told = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {source}").fetchall()}
    return told == {name: "VARCHAR" if form == "string" else "JSON" for name, form in layout.forms.items()}


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
    """Return the typed Parquet copy of `path`, its layout and its number of lines; None where it is not clean.

    DuckDB converts in a thread while this one checks the bytes, for what DuckDB's reader would forgive.
    """
    layout = Layout.of(path)
    if layout is None:
        return None
    sound: int | None = None
    for attempt in (layout, layout.everything()):
        target = scratch / "events.parquet"
        source = attempt.relation(path, scratch / "header.jsonl")
        if not _reads_as_told(connection, source, attempt):
            return None
        conversion = _Conversion(connection, source, attempt.forms, target)
        conversion.start()
        sound = lines.all_sound(path) if sound is None else sound
        if sound < 0:
            connection.interrupt()
        conversion.join()
        if sound < 0:
            return None
        if conversion.error is None:
            return target, attempt, sound
        if "unknown key" not in str(conversion.error):
            return None
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


def nulls_written_out(path: Path, nulls: Mapping[str, int]) -> bool:
    """Return whether each null of a required field is written as such: an absent key reads the same in SQL."""
    asked = {name: count for name, count in nulls.items() if count}
    patterns = {name: (f'"{name}":null'.encode(), f'"{name}": null'.encode()) for name in asked}
    seen = dict.fromkeys(asked, 0)
    if asked:
        for block in lines.blocks(path):
            for name, spellings in patterns.items():
                seen[name] += sum(block.data.count(spelling) for spelling in spellings)
    return seen == asked


def all_strings(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, names: Iterable[str]) -> bool:
    """Return whether the fields `names`, read as strings, are JSON strings throughout `path`."""
    doubtful = [name for name in names if layout.forms[name] == "string"]
    if not doubtful:
        return True
    columns = ", ".join(f"{identifier(name)}: 'JSON'" for name in doubtful)
    others = " OR ".join(f"NOT starts_with({identifier(name)}::VARCHAR, '\"')" for name in doubtful)
    found = connection.execute(
        f"SELECT count(*) FROM read_json({quoted(str(path))}, format = 'newline_delimited', columns = {{{columns}}}, "
        f"maximum_object_size = {lines.LONGEST + 2}) WHERE {others}"
    ).fetchone()
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
