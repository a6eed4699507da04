"""Source files → one relation: the declared columns with the file and line that each row came from.

Parquet files are read where they lie, one time; lines and tables of text become a Parquet file in scratch first.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.collect import columns, json_lines, tables
from tokenop.collect.columns import Resolved
from tokenop.collect.confined import Relation
from tokenop.collect.manifest import Manifest
from tokenop.collect.options import Options
from tokenop.collect.quarantine import Rejected
from tokenop.collect.sources import SourceFile
from tokenop.database import identifier, quoted
from tokenop.errors import InputError, NoInputError

if TYPE_CHECKING:
    import duckdb

Progress = Callable[[str], None]
# The process that maps may have 256 files open.
_MOST_IN_PLACE = 64


@dataclass(slots=True)
class Staged:
    """What the files hold.

    `relation` gives the declared columns, `_file` and `_line`. `taken` says which columns were read as which fields
    without being asked for.
    """

    relation: Relation
    rows: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    taken: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Group:
    """Files read by one SELECT: `relation(needed)` selects `_file`, `_line` and the columns asked for, as text."""

    names: tuple[str, ...]
    relation: Callable[[Sequence[str]], str]
    parquet: Path | None = None  # read in place


def stage(
    connection: duckdb.DuckDBPyConnection,
    manifest: Manifest,
    files: Sequence[SourceFile],
    options: Options,
    scratch: Path,
    progress: Progress = lambda _: None,
) -> Staged:
    """Make the rows of `files` one relation over Parquet files, theirs or some in `scratch`.

    Raises:
        InputError, NoInputError, MisuseError: a file cannot be read, or nothing gives a field that is needed.
    """
    staged = Staged(Relation("", ()))
    connection.execute("SET preserve_insertion_order = true")  # row numbers are line numbers
    # Copies of whole lines hold whatever the source holds, prompts too: they are gone once the columns are staged.
    copies = scratch / "copies"
    copies.mkdir(parents=True, exist_ok=True)
    selects, opened = [], []
    try:
        pieces = _pieces(connection, manifest, files, options, copies, staged, progress)
        for number, piece in enumerate(pieces):
            if piece.parquet:
                selects.append(piece.select)
                opened.append(piece.parquet.resolve())
                continue
            progress(f"{manifest.name}: staging part {number + 1} of {len(pieces)}")
            part = scratch / f"part-{number}.parquet"
            _copy(connection, piece.select, piece.looser, part, files)
            selects.append(f"SELECT _file, _line, {_named(manifest)} FROM read_parquet({quoted(str(part.resolve()))})")
            opened.append(part.resolve())
    finally:
        connection.execute("SET preserve_insertion_order = false")
        shutil.rmtree(copies, ignore_errors=True)
        _drop_unpacked(files, scratch, opened)
    staged.relation = Relation(" UNION ALL ".join(selects) or _nothing(manifest), tuple(opened))
    for path in opened:
        counted = connection.execute(f"SELECT num_rows FROM parquet_file_metadata({quoted(str(path))})").fetchone()
        staged.rows += int(counted[0]) if counted else 0
    return staged


@dataclass(frozen=True, slots=True)
class _Piece:
    """A SELECT over some files, and the one to fall back to (or nothing); or one over a Parquet file in place."""

    select: str
    looser: str = ""
    parquet: Path | None = None


def _members(manifest: Manifest) -> frozenset[str] | None:
    """Return what members a row of the source has, in small letters; None where a file may not be pages of rows."""
    if manifest.mappable or manifest.format != "any":
        return None
    names = [*manifest.columns, *(alias for aliases in manifest.aliases.values() for alias in aliases)]
    # An alias such as `$.output.usage` lies in the member `output`.
    return frozenset(name.removeprefix("$.").split(".")[0].strip('"').lower() for name in names)


def _drop_unpacked(files: Sequence[SourceFile], scratch: Path, opened: Sequence[Path]) -> None:
    """Remove unpacked copies that nobody reads any more: they hold whole lines as well."""
    for file in files:
        if file.path.parent == scratch and file.path.resolve() not in opened:
            file.path.unlink(missing_ok=True)


def _named(manifest: Manifest) -> str:
    return ", ".join(identifier(name) for name in manifest.columns)


def _nothing(manifest: Manifest) -> str:
    empty = ", ".join(f"NULL::{kind} AS {identifier(name)}" for name, kind in manifest.columns.items())
    return f"SELECT NULL::VARCHAR AS _file, NULL::BIGINT AS _line, {empty} WHERE false"


def _pieces(
    connection: duckdb.DuckDBPyConnection,
    manifest: Manifest,
    files: Sequence[SourceFile],
    options: Options,
    scratch: Path,
    staged: Staged,
    progress: Progress,
) -> list[_Piece]:
    """Return how the files are read."""
    objects = [file for file in files if file.kind in ("json", "jsonl")]
    others = [file for file in files if file.kind not in ("json", "jsonl")]
    lines = json_lines.prepare(connection, objects, scratch, progress, _members(manifest))
    staged.rejected += lines.rejected
    if not manifest.mappable:
        read = [_Piece(quick, looser) for quick, looser in json_lines.typed(lines, manifest.columns, manifest.aliases)]
        tables = _tables(connection, others, scratch, staged)
        return read + [_Piece(_declared(manifest, group), "", group.parquet) for group in tables]
    groups = _tables(connection, others, scratch, staged)
    if lines.rows:
        groups.append(_Group(json_lines.keys(connection, lines), lambda needed: json_lines.texts(lines, needed)))
    resolved = [columns.resolve(manifest, options, group.names) for group in groups]
    if groups:
        columns.check_complete(options, resolved, (name for group in groups for name in group.names))
    for how in resolved:
        staged.taken |= how.taken
    return [
        _Piece(_mapped(manifest, group, how), "", group.parquet) for group, how in zip(groups, resolved, strict=True)
    ]


def _tables(
    connection: duckdb.DuckDBPyConnection, files: Iterable[SourceFile], scratch: Path, staged: Staged
) -> list[_Group]:
    groups = []
    files = list(files)
    for number, file in enumerate(files):
        if file.kind == "parquet":
            group = _parquet(connection, file)
            groups.append(group if len(files) <= _MOST_IN_PLACE else replace(group, parquet=None))
            continue
        try:
            table = tables.open_table(file.path, file.shown, scratch / f"table-{number}.csv")
        except NoInputError:
            continue  # an empty file holds no rows; a run without any row says so at its end
        staged.rejected += table.rejected
        groups.append(_Group(table.names, _from(table.relation, file.shown)))
    return groups


def _from(relation: str, shown: str) -> Callable[[Sequence[str]], str]:
    def select(needed: Sequence[str]) -> str:
        chosen = "".join(f", {identifier(name)}" for name in needed)
        return f"SELECT {quoted(shown)} AS _file, _line{chosen} FROM ({relation})"

    return select


def _parquet(connection: duckdb.DuckDBPyConnection, file: SourceFile) -> _Group:
    import duckdb

    read = f"read_parquet({quoted(str(file.path.resolve()))}, hive_partitioning=false)"
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {read}").fetchall()
    except duckdb.Error as error:
        raise InputError(f"{file.shown}: is not a sound Parquet file: {str(error).splitlines()[0]}") from error
    texts = []
    for name, kind, *_ in described:
        column = identifier(str(name))
        nested = str(kind).startswith(("STRUCT", "MAP", "UNION")) or str(kind).endswith("]")
        texts.append(f"{f'to_json({column})' if nested else column}::VARCHAR AS {column}")
    names = tuple(str(row[0]) for row in described)
    numbered = f"{read[:-1]}, file_row_number = true)"
    if "file_row_number" in (name.lower() for name in names):
        # The reader has no other name for it: this file is copied, row by row in its order.
        counted = f"SELECT row_number() OVER () AS _line, {', '.join(texts)} FROM {read}"
        return _Group(names, _from(counted, file.shown))
    relation = f"SELECT file_row_number + 1 AS _line, {', '.join(texts)} FROM {numbered}"
    return _Group(names, _from(relation, file.shown), file.path)


def _declared(manifest: Manifest, group: _Group) -> str:
    """Select the declared columns of a collector that does not map; absent ones are NULL.

    A table that has no column of the very name may have it in another case, or under an alias.
    """
    found = {name: columns.spelled(name, manifest.aliases.get(name, ()), group.names) for name in manifest.columns}
    values = ", ".join(
        f"{_as_declared(found[name][0], kind) if found[name][0] else f'NULL::{kind}'} AS {identifier(name)}"
        for name, kind in manifest.columns.items()
    )
    needed = dict.fromkeys(column for _, read in found.values() for column in read)
    return f"SELECT _file, _line, {values} FROM ({group.relation(tuple(needed))})"


def _as_declared(values: Sequence[str], kind: str) -> str:
    text = values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"
    # From text a STRUCT must have all its members; from JSON those that are absent are NULL.
    nested = kind.upper().startswith(("STRUCT", "MAP")) or kind.endswith("]")
    return f"TRY_CAST({f'TRY_CAST({text} AS JSON)' if nested else text} AS {kind})"


def _mapped(manifest: Manifest, group: _Group, how: Resolved) -> str:
    values = ", ".join(
        f"CAST({how.expressions.get(name, 'NULL')} AS VARCHAR) AS {identifier(name)}" for name in manifest.columns
    )
    return f"SELECT _file, _line, {values} FROM ({group.relation(how.needed)})"


def _copy(
    connection: duckdb.DuckDBPyConnection, select: str, looser: str, target: Path, files: Sequence[SourceFile]
) -> None:
    import duckdb

    try:
        connection.execute(f"COPY ({select}) TO {quoted(str(target))} (FORMAT parquet)")
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.IOException, UnicodeDecodeError) as error:
        # DuckDB quotes the value in its message and cuts it, now and then within a letter: no text any more.
        if looser:
            _copy(connection, looser, "", target, files)
            return
        named = ", ".join(file.shown for file in files[:3])
        raise InputError(f"{named}: cannot be read: {str(error).splitlines()[0]}") from error
