"""Slices on the disk: whole, once, and continued where a run was stopped."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tracemalloc
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.extract.crashes import START, Source, job, run
from tests.extract.running import HERE, ROOT, memory_disk, rows, slices
from tokenop.collect import manifest
from tokenop.errors import InputError
from tokenop.extract import loop
from tokenop.extract import slices as cutting
from tokenop.extract.model import ExtractError, StreamUnavailable, Window
from tokenop.extract.rows import Sorter, line
from tokenop.extract.store import Store

MANIFEST = manifest.load(HERE / "data" / "snowflake")
assert MANIFEST.extract
AI, AISQL, REST, OWN = MANIFEST.extract.streams


def days(steps: list[dict[str, Any]], stream: str = "ai_functions") -> list[str]:
    return [step["slice"] for step in steps if step["event"] == "slice" and step["stream"] == stream]


def test_a_kill_at_any_step_on_the_disk_is_mended_by_the_next_run() -> None:
    with memory_disk() as folder:
        ran = subprocess.run(
            [sys.executable, "-m", "tests.extract.crashes", str(folder)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    found = json.loads(ran.stdout)
    assert found["steps"] > 50
    assert found["slices"] == 9
    assert found["problems"] == []


def test_the_next_run_fetches_only_slices_that_late_rows_may_reach(tmp_path: Path) -> None:
    assert days(run(tmp_path, Source())) == ["2026-08-25", "2026-08-26", "2026-08-27", "2026-08-28"]
    # Three hours after midnight with a lag of six: yesterday is not settled yet.
    assert days(run(tmp_path, Source(), since=None)) == ["2026-08-27", "2026-08-28"]
    assert days(run(tmp_path, Source(), since=None, now="2026-08-28T06:00:00+00:00")) == ["2026-08-27", "2026-08-28"]
    assert days(run(tmp_path, Source(), since=None, now="2026-08-28T06:00:00+00:00")) == ["2026-08-28"]


def test_rows_that_arrive_within_the_lag_are_there_after_the_next_run_and_once(tmp_path: Path) -> None:
    run(tmp_path, Source(rows=5))
    run(tmp_path, Source(rows=5, late=3), since=None)
    assert len(rows(tmp_path, "ai_functions/2026-08-25.jsonl")) == 5, "this day was settled"
    assert [row["QUERY_ID"] for row in rows(tmp_path, "ai_functions/2026-08-27.jsonl")] == [
        f"ai_functions-27-{n}" for n in range(8)
    ]


def test_days_that_a_clock_in_the_future_settled_are_fetched_again(tmp_path: Path) -> None:
    run(tmp_path, Source(), until="2027-01-01T00:00:00+00:00", now="2027-01-02T00:00:00+00:00")
    steps = run(tmp_path, Source(late=3), since=None)
    assert "2026-08-27" in days(steps)
    assert [step["text"] for step in steps if step["event"] == "note" and step["text"].startswith("ai_functions: was")]
    again = run(tmp_path, Source(), since=None, now="2026-08-28T06:00:00+00:00")
    assert days(again) == ["2026-08-27", "2026-08-28"], "from then on it goes on as ever"


def test_another_key_on_a_host_of_many_accounts_is_told_once(tmp_path: Path) -> None:
    def notes(login: str) -> list[str]:
        store = Store(tmp_path)
        with store.locked():
            store.logged_in_with(login)
        return store.notes

    assert notes("sk-first-account") == []
    assert notes("sk-first-account") == []
    assert "--out" in notes("sk-second-account")[0]
    assert notes("sk-second-account") == []
    assert b"account" not in (tmp_path / ".state.json").read_bytes()


def test_without_a_start_a_first_run_takes_thirty_days(tmp_path: Path) -> None:
    assert days(run(tmp_path, Source(rows=1), since=None))[0] == "2026-07-29"


def test_an_earlier_start_fetches_what_lies_before_and_nothing_again(tmp_path: Path) -> None:
    run(tmp_path, Source(), now="2026-09-01T12:00:00+00:00")
    steps = run(tmp_path, Source(), since="2026-08-22", now="2026-09-01T12:00:00+00:00")
    assert days(steps) == ["2026-08-22", "2026-08-23", "2026-08-24", "2026-09-01"]


def test_a_gap_between_two_ranges_is_not_taken_as_read(tmp_path: Path) -> None:
    later = "2026-09-01T12:00:00+00:00"
    run(tmp_path, Source(), since="2026-08-01", until="2026-08-03T00:00:00+00:00", now=later)
    run(tmp_path, Source(), since="2026-08-10", until="2026-08-12T00:00:00+00:00", now=later)
    steps = run(tmp_path, Source(), since="2026-08-01", until="2026-08-12T00:00:00+00:00", now=later)
    assert days(steps) == [f"2026-08-{day:02}" for day in range(3, 10)]


def test_again_fetches_everything_that_was_fetched(tmp_path: Path) -> None:
    run(tmp_path, Source())
    assert days(run(tmp_path, Source(), since=None, again=True))[:2] == ["2026-08-25", "2026-08-26"]


def test_a_slice_that_was_removed_is_fetched_again_when_its_day_is_asked_for(tmp_path: Path) -> None:
    run(tmp_path, Source())
    (tmp_path / "ai_functions" / "2026-08-25.jsonl").unlink()
    assert "2026-08-25" in days(run(tmp_path, Source()))


def test_an_empty_slice_is_an_empty_file_and_is_settled_too(tmp_path: Path) -> None:
    run(tmp_path, Source())
    assert (tmp_path / "ai_functions" / "2026-08-26.jsonl").read_bytes() == b""
    assert "2026-08-26" not in days(run(tmp_path, Source()))


def test_the_fallback_is_asked_only_for_days_that_the_newer_view_has_no_rows_for(tmp_path: Path) -> None:
    source = Source()
    run(tmp_path, source)
    assert [window.since.day for name, window in source.asked if name == "aisql"] == [26]
    assert [path.name for path in (tmp_path / "aisql").iterdir()] == ["2026-08-26.jsonl"]


def test_slices_of_the_fallback_go_once_the_newer_view_has_rows(tmp_path: Path) -> None:
    class WithoutNewView(Source):
        def pages(self, stream: Any, window: Window) -> Any:
            if stream is AI or stream.name == "ai_functions":
                raise StreamUnavailable("not here yet")
            return super().pages(stream, window)

    steps = run(tmp_path, WithoutNewView())
    assert [step["stream"] for step in steps if step["event"] == "unavailable"] == ["ai_functions"]
    assert len(list((tmp_path / "aisql").iterdir())) == 4
    run(tmp_path, Source(), again=True)
    assert [path.name for path in (tmp_path / "aisql").iterdir()] == ["2026-08-26.jsonl"]


def test_a_stream_that_is_not_optional_stops_the_run(tmp_path: Path) -> None:
    class Closed(Source):
        def requests(self, *_: Any) -> Any:
            return (object(),)

        def pages(self, stream: Any, window: Window) -> Any:
            raise StreamUnavailable(f"{stream.name} is not granted")

    with pytest.raises(StreamUnavailable, match="own_view"):
        run(tmp_path, Closed())


def test_a_failure_in_the_middle_of_a_slice_leaves_the_old_one(tmp_path: Path) -> None:
    class Breaks(Source):
        def pages(self, stream: Any, window: Window) -> Any:
            yield [{stream.columns[0]: "new"}]
            raise ExtractError("broke")

    run(tmp_path, Source())
    before = slices(tmp_path)
    with pytest.raises(ExtractError, match="broke"):
        run(tmp_path, Breaks(), again=True)
    assert slices(tmp_path) == before
    assert list((tmp_path / ".partial").iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff\xfe", b'{"schema_version": 9}', b'{"schema_version": 1}',
    b'{"schema_version":1,"origin":"","streams":{"ai_functions":{"shape":{},"settled":[["x","y"]]}}}',
    b'{"schema_version":1,"origin":"","streams":{"ai_functions":{"shape":{},"settled":[["2026-08-25","2027-08-25"]]}}}',
    b'{"schema_version":1,"origin":"","streams":{"a":{"shape":{},"settled":[["9999-12-31T23:59:59-14:00","x"]]}}}',
    b"[" * 100_000])  # fmt: skip
def test_a_damaged_state_is_told_and_everything_is_fetched_again(tmp_path: Path, damage: bytes) -> None:
    run(tmp_path, Source())
    before = slices(tmp_path)
    (tmp_path / ".state.json").write_bytes(damage)
    steps = run(tmp_path, Source())
    assert any("damaged" in step["text"] for step in steps if step["event"] == "note")
    assert len(days(steps)) == 4
    assert slices(tmp_path) == before


def test_half_a_file_of_a_killed_run_is_nothing_that_discover_reads(tmp_path: Path) -> None:
    run(tmp_path, Source())
    left = tmp_path / ".partial" / "old"
    left.mkdir()
    (left / "whole").write_text('{"QUERY_ID":"half')
    assert all("half" not in content.decode() for content in slices(tmp_path).values())
    run(tmp_path, Source())
    assert not left.exists()


def test_two_runs_at_once_are_kept_apart(tmp_path: Path) -> None:
    with Store(tmp_path).locked(), pytest.raises(InputError, match=r"another `tokenop extract`"):
        run(tmp_path, Source())
    assert days(run(tmp_path, Source()))


def test_two_accounts_do_not_share_a_folder(tmp_path: Path) -> None:
    run(tmp_path, Source())
    with pytest.raises(InputError, match=r"here\.example\.com.*there\.example\.com.*--out"):
        run(tmp_path, Source(), origin="there.example.com", since=None)


def test_another_length_of_slices_is_refused_instead_of_counted_twice(tmp_path: Path) -> None:
    run(tmp_path, Source())
    text = (tmp_path / ".state.json").read_text().replace('"slice": "day"', '"slice": "hour"')
    (tmp_path / ".state.json").write_text(text)
    with pytest.raises(InputError, match="another length"):
        run(tmp_path, Source())


def test_other_columns_are_fetched_again_and_said(tmp_path: Path) -> None:
    run(tmp_path, Source())
    text = (tmp_path / ".state.json").read_text().replace('"CREDITS"', '"CREDITS_OLD"')
    (tmp_path / ".state.json").write_text(text)
    steps = run(tmp_path, Source())
    assert len(days(steps)) == 4
    assert [step["text"] for step in steps if step["event"] == "note" and "another way" in step["text"]]


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    run(tmp_path / "x", Source())
    for path in [tmp_path / "x", *(tmp_path / "x").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_an_undeclared_column_is_refused() -> None:
    with pytest.raises(ExtractError, match="prompt"):
        line({"QUERY_ID": "q", "prompt": "secret"}, ("QUERY_ID",))


def test_values_are_written_exactly() -> None:
    row = {
        "a": Decimal("0.002136000"), "b": datetime(2026, 8, 25, 19, tzinfo=UTC) + timedelta(microseconds=5),
        "c": date(2026, 8, 25), "d": float("nan"), "e": None, "f": 2**63, "g": datetime(2026, 8, 25, 19),  # noqa: DTZ001
    }  # fmt: skip
    assert json.loads(line(row, tuple("abcdefg"))) == {
        "a": "0.002136000", "b": "2026-08-25T19:00:00.000005Z", "c": "2026-08-25", "d": None, "f": 2**63,
        "g": "2026-08-25T19:00:00",
    }  # fmt: skip


@given(st.lists(st.binary(max_size=8).map(lambda b: b.hex().encode() + b"\n"), max_size=60), st.integers(1, 200))
def test_lines_come_out_sorted_and_as_often_as_they_came(entries: list[bytes], limit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sorter = Sorter(Path(folder), spill_bytes=limit)
        for entry in entries:
            sorter.add(entry)
        assert list(sorter.lines()) == sorted(entries)
        assert sorter.rows == len(entries)


@pytest.mark.thorough
def test_a_slice_of_many_pages_needs_the_memory_of_few(tmp_path: Path) -> None:
    store = Store(tmp_path)
    window = Window(START, START + timedelta(days=1))
    pages = ([{"QUERY_ID": f"{number}-{n}" * 60} for n in range(10_000)] for number in range(10))
    with store.locked():
        tracemalloc.start()
        try:
            assert store.write(AI, window, pages) == 100_000
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    size = store.path(AI, window).stat().st_size
    assert size > 35_000_000
    assert peak < 35_000_000


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda t: t.replace(tzinfo=UTC)),  # noqa: DTZ001
    st.timedeltas(timedelta(seconds=1), timedelta(days=40)),
    st.sampled_from(["hour", "day"]),
)
def test_slices_cover_a_range_without_gap_and_without_overlap(since: datetime, length: timedelta, kind: Any) -> None:
    from dataclasses import replace

    stream = replace(AI, slice=kind)
    windows = list(cutting.cut(stream, since, since + length))
    assert windows[0].since <= since < windows[0].until
    assert windows[-1].since < since + length <= windows[-1].until
    assert all(a.until == b.since for a, b in pairwise(windows))
    assert len({cutting.name(stream, window) for window in windows}) == len(windows)


def test_a_slice_that_ends_exactly_a_lag_ago_is_settled() -> None:
    day = Window(START, START + timedelta(days=1))
    assert cutting.settled(AI, day, day.until + AI.lag)
    assert not cutting.settled(AI, day, day.until + AI.lag - timedelta(seconds=1))


def test_the_future_is_not_asked_for() -> None:
    found = cutting.due(AI, [], START, START + timedelta(days=300), START + timedelta(hours=30))
    assert [window.since.day for window in found] == [25, 26]


def test_chosen_streams_are_known_ones() -> None:
    from tokenop.errors import MisuseError

    with pytest.raises(MisuseError, match="ai_functions, aisql"):
        loop.chosen(MANIFEST, ("nothing",))
    assert [stream.name for stream in loop.chosen(MANIFEST, ("rest",))] == ["rest"]
    assert job(Path("x")).streams == ()
