"""Reading the log: as a typed relation over all of it, or row by row where DuckDB is too much.

Both skip what is torn. A row is found once, also while a day becomes Parquet.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tokenop.database import identifier, quoted
from tokenop.events.schema import types
from tokenop.gateway.log import segments
from tokenop.gateway.log.segments import Segment

if TYPE_CHECKING:
    import duckdb

Row = dict[str, Any]
# A row stands under the day on which it was written. Its call began then, earlier, or (a clock that was set) later.
SLACK = timedelta(days=1)
_BLOCK = 1 << 20
_ROW = msgspec.json.Decoder(Row)


def relation(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    since: datetime | None = None,
    until: datetime | None = None,
    name: str = "gateway_log",
) -> str:
    """Create the view `name` of the events from `since` (inclusive) to `until`; return its name as SQL.

    It has all columns of the event's schema, typed. Rows that are JSON lines yet are copied into a table of the
    connection: what is compacted meanwhile changes nothing. A folder that is not there gives a relation without rows.
    """
    first = None if since is None else since.astimezone(UTC).date() - SLACK
    last = None if until is None else until.astimezone(UTC).date() + SLACK
    lines, view = identifier(f"{name} lines"), identifier(name)
    with segments.shared(folder):
        found = segments.contents(folder, first, last)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {lines} AS {from_lines(path for _, path in found.segments)}")
    chosen = ", ".join(map(identifier, types()))
    packed = _parquets([path for _, path in found.parquets])
    limits = [f"ts >= {_instant(since)}"] if since is not None else []
    limits += [f"ts < {_instant(until)}"] if until is not None else []
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT {chosen} FROM (FROM {lines} UNION ALL BY NAME {packed}) "
        f"WHERE {' AND '.join(limits) or 'true'}"
    )
    return view


def segments_of(folder: Path, since: date | None = None, until: date | None = None) -> list[Segment]:
    """Return the segments of the days from `since` to `until`, both included, that no Parquet file holds, in order.

    `live` tells of each whether its owner may still write to it.
    """
    with segments.shared(folder):
        found = segments.contents(folder, since, until).segments
        return [Segment(path, day, segments.is_live(path)) for day, path in found]


def rows_of(segment: Path) -> Iterator[Row]:
    """Yield the rows of one segment as they were appended, without those that are torn.

    Money is a float here; who adds it up exactly takes `relation`. A segment that is gone has no rows.
    """
    rest = b""
    try:
        with segment.open("rb") as file:
            while block := file.read(_BLOCK):
                whole, newline, rest = (rest + block).rpartition(b"\n")
                if newline:
                    yield from _rows(whole)
                else:
                    whole, rest = b"", rest
    except FileNotFoundError:
        return
    yield from _rows(rest)


def read_from(segment: Path, offset: int = 0) -> tuple[list[Row], int]:
    """Return the rows from byte `offset` on, and where to go on: after the last whole line. For who follows a log."""
    try:
        with segment.open("rb") as file:
            file.seek(offset)
            whole, newline, _ = file.read().rpartition(b"\n")
    except FileNotFoundError:
        return [], offset
    return list(_rows(whole)), offset + len(whole) + len(newline)


def from_lines(paths: Iterable[Path]) -> str:
    """Return a SELECT of the typed rows of segments, without those that are torn."""
    files = ", ".join(quoted(_literally(path)) for path in paths)
    if not files:
        return _nothing()
    columns = ", ".join(f"{identifier(name)}: {quoted(kind)}" for name, kind in types().items())
    # Lines that are no JSON come as rows of nulls.
    return (
        f"SELECT * FROM read_json([{files}], format = 'newline_delimited', ignore_errors = true, "
        f"columns = {{{columns}}}) WHERE id IS NOT NULL AND ts IS NOT NULL"
    )


def _rows(data: bytes) -> Iterator[Row]:
    for line in data.split(b"\n"):
        try:
            row = _ROW.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if row.get("id") is not None and row.get("ts") is not None:
            yield row


def _parquets(paths: list[Path]) -> str:
    files = ", ".join(quoted(_literally(path)) for path in paths)
    return f"(FROM read_parquet([{files}], union_by_name = true))" if files else f"({_nothing()})"


def _nothing() -> str:
    columns = ", ".join(f"NULL::{kind} AS {identifier(name)}" for name, kind in types().items())
    return f"SELECT {columns} WHERE false"


def _literally(path: Path) -> str:
    """Return a path so that DuckDB takes it for no pattern."""
    return glob.escape(str(path))


def _instant(moment: datetime) -> str:
    return f"TIMESTAMPTZ {quoted(moment.isoformat())}"
