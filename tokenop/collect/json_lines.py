"""JSON lines (and JSON arrays) as relations whose rows know their file and line."""

from __future__ import annotations

import bisect
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.collect import json_pages
from tokenop.collect.columns import json_path
from tokenop.collect.quarantine import Rejected
from tokenop.collect.sources import SourceFile
from tokenop.database import identifier, quoted
from tokenop.errors import InputError
from tokenop.events import lines as event_lines

if TYPE_CHECKING:
    import duckdb
    import msgspec

_LONGEST = 16 * 1024 * 1024
_LARGEST_DOCUMENT = 256 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
# Thousands of small transcripts are read as a few large files: each file that DuckDB opens has its price.
_SMALL, _BUNDLE = 2 * 1024 * 1024, 64 * 1024 * 1024
# A file that changed within so many seconds may be changing still.
_RECENT = 300
# One SELECT reads this many files: few enough for its text.
_BATCH = 400


@dataclass(slots=True)
class _Bundle:
    """A line file and what it is made of: each part's shown name, and the number of lines before it."""

    path: Path
    parts: list[tuple[str, int]]

    def origin(self, line: int) -> tuple[str, int]:
        """Return the file and line that line `line` of the bundle is."""
        index = bisect.bisect_left([first for _, first in self.parts], line) - 1
        shown, first = self.parts[index]
        return shown, line - first


@dataclass(slots=True)
class Lines:
    """Sound line files, in batches of those that one SELECT reads, in the order in which it must read them.

    Tables turn row numbers into lines: `line_bundles` (rows before each path in its batch), `line_skips`, `line_files`.
    """

    batches: list[list[Path]] = field(default_factory=list)
    rows: int = 0
    rejected: list[Rejected] = field(default_factory=list)


def prepare(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[SourceFile],
    scratch: Path,
    progress: Callable[[str], None],
    known: Collection[str] | None = None,
) -> Lines:
    """Return `files` as sound lines (copies in `scratch` where something was wrong) with what they leave out.

    Where the members of a record are `known` (small letters), pages of records count as the records; see `json_pages`.
    """
    found = Lines()
    before: list[tuple[str, int]] = []
    skips: list[tuple[str, int, int]] = []
    origins: list[tuple[str, str, int]] = []
    in_batch = 0
    for bundle in _bundles(files, scratch, progress, known):
        salvaged = event_lines.salvage(bundle.path, scratch)
        for bad in salvaged.rejected:
            shown, line = bundle.origin(bad.line)
            found.rejected.append(Rejected(shown, line, bad.rule, bad.reason))
        sound = salvaged.lines - len(salvaged.rejected)
        if not sound:
            continue
        if not found.batches or len(found.batches[-1]) == _BATCH:
            found.batches.append([])
            in_batch = 0
        clean = str(salvaged.clean)
        found.batches[-1].append(salvaged.clean)
        before.append((clean, in_batch))
        skips += [(clean, *skip) for skip in _skips(bundle.path, salvaged)]
        origins += [(clean, *part) for part in bundle.parts]
        in_batch += sound
        found.rows += sound
    _store(connection, "line_bundles (path VARCHAR, before BIGINT)", before)
    _store(connection, "line_skips (path VARCHAR, after BIGINT, shift BIGINT)", skips)
    _store(connection, "line_files (path VARCHAR, shown VARCHAR, first BIGINT)", origins)
    return found


def _bundles(
    files: Sequence[SourceFile], scratch: Path, progress: Callable[[str], None], known: Collection[str] | None
) -> Iterator[_Bundle]:
    """Yield large files as they are, and small ones joined."""
    pending: list[SourceFile] = []
    size = 0
    for number, file in enumerate(files):
        progress(f"checking {file.shown} ({number + 1} of {len(files)})")
        if file.kind == "json" or _is_one_document(file.path):
            yield _Bundle(_array_as_lines(file, scratch / f"array-{number}.jsonl", known), [(file.shown, 0)])
            continue
        if known is not None and json_pages.starts(file.path, known):
            target = scratch / f"pages-{number}.jsonl"
            _write(json_pages.spread(json_pages.lines(file.path), known), target)
            yield _Bundle(target, [(file.shown, 0)])
            continue
        bytes_here = file.path.stat().st_size
        if bytes_here > _SMALL:
            yield _Bundle(_at_rest(file.path, scratch / f"still-{number}.jsonl"), [(file.shown, 0)])
            continue
        pending.append(file)
        size += bytes_here
        if size > _BUNDLE:
            yield _joined(pending, scratch / f"bundle-{number}.jsonl")
            pending, size = [], 0
    if pending:
        yield _joined(pending, scratch / "bundle.jsonl")


def _at_rest(path: Path, copy: Path) -> Path:
    """Return `path`, or a copy of it where something may still be writing to it.

    A transcript grows while its session runs, often the very session that runs this command. It is read several times
    here, and each time it must be the same; a last line that is cut short is then rejected like any other bad line.
    """
    if time.time() - path.stat().st_mtime > _RECENT:
        return path
    with path.open("rb") as source, copy.open("wb") as target:
        left = path.stat().st_size
        while left > 0 and (block := source.read(min(left, _SMALL))):
            target.write(block)
            left -= len(block)
    return copy


def _joined(files: Sequence[SourceFile], target: Path) -> _Bundle:
    if len(files) == 1:
        return _Bundle(_at_rest(files[0].path, target), [(files[0].shown, 0)])
    parts: list[tuple[str, int]] = []
    lines = 0
    with target.open("wb") as bundle:
        for file in files:
            data = file.path.read_bytes().removeprefix(_BOM)
            if not data:
                continue
            data = data if data.endswith(b"\n") else data + b"\n"
            parts.append((file.shown, lines))
            bundle.write(data)
            lines += data.count(b"\n")
    return _Bundle(target, parts)


def keys(connection: duckdb.DuckDBPyConnection, lines: Lines) -> tuple[str, ...]:
    """Return the names of the objects' top-level members, sorted."""
    names: set[str] = set()
    for paths in lines.batches:
        listed = _listed(paths)
        rows = connection.execute(
            "SELECT DISTINCT unnest(json_keys(json)) FROM read_json_objects("
            f"{listed}, format='newline_delimited', maximum_object_size={_LONGEST})"
        ).fetchall()
        names |= {str(row[0]) for row in rows}
    return tuple(sorted(names))


def texts(lines: Lines, needed: Sequence[str]) -> str:
    """Return a SELECT of `_file`, `_line` and the members `needed` as text (nested ones as JSON)."""
    lower = [name.lower() for name in needed]
    twice = sorted(name for name in needed if lower.count(name.lower()) > 1)
    if twice:
        raise InputError(f"the columns {' and '.join(twice)} differ only in case: rename one, or map only one of them")
    return " UNION ALL ".join(_read(paths, dict.fromkeys(needed, "VARCHAR")) for paths in lines.batches)


def typed(
    lines: Lines, columns: Mapping[str, str], aliases: Mapping[str, Sequence[str]] | None = None
) -> list[tuple[str, str]]:
    """Return, one a batch, a SELECT of `_file`, `_line` and the declared `columns`, and the one to fall back to.

    The first is quick and fails where a value is not of its column's type; the second makes such a value NULL. With
    `aliases` a column may go by other names as well: the first name that holds something counts.
    """
    if aliases:
        return [(_spelled(paths, columns, aliases), "") for paths in lines.batches]
    values = ", ".join(
        identifier(name) if _is_text(kind) else f"TRY_CAST({identifier(name)} AS {kind}) AS {identifier(name)}"
        for name, kind in columns.items()
    )
    loose = {name: kind if _is_text(kind) else "JSON" for name, kind in columns.items()}
    return [
        (_read(paths, columns), f"SELECT _file, _line, {values} FROM ({_read(paths, loose)})")
        for paths in lines.batches
    ]


def _spelled(paths: Sequence[Path], columns: Mapping[str, str], aliases: Mapping[str, Sequence[str]]) -> str:
    """Return a SELECT of the columns from whole objects: a typed reader knows one spelling of a key alone."""
    names: list[str] = []
    values = []
    for name, kind in columns.items():
        spellings = (name, *aliases.get(name, ()))
        places = ", ".join(f"_values[{len(names) + n}]" for n, _ in enumerate(spellings, start=1))
        names += spellings
        text = f"coalesce({places})"
        value = text if _is_text(kind) else f"TRY_CAST(TRY_CAST({text} AS JSON) AS {kind})"
        values.append(f"{value} AS {identifier(name)}")
    listed = ", ".join(quoted(json_path(name)) for name in names)
    reader = (
        f"SELECT json_extract_string(json, [{listed}]) AS _values, _path FROM read_json_objects({_listed(paths)}, "
        f"format='newline_delimited', filename='_path', maximum_object_size={_LONGEST})"
    )
    return f"SELECT _file, _line, {', '.join(values)} FROM ({_placed(reader, ', _values')})"


def _is_text(kind: str) -> bool:
    return kind.upper() in ("VARCHAR", "JSON")


def _read(paths: Sequence[Path], columns: Mapping[str, str]) -> str:
    declared = ", ".join(f"{identifier(name)}: {quoted(kind)}" for name, kind in columns.items())
    chosen = "".join(f", {identifier(name)}" for name in columns)
    # A second member keeps a lone column from being taken for the whole line.
    declared = ", ".join(part for part in (declared, "\"\x01\": 'VARCHAR'") if part)
    reader = (
        f"SELECT * FROM read_json({_listed(paths)}, columns={{{declared}}}, format='newline_delimited', "
        f"filename='_path', maximum_object_size={_LONGEST})"
    )
    return _placed(reader, chosen)


def _placed(reader: str, chosen: str) -> str:
    """Return a SELECT of `_file`, `_line` and `chosen` from the rows of `reader`, which knows their `_path`."""
    return f"""
        SELECT file.shown AS _file, placed.line - file.first AS _line{chosen}
        FROM (
            SELECT numbered.*, numbered.n - bundle.before + coalesce(skip.shift, 0) AS line
            FROM (SELECT row_number() OVER () AS n, * FROM ({reader})) AS numbered
            JOIN line_bundles AS bundle ON numbered._path = bundle.path
            ASOF LEFT JOIN line_skips AS skip
                ON numbered._path = skip.path AND numbered.n - bundle.before > skip.after
        ) AS placed
        ASOF JOIN line_files AS file ON placed._path = file.path AND placed.line > file.first"""


def _listed(paths: Sequence[Path]) -> str:
    return f"[{', '.join(quoted(str(path)) for path in paths)}]"


def _store(connection: duckdb.DuckDBPyConnection, declaration: str, rows: Sequence[Sequence[object]]) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {declaration}")
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {declaration.split()[0]} VALUES ({marks})", [list(row) for row in rows])


def _skips(path: Path, salvaged: event_lines.Salvaged) -> list[tuple[int, int]]:
    """Return (`after`, `shift`): rows beyond the `after`-th sound one stand `shift` lines further down."""
    bad = {rejected.line for rejected in salvaged.rejected}
    if not bad and _count_lines(path) == salvaged.lines:
        return []
    found: list[tuple[int, int]] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if number in bad or not line.strip():
                after, shift = number - 1 - len(found), len(found) + 1
                found.append((after, shift))
    # Of neighbouring lines that are left out only the last counts.
    return [skip for n, skip in enumerate(found) if n + 1 == len(found) or found[n + 1][0] != skip[0]]


def _count_lines(path: Path) -> int:
    lines, last = 0, b"\n"
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            lines += block.count(b"\n")
            last = block[-1:]
    return lines + (last != b"\n")


def _array_as_lines(file: SourceFile, target: Path, known: Collection[str] | None) -> Path:
    """Write the elements of a JSON array as lines: the line number is then the element's place in the array.

    One object over several lines counts as an array of one, and a page as the records in it.
    """
    try:
        elements = (bytes(element) for element in _document(file.path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file.shown}: is not a sound JSON array: {error}") from error
    return _write(elements if known is None else json_pages.spread(elements, known), target)


def _write(elements: Iterable[bytes], target: Path) -> Path:
    with target.open("wb") as lines:
        for element in elements:
            lines.write(element.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")
    return target


def _document(path: Path) -> list[msgspec.Raw]:
    """Return the elements of the one JSON value in the file, which is a list or counts as one.

    Raises:
        ValueError, RecursionError: it is not one sound JSON value.
    """
    import msgspec

    data = path.read_bytes().removeprefix(_BOM)
    if data.lstrip()[:1] == b"[":
        return msgspec.json.decode(data, type=list[msgspec.Raw])
    return [msgspec.json.decode(data, type=msgspec.Raw)]


def _is_one_document(path: Path) -> bool:
    """Tell whether the file holds one JSON value, an array or a pretty-printed object, though it is named a line file.

    Only a first line that is no whole object is a reason to look further.
    """
    with path.open("rb") as file:
        first = file.readline(_LONGEST).removeprefix(_BOM).strip()
        opened = first[:1] == b"[" or (first[:1] == b"{" and not first.endswith(b"}"))
        if not opened or path.stat().st_size > _LARGEST_DOCUMENT:
            return False
    try:
        _document(path)
    except (ValueError, RecursionError):
        return False
    return True
