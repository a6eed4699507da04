"""Source files → one Parquet file: the declared columns with the file and line that each row came from."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.collect import columns, json_lines, tables
from tokenop.collect.columns import Resolved
from tokenop.collect.manifest import Manifest
from tokenop.collect.options import Options
from tokenop.collect.quarantine import Rejected
from tokenop.collect.sources import SourceFile
from tokenop.database import identifier, quoted
from tokenop.errors import InputError, NoInputError

if TYPE_CHECKING:
    import duckdb

Progress = Callable[[str], None]


@dataclass(slots=True)
class Staged:
    """What the files hold. `taken` says which columns were read as which fields without being asked for."""

    path: Path
    rows: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    taken: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Group:
    """Files read by one SELECT: `relation(needed)` selects `_file`, `_line` and the columns asked for, as text."""

    names: tuple[str, ...]
    relation: Callable[[Sequence[str]], str]


def stage(
    connection: duckdb.DuckDBPyConnection,
    manifest: Manifest,
    files: Sequence[SourceFile],
    options: Options,
    scratch: Path,
    progress: Progress = lambda _: None,
) -> Staged:
    """Write the rows of `files` to a Parquet file in `scratch`.

    Raises:
        InputError, NoInputError, MisuseError: a file cannot be read, or nothing gives a field that is needed.
    """
    staged = Staged(scratch / "staged.parquet")
    connection.execute("SET preserve_insertion_order = true")  # row numbers are line numbers
    # Copies of whole lines hold whatever the source holds, prompts too: they are gone once the columns are staged.
    copies = scratch / "copies"
    copies.mkdir(parents=True, exist_ok=True)
    try:
        selects = _selects(connection, manifest, files, options, copies, staged, progress)
        parts = []
        for number, (select, looser) in enumerate(selects):
            progress(f"{manifest.name}: staging part {number + 1} of {len(selects)}")
            part = scratch / f"part-{number}.parquet"
            _copy(connection, select, looser, part, files)
            parts.append(part)
        if len(parts) == 1:
            parts[0].replace(staged.path)
        else:
            _copy(connection, _union(parts, manifest), "", staged.path, files)
    finally:
        connection.execute("SET preserve_insertion_order = false")
        shutil.rmtree(copies, ignore_errors=True)
    counted = connection.execute(f"SELECT count(*) FROM read_parquet({quoted(str(staged.path))})").fetchone()
    staged.rows = int(counted[0]) if counted else 0
    return staged


def _selects(
    connection: duckdb.DuckDBPyConnection,
    manifest: Manifest,
    files: Sequence[SourceFile],
    options: Options,
    scratch: Path,
    staged: Staged,
    progress: Progress,
) -> list[tuple[str, str]]:
    """Return the SELECTs that read the files, each with the one to fall back to (or nothing)."""
    objects = [file for file in files if file.kind in ("json", "jsonl")]
    others = [file for file in files if file.kind not in ("json", "jsonl")]
    lines = json_lines.prepare(connection, objects, scratch, progress)
    staged.rejected += lines.rejected
    if not manifest.mappable:
        declared = [(_declared(manifest, group), "") for group in _tables(connection, others, scratch, staged)]
        return json_lines.typed(lines, manifest.columns, manifest.aliases) + declared
    groups = _tables(connection, others, scratch, staged)
    if lines.rows:
        groups.append(_Group(json_lines.keys(connection, lines), lambda needed: json_lines.texts(lines, needed)))
    resolved = [columns.resolve(manifest, options, group.names) for group in groups]
    if groups:
        columns.check_complete(options, resolved, (name for group in groups for name in group.names))
    for how in resolved:
        staged.taken |= how.taken
    return [(_mapped(manifest, group, how), "") for group, how in zip(groups, resolved, strict=True)]


def _tables(
    connection: duckdb.DuckDBPyConnection, files: Iterable[SourceFile], scratch: Path, staged: Staged
) -> list[_Group]:
    groups = []
    for number, file in enumerate(files):
        if file.kind == "parquet":
            groups.append(_parquet(connection, file))
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

    # Rows are read in their order, so that their numbers need no column of that name, which a file may have itself.
    read = f"read_parquet({quoted(str(file.path))}, hive_partitioning=false)"
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {read}").fetchall()
    except duckdb.Error as error:
        raise InputError(f"{file.shown}: is not a sound Parquet file: {str(error).splitlines()[0]}") from error
    texts = []
    for name, kind, *_ in described:
        column = identifier(str(name))
        nested = str(kind).startswith(("STRUCT", "MAP", "UNION")) or str(kind).endswith("]")
        texts.append(f"{f'to_json({column})' if nested else column}::VARCHAR AS {column}")
    relation = f"SELECT row_number() OVER () AS _line, {', '.join(texts)} FROM {read}"
    return _Group(tuple(str(row[0]) for row in described), _from(relation, file.shown))


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


def _union(parts: Sequence[Path], manifest: Manifest) -> str:
    if parts:
        return f"SELECT * FROM read_parquet([{', '.join(quoted(str(part)) for part in parts)}])"
    empty = ", ".join(f"NULL::{kind} AS {identifier(name)}" for name, kind in manifest.staged_columns.items())
    return f"SELECT {empty} WHERE false"


def _copy(
    connection: duckdb.DuckDBPyConnection, select: str, looser: str, target: Path, files: Sequence[SourceFile]
) -> None:
    import duckdb

    try:
        connection.execute(f"COPY ({select}) TO {quoted(str(target))} (FORMAT parquet)")
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.IOException) as error:
        if looser:
            _copy(connection, looser, "", target, files)
            return
        named = ", ".join(file.shown for file in files[:3])
        raise InputError(f"{named}: cannot be read: {str(error).splitlines()[0]}") from error
