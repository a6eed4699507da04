"""Days that are over become Parquet: smaller, several times as fast to read, and checked.

The steps, after each of which the process may be killed:

1. `<batch>.compacting` names the segments. It means nothing while there is no Parquet file of that name.
2. The Parquet file is written out of the way and checked.
3. It is renamed into place while nobody reads. From here on the named segments are no longer part of the log.
4. The segments are removed, then the `.compacting`.

Whoever comes after a kill undoes step 1, or goes on with step 4.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import msgspec

from tokenop import files
from tokenop.database import connect
from tokenop.errors import FindingsError, TokenOpError
from tokenop.gateway.log import reading, repairing, segments
from tokenop.gateway.log.segments import LISTED, PARQUET, REJECTED, SUFFIX, TORN

_BUILDING = ".building"
_ALL = 10**9
_MEMORY = "500MB"
Step = Callable[[str], object]


@dataclass(slots=True)
class Compacted:
    """What became of the days that are over. `notes` is for the operator; `failed` are days that stay as they are."""

    rows: int = 0
    rejected: int = 0
    written: list[Path] = field(default_factory=list)
    removed: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def compact(
    folder: Path,
    today: date,
    keep_days: int | None = None,
    step: Step = lambda _: None,
    ready: Callable[[Path], bool] = lambda _: True,
) -> Compacted | None:
    """Make Parquet of the days before `today` whose segments are all dead; None where another process is at it.

    Args:
        folder: of the log.
        today: the day (UTC) that it is.
        keep_days: how many days before today are kept; None keeps all.
        step: is told each step that is done; for tests.
        ready: whether nobody needs a segment as it is any more. A day with one that is not ready waits.
    """
    if not folder.is_dir():
        return Compacted()
    with segments.alone(folder) as only:
        if not only:
            return None
        done = Compacted()
        _tidy_up(folder, step)
        done.notes += [str(mended) for mended in repairing.repair(folder)]
        if keep_days is not None:
            _forget(folder, today - timedelta(days=keep_days), done)
        for day, paths in _finished(folder, today).items():
            if not all(map(ready, paths)):
                continue
            try:
                _compact_day(folder, day, paths, done, step)
            except (TokenOpError, OSError) as error:
                done.failed.append(f"{day}: {error}")
        shutil.rmtree(folder / _BUILDING, ignore_errors=True)
        return done


def _finished(folder: Path, today: date) -> dict[date, list[Path]]:
    """Return the segments of each day that nobody writes to any more."""
    days: dict[date, list[Path]] = {}
    for day, path in segments.contents(folder, last=today - timedelta(days=1)).segments:
        days.setdefault(day, []).append(path)
    return {day: paths for day, paths in days.items() if not any(map(segments.is_live, paths))}


def _compact_day(folder: Path, day: date, paths: list[Path], done: Compacted, step: Step) -> None:
    batch = segments.free_batch(folder, day)
    listed = folder / (batch + LISTED)
    files.write_text(listed, msgspec.json.encode([path.name for path in paths]).decode())
    segments.sync_folder(folder)
    step("listed")
    building = folder / _BUILDING
    building.mkdir(exist_ok=True)
    built = _built(folder, batch, paths, building, done)
    step("built")
    if built is not None:
        with segments.exclusive(folder):
            built.rename(folder / built.name)
            segments.sync_folder(folder)
        done.written.append(folder / built.name)
    step("published")
    _remove(folder, day, (path.name for path in paths), step)
    listed.unlink()
    step("done")


def _built(folder: Path, batch: str, paths: list[Path], building: Path, done: Compacted) -> Path | None:
    """Return the Parquet file of the sound rows, out of the way; None where there is none."""
    from tokenop.events.log import write_log

    target = building / f"{batch}{PARQUET}"
    with tempfile.TemporaryDirectory(dir=building) as scratch:
        lines = sum(map(_line_ends, paths))
        with connect(memory_limit=_MEMORY, spill_to=Path(scratch)) as connection:
            rows = reading.from_lines(paths)
            counted = connection.execute(f"SELECT count(*) FROM ({rows})").fetchone()
            if not lines:
                return None
            if counted == (lines,):
                try:
                    done.rows += write_log(connection, rows, target).count
                    return target
                except FindingsError:
                    pass  # which rows are wrong takes a closer look
            sound = _sifted(folder, batch, paths, Path(scratch), done)
            return None if sound is None else write_log(connection, sound, target).path


def _line_ends(path: Path) -> int:
    with path.open("rb") as segment:
        return sum(block.count(b"\n") for block in iter(lambda: segment.read(1 << 20), b""))


def _sifted(folder: Path, batch: str, paths: list[Path], scratch: Path, done: Compacted) -> str | None:
    """Set the wrong rows apart; return the relation of the others, None where there is none."""
    from tokenop.events.log import ingest

    merged = scratch / f"{batch}{SUFFIX}"
    with merged.open("wb") as together:
        for path in paths:
            with path.open("rb") as segment:
                shutil.copyfileobj(segment, together, 1 << 20)
    found = ingest(merged, scratch, limit=_ALL, hashed=False)
    wrong = [finding for finding in found.findings if finding.severity == "error"]
    done.rows += found.count
    done.rejected += found.invalid
    if found.invalid:
        _set_apart(merged, {finding.line for finding in wrong}, folder / (batch + REJECTED))
        apart = f"{found.invalid:,} rows are no events and now in {batch}{REJECTED}"
        done.notes.append(f"{batch}: {apart}; the first: {wrong[0].message}")
    return found.relation if found.count else None


def _set_apart(merged: Path, wrong: set[int], target: Path) -> None:
    with files.atomic(target) as temporary, temporary.open("wb") as apart, merged.open("rb") as rows:
        apart.writelines(row for number, row in enumerate(rows, 1) if number in wrong)


def _remove(folder: Path, day: date, names: Iterable[str], step: Step) -> None:
    """Remove segments of a day, and its folder where nothing else is in it; what repairs cut off is kept apart."""
    parent = folder / day.isoformat()
    for name in names:
        torn = parent / (name + TORN)
        if torn.exists():
            (folder / "torn").mkdir(exist_ok=True)
            torn.rename(folder / "torn" / torn.name)
        (parent / name).unlink(missing_ok=True)
        step("removed")
    with contextlib.suppress(OSError):
        parent.rmdir()


def _tidy_up(folder: Path, step: Step) -> None:
    """Bring to an end what a killed process began."""
    shutil.rmtree(folder / _BUILDING, ignore_errors=True)
    for listed in sorted(folder.glob(f"*{LISTED}")):
        batch = listed.name.removesuffix(LISTED)
        if (folder / (batch + PARQUET)).exists():
            _remove(folder, date.fromisoformat(batch[:10]), segments.listing(listed), step)
        else:
            (folder / (batch + REJECTED)).unlink(missing_ok=True)
        listed.unlink()
    for unnamed in folder.glob(f"*/.*{SUFFIX}"):
        with segments.owned(unnamed) as descriptor:  # of a process that was killed before its segment had a name
            if descriptor is not None:
                unnamed.unlink(missing_ok=True)


def _forget(folder: Path, oldest: date, done: Compacted) -> None:
    """Remove what is older than the first day that is kept."""
    found = segments.contents(folder, last=oldest - timedelta(days=1))
    with segments.exclusive(folder):
        for day, path in [*found.parquets, *found.segments]:
            if path.suffix == SUFFIX:
                if not segments.is_live(path):
                    _remove(folder, day, [path.name], lambda _: None)
                    done.removed.append(path)
            else:
                path.unlink(missing_ok=True)
                path.with_suffix(REJECTED).unlink(missing_ok=True)
                done.removed.append(path)
    for torn in (folder / "torn").glob(f"*{TORN}"):
        if torn.name[:8] < oldest.strftime("%Y%m%d"):
            torn.unlink(missing_ok=True)
