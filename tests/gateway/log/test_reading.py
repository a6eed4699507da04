"""The log is read as one, whatever is torn in it, with SQL and without."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.log.events import NOON, event, ids, ids_one_by_one
from tests.thoroughness import examples
from tokenop.database import connect
from tokenop.events import encoding
from tokenop.events.schema import types
from tokenop.gateway.log import reading, segments
from tokenop.gateway.log.compacting import compact
from tokenop.gateway.log.repairing import repair
from tokenop.gateway.log.writing import EventLog

ROWS = [
    encoding.line({"id": f"op{n}:1", "ts": event(n)["ts"], "user_id": "á☕", "prefix_hashes": ["é"]}) + b"\n"
    for n in range(3)
]
WHOLE = b"".join(ROWS)


def written(folder: Path, data: bytes) -> Path:
    path = folder / "2026-11-22" / "20261122T120000.000000Z-1-0.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def sound_ids(data: bytes) -> list[str]:
    """Return the ids of the rows that are whole at the beginning of `data`; the line feed may be missing."""
    return [f"op{n}:1" for n in range(3) if data.startswith(b"".join(ROWS[: n + 1])[:-1])]


def test_rows_torn_at_any_byte_are_skipped_and_cut_off(tmp_path: Path) -> None:
    for cut in range(len(ROWS[0]) + 1):
        torn_there(tmp_path / str(cut), WHOLE[: len(WHOLE) - cut])


def torn_there(tmp_path: Path, data: bytes) -> None:
    path = written(tmp_path, data)
    expected = sound_ids(data)
    assert list(ids_one_by_one(tmp_path)) == expected
    repaired = repair(tmp_path)
    assert list(ids_one_by_one(tmp_path)) == expected
    assert path.read_bytes() == b"".join(ROWS[: len(expected)])
    torn = path.with_name(path.name + ".torn")
    if data[len(path.read_bytes()) :]:
        assert torn.read_bytes() == data[len(path.read_bytes()) :]
        assert "torn bytes" in str(repaired[0])
    else:
        assert not torn.exists()
    assert repair(tmp_path) == []


@settings(max_examples=examples(8, 400), deadline=None)
@given(
    data=st.builds(
        lambda cut, junk: WHOLE[:cut] + junk,
        st.integers(0, len(WHOLE)),
        st.sampled_from([b"", b"\0" * 5000, b"\n", b"\n\n", b"\xff\xfe", b"[1]\n", b"{}\n", b'{"id":', b"null\n{}"])
        | st.binary(max_size=40),
    )
)
def test_whatever_stands_at_the_end_all_ways_of_reading_agree(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("log")
    path = written(folder, data)
    before = ids(folder)
    assert before == sorted(ids_one_by_one(folder))
    repair(folder)
    assert ids(folder) == before
    assert path.read_bytes().endswith(b"\n") or not path.read_bytes()
    assert repair(folder) == []


def test_the_relation_is_typed_as_events_are_and_exact(tmp_path: Path) -> None:
    log = EventLog(tmp_path, now=lambda: NOON)
    log.append(event(1, cost_usd=Decimal("0.123456789012"), cache_hit=True, prefix_hashes=["a"]))
    log.append(event(2, cost_usd=None, cost_source="unpriced"))
    log.close()
    with connect() as connection:
        name = reading.relation(connection, tmp_path)
        kinds = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {name}").fetchall()}
        rows = connection.execute(f"SELECT cost_usd, epoch_us(ts), cache_hit, prefix_hashes FROM {name} ORDER BY id")
        moment = int(datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC).timestamp() * 1_000_000 + 0.5)
        assert rows.fetchall() == [(Decimal("0.123456789012"), moment, True, ["a"]), (None, moment, None, None)]
    wanted = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
    assert kinds == {column: wanted.get(kind, kind) for column, kind in types().items()}


def test_no_log_is_a_relation_without_rows(tmp_path: Path) -> None:
    assert ids(tmp_path / "none") == []
    assert reading.segments_of(tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


def test_since_and_until_are_by_the_time_of_the_call_over_both_kinds_of_files(tmp_path: Path) -> None:
    folder = tmp_path / "odd [name]*"
    start = datetime(2026, 11, 20, 12, tzinfo=UTC)
    moments = [start + timedelta(hours=6 * n) for n in range(12)]
    clock = [start]
    log = EventLog(folder, now=lambda: clock[0])
    for number, moment in enumerate(moments):
        clock[0] = moment + timedelta(hours=3)  # a long call is written on the day after it began
        log.append(event(100 + number, ts=moment.isoformat()))
        log.close()
    compact(folder, date(2026, 11, 22))
    assert len(list(folder.glob("*.parquet"))) == 2
    with connect() as connection:
        for first, end in ((0, 0), (0, 4), (3, 7), (5, 12), (11, 12), (11, 4)):
            name = reading.relation(connection, folder, moments[first], start + timedelta(hours=6 * end))
            found = connection.execute(f"SELECT id FROM {name} ORDER BY id").fetchall()
            assert [row[0] for row in found] == [f"op{100 + n}:1" for n in range(first, end)]


def test_who_follows_a_segment_gets_each_row_once_when_it_is_whole(tmp_path: Path) -> None:
    found, offset = [], 0
    for end in range(0, len(WHOLE) + 1, 7):
        path = written(tmp_path, WHOLE[:end])
        rows, offset = reading.read_from(path, offset)
        found += rows
    path.write_bytes(WHOLE)
    found += reading.read_from(path, offset)[0]
    assert [row["id"] for row in found] == ["op0:1", "op1:1", "op2:1"]


def test_a_row_longer_than_what_is_read_at_once_is_one_row(tmp_path: Path) -> None:
    long = encoding.line(event(1, prompt="x" * 3_000_000))
    path = written(tmp_path, long + b"\n" + ROWS[2])
    assert [row["id"] for row in reading.rows_of(path)] == ["op1:1", "op2:1"]


def test_a_segment_that_was_just_made_is_never_seen_without_its_owner(tmp_path: Path) -> None:
    descriptor, path = segments.create(tmp_path, NOON.date(), NOON)
    assert [(found.path, found.live) for found in reading.segments_of(tmp_path)] == [(path, True)]
    os.close(descriptor)
    assert not segments.is_live(path)
