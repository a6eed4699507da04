"""Counting the rows of dead processes from the log, which is the truth, in the place of what their tables said.

Whoever comes first does it, one at a time; killed anywhere, it has done all or nothing: one file is replaced. A gateway
does it in a process of its own (`tokenop.gateway.budgets.child`), so that no call waits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path

from tokenop.gateway.budgets import closed, recount, tables
from tokenop.gateway.budgets.closed import Closed, Sums
from tokenop.gateway.budgets.locking import Shared, alone
from tokenop.gateway.budgets.windows import KEPT, within, zone_of
from tokenop.gateway.log import segments

FOLDER = "budgets"
_LISTED = timedelta(days=40)  # so long the names of segments are remembered


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    alive: bool
    pid: int
    started: float
    segments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Work:
    """What there is to do. `orphans`: segments that no table stands for, whose rows nobody counts until then."""

    before: Closed
    rebuild: bool
    parquets: tuple[Path, ...]
    segments: tuple[Path, ...]
    orphans: tuple[str, ...]
    tables: tuple[_Table, ...]
    gone: tuple[str, ...]
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Folded:
    """What was done: how many segments and tables were counted; `busy` where another process is about it."""

    segments: int = 0
    tables: int = 0
    rebuilt: bool = False
    busy: bool = False


def urgency(folder: Path, log: Path, zone: str, now: float) -> str:
    """Return "now" where there are rows that nobody counts, "later" where dead tables are to be checked, or "nothing".

    "empty" is "now" without any row.
    """
    work = _work(folder, log, zone, now)
    if work.rebuild or work.orphans:
        return "now" if work.segments or work.parquets else "empty"
    return "later" if work.segments or work.gone or work.broken else "nothing"


def fold(
    folder: Path, log: Path, zone: str, now: float, *, wait: bool = False, step: Callable[[str], object] = str
) -> Folded:
    """Count the rows of finished segments from the log, and drop the tables of dead processes.

    Args:
        folder: of the budgets.
        log: of the event log.
        zone: of days and months.
        now: in seconds since 1970.
        wait: whether to wait where another process is about it.
        step: is told each step that is done; for tests.

    Raises:
        InputError: nothing can be written. What was there stays.
    """
    with alone(folder, wait=wait) as mine:
        if not mine:
            return Folded(busy=True)
        _tidy_up(folder)
        with segments.shared(log):
            work = _work(folder, log, zone, now)
            counted = recount.of_files(work.segments, work.parquets, zone_of(zone))
        step("counted")
        _put(folder, _after(work, counted, zone, now), work, step)
    return Folded(len(work.segments), len(work.gone), work.rebuild)


def ready(folder: Path, log: Path, now: float) -> Callable[[Path], bool]:
    """Count what there is to count, and return which segments may become Parquet: those whose rows are counted.

    Where nobody counts, all may. Raises InputError.
    """
    said = closed.read(folder)
    if said is None:
        return lambda _: True
    fold(folder, log, said.zone, now, wait=True)
    counted = (closed.read(folder) or said).folded
    first = _first_day(now, zone_of(said.zone)).isoformat()
    return lambda path: _named(path) in counted or path.parent.name < first


def _work(folder: Path, log: Path, zone: str, now: float) -> _Work:
    before = closed.read(folder)
    if before is None or before.zone != zone:
        before = None
    first = _first_day(now, zone_of(zone))
    found, broken = _tables(folder)
    contents = segments.contents(log, first)
    known = {_named(path): path for _, path in contents.segments}
    dead = [one for one in found if not one.alive]
    alive = [one for one in found if one.alive]
    rebuild = before is None or _is_lost(before, dead, known.keys(), first)
    before = before or Closed(zone)
    folded = frozenset() if rebuild else before.folded
    done = {name: path for name, path in known.items() if name not in folded and not segments.is_live(path)}
    listed = {name for one in found for name in one.segments}
    waiting = {name for name in done if name not in listed and any(_may_be_of(name, one) for one in alive)}
    orphans = tuple(sorted(done.keys() - listed - waiting))
    # A process dies bit by bit: its table may be free while its segment is held.
    gone = [
        one.name for one in dead if not any(name in known and segments.is_live(known[name]) for name in one.segments)
    ]
    held = {name for one in dead if one.name not in gone for name in one.segments}
    counted = tuple(path for name, path in sorted(done.items()) if name not in waiting and name not in held)
    parquets = tuple(path for _, path in contents.parquets) if rebuild else ()
    return _Work(before, rebuild, parquets, counted, orphans, tuple(found), tuple(gone), broken)


def _is_lost(before: Closed, dead: list[_Table], known: Collection[str], first: date) -> bool:
    """Tell whether a segment of a dead process became Parquet, or was removed, before its rows were counted."""
    names = {name for one in dead for name in one.segments if one.name not in before.gone}
    return any(name not in before.folded and name not in known and name >= first.isoformat() for name in names)


def _after(work: _Work, counted: dict[str, Sums], zone: str, now: float) -> Closed:
    sums = {} if work.rebuild else dict(work.before.sums)
    owed = {name: dict(more) for name, more in work.before.owed.items()}
    owners = {name: one.name for one in work.tables if one.alive for name in one.segments}
    for path, more in counted.items():
        closed.added(sums, more)
        name = _named(Path(path))
        owner = owners.get(name)
        if owner is not None and name not in work.before.folded:
            closed.added(owed.setdefault(owner, {}), more)
    there = {one.name for one in work.tables}
    oldest = (datetime.fromtimestamp(now, UTC) - _LISTED).date().isoformat()
    folded = {*work.before.folded, *map(_named, work.segments)}
    return Closed(
        zone,
        closed.current(sums, now),
        frozenset(name for name in folded if name >= oldest),
        {
            name: closed.current(more, now)
            for name, more in owed.items()
            if name in there and name not in work.gone and more
        },
        frozenset({*work.gone, *(work.before.gone & there)}),
    )


def _put(folder: Path, after: Closed, work: _Work, step: Callable[[str], object]) -> None:
    prepared = closed.prepared(folder, after)
    step("prepared")
    shared = Shared(folder)
    try:
        with shared.held():
            closed.put(folder, prepared)
            step("put")
            for name in (*after.gone, *work.broken):
                with contextlib.suppress(OSError):
                    (folder / name).unlink()
                step("removed")
            shared.changed()
    finally:
        shared.close()
        prepared.unlink(missing_ok=True)


def _tidy_up(folder: Path) -> None:
    """Remove what killed processes left half-made."""
    left = [*folder.glob(f".{closed.FILE}.*"), *folder.glob(f"..{closed.FILE}.*"), *folder.glob(f".*{tables.SUFFIX}.*")]
    if not left:
        return
    shared = Shared(folder)
    try:
        with shared.held():  # tables are made under it: a new one is not taken for what is left of another
            for path in left:
                if not segments.is_live(path):
                    path.unlink(missing_ok=True)
    finally:
        shared.close()


def _tables(folder: Path) -> tuple[list[_Table], tuple[str, ...]]:
    found, broken = [], []
    for path in sorted(folder.glob(f"[!.]*{tables.SUFFIX}")):
        table = tables.opened(path)
        if table is None:
            if not segments.is_live(path):  # a process of another version may hold it
                broken.append(path.name)
            continue
        alive = not table.is_abandoned()
        words = table.words
        found.append(_Table(path.name, alive, words[tables.PID], words[tables.STARTED] / 1e6, table.segments))
        table.close()
    return found, tuple(broken)


def _may_be_of(segment: str, table: _Table) -> bool:
    """Tell whether a segment that no table names may be one that its owner has only just begun."""
    stamp, pid, *_ = *segment.partition("/")[2].split("-"), ""
    try:
        begun = datetime.strptime(stamp, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return False
    return pid == str(table.pid) and begun >= table.started


def _first_day(now: float, zone: tzinfo) -> date:
    """Return the first day of the log (UTC) that may hold rows of a window that is of use."""
    month = within("month", int(now), zone).start
    return (datetime.fromtimestamp(month, UTC) - KEPT).date()


def _named(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
