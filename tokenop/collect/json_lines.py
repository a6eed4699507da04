"""JSON lines (and JSON arrays) as relations whose rows know their file and line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.collect.quarantine import Rejected
from tokenop.collect.sources import SourceFile
from tokenop.database import identifier, quoted
from tokenop.errors import InputError
from tokenop.events import lines as event_lines

if TYPE_CHECKING:
    import duckdb

_LONGEST = 16 * 1024 * 1024
# One SELECT reads this many files: few enough for its text, many enough that thousands of transcripts stay quick.
_BATCH = 400


@dataclass(frozen=True, slots=True)
class _File:
    """A file of sound lines. The row that is number `n` of its batch is number `n - before` of the file."""

    path: Path
    shown: str
    batch: int
    before: int


@dataclass(slots=True)
class Lines:
    """Sound line files. `line_files` and `line_skips` are tables that turn row numbers into line numbers."""

    files: list[_File] = field(default_factory=list)
    rows: int = 0
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def batches(self) -> list[list[Path]]:
        """Return the paths by batch, in the order in which they must be read."""
        return [[file.path for file in batch] for _, batch in groupby(self.files, key=lambda file: file.batch)]


def prepare(
    connection: duckdb.DuckDBPyConnection, files: Sequence[SourceFile], scratch: Path, progress: Callable[[str], None]
) -> Lines:
    """Return `files` as sound lines (copies in `scratch` where something was wrong) with what they leave out."""
    found = Lines()
    skips: list[tuple[str, int, int]] = []
    in_batch = 0
    for number, file in enumerate(files):
        progress(f"checking {file.shown} ({number + 1} of {len(files)})")
        path = _array_as_lines(file, scratch / f"array-{number}.jsonl") if file.kind == "json" else file.path
        salvaged = event_lines.salvage(path, scratch)
        found.rejected += [
            Rejected(file.shown, bad.line, bad.rule, bad.reason, raw=bad.raw) for bad in salvaged.rejected
        ]
        sound = salvaged.lines - len(salvaged.rejected)
        if not sound:
            continue
        batch = len(found.files) // _BATCH
        if not found.files or found.files[-1].batch != batch:
            in_batch = 0
        found.files.append(_File(salvaged.clean, file.shown, batch, in_batch))
        skips += [(str(salvaged.clean), *skip) for skip in _skips(path, salvaged)]
        in_batch += sound
        found.rows += sound
    _number(connection, found.files, skips)
    return found


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


def typed(lines: Lines, columns: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return, one a batch, a SELECT of `_file`, `_line` and the declared `columns`, and the one to fall back to.

    The first is quick and fails where a value is not of its column's type; the second makes such a value NULL.
    """
    values = ", ".join(
        identifier(name) if _is_text(kind) else f"TRY_CAST({identifier(name)} AS {kind}) AS {identifier(name)}"
        for name, kind in columns.items()
    )
    loose = {name: kind if _is_text(kind) else "JSON" for name, kind in columns.items()}
    return [
        (_read(paths, columns), f"SELECT _file, _line, {values} FROM ({_read(paths, loose)})")
        for paths in lines.batches
    ]


def _is_text(kind: str) -> bool:
    return kind.upper() in ("VARCHAR", "JSON")


def _read(paths: Sequence[Path], columns: Mapping[str, str]) -> str:
    declared = ", ".join(f"{identifier(name)}: {quoted(kind)}" for name, kind in columns.items())
    chosen = "".join(f", {identifier(name)}" for name in columns)
    # A second member keeps a lone column from being taken for the whole line.
    declared = ", ".join(part for part in (declared, "\"\x01\": 'VARCHAR'") if part)
    return f"""
        SELECT file.shown AS _file, numbered.n - file.before + coalesce(skip.shift, 0) AS _line{chosen}
        FROM (
            SELECT row_number() OVER () AS n, *
            FROM read_json({_listed(paths)}, columns={{{declared}}}, format='newline_delimited',
                           filename='_path', maximum_object_size={_LONGEST})
        ) AS numbered
        JOIN line_files AS file ON numbered._path = file.path
        ASOF LEFT JOIN line_skips AS skip
            ON numbered._path = skip.path AND numbered.n - file.before > skip.after"""


def _listed(paths: Sequence[Path]) -> str:
    return f"[{', '.join(quoted(str(path)) for path in paths)}]"


def _number(
    connection: duckdb.DuckDBPyConnection, files: Iterable[_File], skips: Iterable[tuple[str, int, int]]
) -> None:
    connection.execute("CREATE OR REPLACE TEMP TABLE line_files (path VARCHAR, shown VARCHAR, before BIGINT)")
    connection.execute("CREATE OR REPLACE TEMP TABLE line_skips (path VARCHAR, after BIGINT, shift BIGINT)")
    known = [[str(file.path), file.shown, file.before] for file in files]
    if known:
        connection.executemany("INSERT INTO line_files VALUES (?, ?, ?)", known)
    skipped = [list(skip) for skip in skips]
    if skipped:
        connection.executemany("INSERT INTO line_skips VALUES (?, ?, ?)", skipped)


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


def _array_as_lines(file: SourceFile, target: Path) -> Path:
    """Write the elements of a JSON array as lines: the line number is then the element's place in the array."""
    import msgspec

    try:
        elements = msgspec.json.decode(file.path.read_bytes().removeprefix(b"\xef\xbb\xbf"), type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file.shown}: is not a sound JSON array: {error}") from error
    with target.open("wb") as lines:
        for element in elements:
            lines.write(bytes(element).replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")
    return target
