"""Running a collector over its sample made wrong: it must stop at nothing, lose nothing, and say why it refuses."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop import database
from tokenop.collect import check_mutants, engine, settling, sources, usage
from tokenop.collect.check_mutants import Mutant
from tokenop.collect.manifest import Manifest
from tokenop.collect.options import Options
from tokenop.errors import Finding, FindingsError
from tokenop.events.schema import EVENT, USAGE

if TYPE_CHECKING:
    import duckdb

RULE = "COLLECTOR-MUTATED"
SEED = 20261122
# Rows of one CSV file: the open quote at its end takes none of the next.
_TABLE = 500
_SHOWN = 160


@dataclass(frozen=True, slots=True)
class Batch:
    """A file of mutated rows: its name, what stands before them, and the rows. `whole` is for files as one."""

    name: str
    header: bytes
    mutants: tuple[Mutant, ...]

    def content(self) -> bytes:
        """Return the bytes of the file."""
        lines = [self.header] if self.header else []
        return b"".join(line + b"\n" for line in (*lines, *(mutant.line for mutant in self.mutants)))


@dataclass(frozen=True, slots=True)
class Survived:
    """What became of mutated rows: rows in = kept + duplicates + rejected + filtered. `written`: rows in the files."""

    written: int
    rows_in: int
    kept: int
    duplicates: int
    rejected: int
    filtered: int

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return {name: getattr(self, name) for name in self.__slots__}


class LostError(Exception):
    """Rows went away, or were refused without a reason."""


def batches(collector: Manifest, sample: Path, count: int, seed: int = SEED) -> list[Batch]:
    """Return about `count` mutated rows of the sample, as JSON lines, as CSV where the collector reads it, or both."""
    rows = check_mutants.rows_of(sample)
    forms = {"jsonl": ("jsonl",), "csv": ("csv",), "any": ("jsonl", "csv")}.get(collector.format, ())
    found: list[Batch] = []
    for form in forms if rows else ():
        # Of collectors that read any form, most exports are JSON lines.
        share = count if len(forms) == 1 else count * 2 // 3 if form == "jsonl" else count - count * 2 // 3
        if form == "jsonl":
            found.append(Batch("mutated.jsonl", b"", tuple(check_mutants.lines(rows, share, seed))))
            continue
        for part in range(0, share, _TABLE):
            header, mutants = check_mutants.table(rows, min(_TABLE, share - part), seed + part)
            found.append(Batch(f"mutated-{part}.csv", header, tuple(mutants)))
    return found


def whole_files(sample: Path) -> list[Batch]:
    """Return the sample as files that are wrong as a whole: empty, cut off in the middle, its rows as one array."""
    data = sample.read_bytes()
    rows = data.splitlines()
    if sample.suffix == ".csv":
        return [Batch("empty.csv", b"", ()), Batch("header.csv", rows[0], ())]
    cut = tuple(Mutant("cut off", line) for line in data[: len(data) * 2 // 3].splitlines() if line.strip())
    return [Batch("empty.jsonl", b"", ()), Batch("cut.jsonl", b"", cut)]


def run(collector: Manifest, files: Sequence[Batch], seconds: float = 60) -> Survived:
    """Run the collector over all files at once.

    Raises:
        LostError: rows are not accounted for, or a refusal has no reason.
        TokenOpError: the collector stopped.
    """
    with tempfile.TemporaryDirectory(prefix="tokenop-mutated-") as folder, database.connect() as connection:
        paths, scratch = [], Path(folder) / "scratch"
        scratch.mkdir()
        for batch in files:
            path = Path(folder) / batch.name
            path.write_bytes(batch.content())
            paths.append(path)
        return _run(connection, collector, paths, scratch, seconds, sum(len(batch.mutants) for batch in files))


def _run(
    connection: duckdb.DuckDBPyConnection,
    collector: Manifest,
    paths: Sequence[Path],
    scratch: Path,
    seconds: float,
    written: int,
) -> Survived:
    record, collect = (EVENT, engine.collect) if collector.kind == "events" else (USAGE, usage.collect)
    found = sources.find(collector, paths, scratch)
    collected = collect(connection, collector, found, Options(), scratch, seconds=seconds)
    settling.settle(connection, [collected], Options(), record)
    try:
        counted = settling.count(connection, [collected], record)
    except RuntimeError as error:
        raise LostError(str(error)) from error
    settled, refused = settling.table("settled", record), settling.table("quarantined", record)
    row = connection.execute(
        f"SELECT (SELECT count(*) FROM {refused}), (SELECT count(*) FROM {refused} WHERE coalesce(message, '') = ''), "
        f"(SELECT count(*) FROM {settled} WHERE _status = 'filtered' AND coalesce(_filter, '') = '')"
    ).fetchone()
    assert row is not None
    result = Survived(
        written,
        counted.rows_in,
        counted.events + counted.records,
        counted.duplicates,
        counted.rejected,
        counted.filtered,
    )
    if row[0] != counted.rejected or row[1] or row[2]:
        raise LostError(f"{counted.rejected} rows are rejected, {row[0] - row[1]} of them with a reason")
    if counted.rows_in < written or (collector.rows == "one" and counted.rows_in != written):
        raise LostError(f"{written} rows are in the files, {counted.rows_in} came in")
    return result


def problems(
    collector: Manifest, samples: Sequence[Path], count: int, seed: int = SEED
) -> tuple[list[Finding], Survived | None]:
    """Return what stops the collector or loses rows among `count` mutated ones, and what became of them."""
    (sample,) = samples
    files = [*batches(collector, sample, count, seed), *whole_files(sample)]
    if not files:
        return [], None
    trouble = _trouble(collector, files)
    if isinstance(trouble, Survived):
        return [], trouble
    for batch in files:
        if isinstance(_trouble(collector, [batch]), Survived):
            continue
        least = _least(collector, batch)
        return [_finding(collector, batch, least, trouble)], None
    return [_finding(collector, files[0], None, trouble)], None


def _trouble(collector: Manifest, files: Sequence[Batch]) -> Survived | Exception:
    try:
        return run(collector, files)
    except Exception as error:  # a bug that a row brings to light is a finding with that row
        return error


def _least(collector: Manifest, batch: Batch) -> Batch:
    """Return the fewest rows of `batch` that still stop the collector, found by halving."""
    while len(batch.mutants) > 1:
        middle = len(batch.mutants) // 2
        for part in (batch.mutants[:middle], batch.mutants[middle:]):
            smaller = replace(batch, mutants=part)
            if not isinstance(_trouble(collector, [smaller]), Survived):
                batch = smaller
                break
        else:
            return batch  # only together
    return batch


def _finding(collector: Manifest, batch: Batch, least: Batch | None, trouble: Exception) -> Finding:
    file, line, column, said = str(collector.map_file), 0, 0, f"{trouble}"
    if isinstance(trouble, FindingsError):
        first = trouble.findings[0]
        file, line, column, said = first.file, first.line, first.column, first.message
    kinds = sorted({mutant.kind for mutant in (least or batch).mutants}) or [batch.name.partition(".")[0]]
    rows = (least or batch).mutants
    row = rows[0].line.decode("utf-8", "backslashreplace") if len(rows) == 1 else f"{len(rows)} rows together"
    shown = row if len(row) <= _SHOWN else f"{row[:_SHOWN]}…"
    what = "loses rows over" if isinstance(trouble, LostError) else "stops at"
    message = f"{what} the mutation {', '.join(kinds[:3])}: {said}: {json.dumps(shown, ensure_ascii=False)}"
    return Finding(file, line, "map.sql", RULE, "error", message, column=column, fix="use TRY_CAST, or give _reject")
