"""Days that are over become Parquet, and no reader ever sees a row twice or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.gateway.log.events import event, ids, ids_one_by_one
from tokenop.database import connect
from tokenop.events.log import open_log
from tokenop.gateway.log import compacting, reading, segments
from tokenop.gateway.log.compacting import compact
from tokenop.gateway.log.writing import EventLog

DAY = datetime(2026, 11, 21, 12, tzinfo=UTC)
NEXT = date(2026, 11, 22)


def logged(folder: Path, first: int, count: int = 5, moment: datetime = DAY) -> None:
    """Write a segment of its own with so many events."""
    log = EventLog(folder, now=lambda: moment)
    for number in range(first, first + count):
        log.append(event(number, ts=moment.isoformat()))
    log.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a log with three dead segments of yesterday, one torn, and one of today."""
    for first in (100, 200, 300):
        logged(tmp_path, first)
    logged(tmp_path, 400, moment=DAY + timedelta(days=1))
    last = max((tmp_path / "2026-11-21").iterdir())
    with last.open("ab") as file:
        file.write(b'{"id":"torn')
    return tmp_path


EVERYTHING = sorted(f"op{first + n}:1" for first in (100, 200, 300, 400) for n in range(5))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_a_day_that_is_over_becomes_one_file_with_its_content_hash(folder: Path) -> None:
    done = compact(folder, NEXT)
    assert done is not None
    assert (done.rows, done.rejected, done.failed) == (15, 0, [])
    assert "11 torn bytes" in done.notes[0]
    assert names(folder) == ["2026-11-21.parquet", "2026-11-22", "torn"]
    assert ids(folder) == EVERYTHING
    with connect() as connection:
        opened = open_log(connection, folder / "2026-11-21.parquet")
    assert opened.content_hash.startswith("15-")
    assert [path.read_bytes() for path in (folder / "torn").iterdir()] == [b'{"id":"torn']
    again = compact(folder, NEXT)
    assert again == compacting.Compacted()


def test_killed_after_any_step_no_row_is_lost_or_doubled_and_the_next_one_ends_it(tmp_path: Path) -> None:
    steps = 7  # listed, built, published, two segments removed, done; and one that is never reached
    for last in range(1, steps + 1):
        logged(tmp_path / str(last), 100)
        logged(tmp_path / str(last), 200, moment=DAY.replace(hour=13))
    ran = subprocess.run(
        [sys.executable, "-m", "tests.gateway.log.compactor", str(tmp_path), str(NEXT)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    assert ran.stdout.split() == [b"9"] * (steps - 1) + [b"0"]
    expected = sorted(f"op{first + n}:1" for first in (100, 200) for n in range(5))
    for last in range(1, steps + 1):
        log = tmp_path / str(last)
        assert bool(list(log.glob("*.parquet"))) == (last > 2)
        assert ids(log) == expected, last
        assert sorted(ids_one_by_one(log)) == ([] if last > 2 else expected)
        compact(log, NEXT)
        assert ids(log) == expected
        assert names(log) == ["2026-11-21.parquet"]
        assert ids_one_by_one(log) == {}


def test_a_day_that_somebody_still_writes_to_is_left_alone(folder: Path) -> None:
    descriptor, _ = segments.create(folder, DAY.date(), DAY)
    done = compact(folder, NEXT)
    assert done is not None
    assert done.written == []
    os.close(descriptor)
    done = compact(folder, NEXT)
    assert done is not None
    assert [path.name for path in done.written] == ["2026-11-21.parquet"]


def test_late_segments_of_a_compacted_day_get_a_file_of_their_own(folder: Path) -> None:
    compact(folder, NEXT)
    logged(folder, 500)
    assert ids(folder) == sorted([*EVERYTHING, *(f"op{500 + n}:1" for n in range(5))])
    compact(folder, NEXT)
    assert names(folder) == ["2026-11-21-2.parquet", "2026-11-21.parquet", "2026-11-22", "torn"]
    assert ids(folder) == sorted([*EVERYTHING, *(f"op{500 + n}:1" for n in range(5))])


def test_only_one_process_compacts(folder: Path) -> None:
    with segments.alone(folder) as only:
        assert only
        assert compact(folder, NEXT) is None
    assert compact(folder, NEXT) is not None


def test_rows_that_are_no_events_are_set_apart_and_told(folder: Path) -> None:
    log = EventLog(folder, now=lambda: DAY)
    log.append(event(600, output_tokens=-1))
    log.append(event(100))  # again
    log.append(event(601))
    log.close()
    done = compact(folder, NEXT)
    assert done is not None
    assert (done.rows, done.rejected) == (16, 2)
    assert "2 rows are no events and now in 2026-11-21.rejected" in done.notes[-1]
    apart = (folder / "2026-11-21.rejected").read_bytes()
    assert apart.count(b"\n") == 2
    assert b"op600:1" in apart
    assert ids(folder) == sorted([*EVERYTHING, "op601:1"])


def test_a_day_without_any_event_leaves_no_file(tmp_path: Path) -> None:
    logged(tmp_path, 1, count=1)
    (segment,) = tmp_path.glob("*/*.jsonl")
    segment.write_bytes(b"")
    assert compact(tmp_path, NEXT) == compacting.Compacted()
    assert names(tmp_path) == []


def test_what_is_older_than_asked_for_is_removed(folder: Path) -> None:
    compact(folder, NEXT)
    done = compact(folder, date(2026, 11, 25), keep_days=3)
    assert done is not None
    assert [path.name for path in done.removed] == ["2026-11-21.parquet"]
    assert names(folder) == ["2026-11-22.parquet", "torn"]
    assert list((folder / "torn").iterdir()) == []


@pytest.mark.thorough
def test_one_who_reads_while_days_are_compacted_sees_each_row_once(tmp_path: Path) -> None:
    for first in range(0, 400, 100):
        logged(tmp_path, first, moment=DAY - timedelta(days=first // 200))
    expected = sorted(f"op{first + n}:1" for first in range(0, 400, 100) for n in range(5))
    wrong: list[list[str]] = []
    ended = threading.Event()

    def reading_on() -> None:
        while not ended.is_set():
            found = ids(tmp_path)
            if found != expected:
                wrong.append(found)

    reader = threading.Thread(target=reading_on)
    reader.start()
    done = compact(tmp_path, NEXT)
    ended.set()
    reader.join()
    assert done is not None
    assert len(done.written) == 2
    assert wrong == []


def test_a_view_made_before_keeps_its_rows(folder: Path) -> None:
    with connect() as connection:
        name = reading.relation(connection, folder)
        compact(folder, NEXT)
        assert len(connection.execute(f"SELECT id FROM {name}").fetchall()) == 20


def test_a_day_that_cannot_be_written_stays_as_it_is(folder: Path) -> None:
    (folder / ".building").write_text("in the way")
    done = compact(folder, NEXT)
    assert done is not None
    assert len(done.failed) == 1
    assert done.failed[0].startswith("2026-11-21: ")
    assert ids(folder) == EVERYTHING
    (folder / ".building").unlink()
    compact(folder, NEXT)
    assert names(folder) == ["2026-11-21.parquet", "2026-11-22", "torn"]


def test_rows_broken_in_the_middle_are_set_apart_too(folder: Path) -> None:
    first = min((folder / "2026-11-21").glob("*.jsonl"))
    rows = first.read_bytes().splitlines(keepends=True)
    first.write_bytes(rows[0] + b"\0" * 4096 + b"\n" + b"".join(rows[1:]))
    done = compact(folder, NEXT)
    assert done is not None
    assert (done.rows, done.rejected, done.failed) == (15, 1, [])
    assert ids(folder) == EVERYTHING
    assert (folder / "2026-11-21.rejected").read_bytes() == b"\0" * 4096 + b"\n"


def test_the_command_compacts_in_a_process_of_its_own(folder: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tokenop.gateway.log", str(folder), "100000"], cwd=ROOT, capture_output=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, b"")
    assert b"torn bytes" in ran.stderr
    assert names(folder)[0] == "2026-11-21.parquet"
