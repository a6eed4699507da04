"""Whose file is this? Told by the names in its first rows, held against what collectors say they are recognised by."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenop.collect import columns, json_pages, sources
from tokenop.collect.manifest import Manifest

# What is read of a file: enough for the first rows of any export.
_START = 1 << 20
_LARGEST_DOCUMENT = 32 * 1024 * 1024
_ROWS = 50
_SHOWN = 8
SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".pq", ".tfstate")
# Rows that this program wrote itself: a log of calls, usage records, refused rows.
OWN = (
    frozenset({"id", "ts", "intent", "tenant", "latency_ms", "usage_source"}),
    frozenset({"id", "source", "period_start", "period_end", "provider"}),
    frozenset({"collector", "file", "line", "rule", "message"}),
)


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file and the collectors that it may be of: one where it is clear, several where it is not, or none.

    `names` are some of the names in its rows. `own`: it was written by this program.
    """

    path: Path
    collectors: tuple[str, ...]
    names: tuple[str, ...] = ()
    own: bool = False

    @property
    def shown_names(self) -> str:
        """Return a few of the names, for people."""
        return ", ".join(self.names[:_SHOWN]) + (" …" if len(self.names) > _SHOWN else "")


def candidates(folder: Path) -> Iterator[Path]:
    """Yield the files right in `folder` that may hold data, sorted."""
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        return
    for path in inside:
        inner = Path(path.stem) if path.suffix == ".gz" else path
        if not path.name.startswith(".") and inner.suffix.lower() in SUFFIXES and path.is_file():
            yield path


def recognise(path: Path, collectors: Sequence[Manifest]) -> Recognised:
    """Return which of `collectors` the file is of. A file that cannot be read is of none."""
    try:
        rows = _rows(path)
    except (OSError, ValueError, EOFError, zlib.error, RecursionError, csv.Error):
        rows = []
    rows += [record for row in rows for record in json_pages.inside(row)][:_ROWS]
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    if rows and any(own <= set(row) for own in OWN for row in rows):
        return Recognised(path, (), names, own=True)
    scores = {collector.name: _score(collector, rows) for collector in collectors}
    best = max(scores.values(), default=(0, 0))
    found = tuple(name for name, score in scores.items() if score == best and best[0])
    if not found:
        found = tuple(c.name for c in collectors if c.mappable and names and _are_calls(c, names))
    return Recognised(path, found, names)


def _score(collector: Manifest, rows: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """Return how many rows have all names of one set, and how long the longest such set is."""
    count = longest = 0
    for row in rows:
        known = [len(names) for names in collector.recognised_by if all(_has(row, name) for name in names)]
        count += bool(known)
        longest = max([longest, *known])
    return count, longest


def _has(value: Any, name: str) -> bool:
    """Tell whether a row has `name`, in any case: a member, or a path of members such as `payload.type`."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = json.loads(value)  # nested values stand as text in tables
        except (ValueError, RecursionError):
            return False
    if isinstance(value, list):
        return any(_has(item, name) for item in value[:_ROWS] if isinstance(item, dict))
    if not isinstance(value, dict):
        return False
    lower = {str(key).lower(): inner for key, inner in value.items()}
    if name.lower() in lower:
        return True
    first, dot, rest = name.partition(".")
    return bool(dot) and first.lower() in lower and _has(lower[first.lower()], rest)


def _are_calls(collector: Manifest, names: Sequence[str]) -> bool:
    """Tell whether a table has a time, input tokens and output tokens, each under one well-known name."""
    return all(len(columns.candidates(n, collector.aliases.get(n, ()), names)) == 1 for n in columns.NEEDED)


def _rows(path: Path) -> list[dict[str, Any]]:
    """Return the first rows of a file of any form.

    Raises:
        OSError, ValueError: it cannot be read, or not as what its name or beginning says.
    """
    kind = "json" if path.suffix.lower() in (".json", ".tfstate") else sources.kind(path)
    if kind == "parquet":
        return _parquet(path)
    packed = path.suffix == ".gz"
    with gzip.open(path) if packed else path.open("rb") as file:
        data = file.read(_LARGEST_DOCUMENT if kind == "json" else _START)
    text = data.decode("utf-8-sig", "replace")
    if kind == "csv":
        return _table(text)
    return _document(text) if kind == "json" else _lines(text) or _document(text)


def _lines(text: str) -> list[dict[str, Any]]:
    found: list[Any] = []
    for line in text.split("\n", _ROWS)[:_ROWS]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        found += [row] if isinstance(row, dict) else row if isinstance(row, list) else []
    return [row for row in found[:_ROWS] if isinstance(row, dict)]


def _document(text: str) -> list[dict[str, Any]]:
    """Return the one JSON object, or the first ones of an array, of which the end may be missing."""
    start = text.lstrip()
    decoder = json.JSONDecoder()
    if not start.startswith("["):
        value = decoder.raw_decode(start)[0]
        return [value] if isinstance(value, dict) else []
    found: list[dict[str, Any]] = []
    rest = start[1:].lstrip()
    while rest.startswith("{") and len(found) < _ROWS:
        try:
            value, end = decoder.raw_decode(rest)
        except ValueError:
            break
        found.append(value)
        rest = rest[end:].lstrip().removeprefix(",").lstrip()
    return found


def _table(text: str) -> list[dict[str, Any]]:
    header = text.split("\n", 1)[0]
    delimiter = max((",", ";", "\t", "|"), key=header.count)
    csv.field_size_limit(_LARGEST_DOCUMENT)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    found = []
    for row in reader:
        found.append({name: value for name, value in row.items() if name})
        if len(found) == _ROWS:
            break
    return found or [dict.fromkeys(name for name in reader.fieldnames or () if name)]


def _parquet(path: Path) -> list[dict[str, Any]]:
    import duckdb

    from tokenop import database
    from tokenop.database import quoted

    try:
        with database.connect() as connection:
            rows = connection.execute(
                f"SELECT to_json(t) FROM (FROM read_parquet({quoted(str(path))}) LIMIT {_ROWS}) AS t"
            ).fetchall()
    except duckdb.Error:
        return []
    return [json.loads(row[0]) for row in rows]
