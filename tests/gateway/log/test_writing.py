"""Events that are appended get into files: whole, in order, and loudly where they do not."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.gateway.log.events import NOON, event, ids_one_by_one, lines
from tokenop.gateway.log import writing
from tokenop.gateway.log.model import LogError
from tokenop.gateway.log.writing import EventLog
from tokenop.routing.chain import as_json

Make = Callable[..., EventLog]


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def make(tmp_path: Path, told: list[str]) -> Iterator[Make]:
    made: list[EventLog] = []

    def making(**more: Any) -> EventLog:
        made.append(EventLog(tmp_path / "log", tell=told.append, **{"now": lambda: NOON, **more}))
        return made[-1]

    yield making
    for log in made:
        log.close()


@pytest.fixture
def no_room() -> Iterator[Callable[[int | None], None]]:
    """Return a function that lets files grow to so many bytes only: writes beyond are short, then fail."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limiting(size: int | None) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft if size is None else size, hard))

    yield limiting
    limiting(None)


def test_what_is_appended_stands_in_one_segment_of_the_day_in_order(make: Make, tmp_path: Path) -> None:
    log = make()
    for number in range(1000):
        log.append(event(number))
    log.close()
    (segment,) = (tmp_path / "log" / "2026-11-22").iterdir()
    assert f"-{os.getpid()}-" in segment.name
    assert [json.loads(line)["id"] for line in lines(tmp_path / "log")] == [f"op{n}:1" for n in range(1000)]
    assert log.health().written == 1000


def test_a_row_is_the_event_as_the_chain_says_it(make: Make, tmp_path: Path) -> None:
    log = make()
    odd = event(1, cost_usd=Decimal("3.75E-9"), user_id="sárah\n")
    log.append(odd)
    log.close()
    (line,) = lines(tmp_path / "log")
    assert line.decode() == as_json(odd) + "\n"
    assert b'"cost_usd":0.00000000375,' in line


def test_it_is_written_soon_without_being_asked(make: Make, tmp_path: Path) -> None:
    log = make()
    log.append(event(1))
    waited = threading.Event()
    for _ in range(500):
        if log.health().written:
            break
        waited.wait(0.01)
    assert len(lines(tmp_path / "log")) == 1


def test_settled_means_that_all_before_is_written_and_synced(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (real(fd), synced.append(len(lines(tmp_path / "log"))))[0])
    log = make(durable=True)

    async def call(number: int) -> None:
        log.append(event(number))
        await log.settled()
        assert any(json.loads(line)["id"] == f"op{number}:1" for line in lines(tmp_path / "log")[: synced[-1]])

    async def calls() -> None:
        await asyncio.gather(*map(call, range(64)))

    asyncio.run(calls())
    assert len(synced) < 64  # many who wait share one sync


def test_settled_without_anything_new_returns(make: Make) -> None:
    log = make()
    asyncio.run(log.settled())
    log.append(event(1))
    asyncio.run(log.settled())
    asyncio.run(log.settled())


def test_a_caller_who_stops_waiting_harms_nobody(make: Make, tmp_path: Path) -> None:
    log = make()

    async def both() -> None:
        log.append(event(1))
        gone, here = asyncio.ensure_future(log.settled()), asyncio.ensure_future(log.settled())
        await asyncio.sleep(0)
        gone.cancel()
        await here

    asyncio.run(both())
    assert len(lines(tmp_path / "log")) == 1


def test_a_full_disk_is_loud_never_corrupts_and_loses_nothing(
    make: Make, tmp_path: Path, told: list[str], no_room: Callable[[int | None], None]
) -> None:
    log = make(durable=True)
    row = len(as_json(event(0))) + 1

    async def full() -> None:
        no_room(row * 3 + 100)  # three rows and a part of the fourth
        for number in range(10):
            log.append(event(number))
        with pytest.raises(LogError, match="cannot be written: File too large"):
            await log.settled()
        health = log.health()
        assert (health.waiting, health.lost, health.written) == (7, 0, 3)
        assert health.told()["fatal"] is True
        assert len(lines(tmp_path / "log")) == 3
        assert all(json.loads(line) for line in lines(tmp_path / "log"))
        with pytest.raises(LogError):
            await log.settled()
        no_room(None)
        await log.settled()

    asyncio.run(full())
    assert [json.loads(line)["id"] for line in lines(tmp_path / "log")] == [f"op{n}:1" for n in range(10)]
    assert log.health().told() == {
        "ok": True, "waiting": 0, "waiting_bytes": 0, "written": 10, "lost": 0, "refused": 0, "durable": True,
    }  # fmt: skip
    assert len(told) == 2
    assert "rows wait in memory" in told[0]
    assert told[1] == "tokenop: the event log is written again\n"


def test_memory_is_bounded_and_what_is_given_up_is_counted(
    make: Make, tmp_path: Path, told: list[str], no_room: Callable[[int | None], None]
) -> None:
    log = make(most_rows=20)
    no_room(0)
    for number in range(50):
        log.append(event(number))
    with pytest.raises(LogError):
        asyncio.run(log.settled())
    assert (log.health().waiting, log.health().lost) == (20, 30)
    assert "30 are lost" in told[-1]
    no_room(None)
    log.close()
    assert set(ids_one_by_one(tmp_path / "log")) == {f"op{n}:1" for n in range(30, 50)}
    assert "30 rows are lost" in told[-1]


def test_large_rows_are_bounded_by_their_bytes(make: Make, no_room: Callable[[int | None], None]) -> None:
    log = make(most_bytes=50_000)
    no_room(0)
    for number in range(100):
        log.append(event(number, user_id="u" * 10_000))
    assert log.health().waiting_bytes <= 50_000
    assert log.health().lost == 100 - log.health().waiting
    no_room(None)


def test_a_disk_that_fails_to_sync_is_not_believed_again(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make(durable=True)
    real, failing = os.fdatasync, [True]

    def sync(descriptor: int) -> None:
        if failing and failing.pop():
            raise OSError(5, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", sync)

    async def twice() -> None:
        log.append(event(1))
        with pytest.raises(LogError, match="Input/output error"):
            await log.settled()
        await log.settled()

    asyncio.run(twice())
    assert ids_one_by_one(tmp_path / "log") == {"op1:1": 1}
    assert len(list((tmp_path / "log").glob("*/*.jsonl"))) == 2


def test_a_segment_that_somebody_removes_is_not_written_to(make: Make, tmp_path: Path) -> None:
    log = make()
    log.append(event(1))
    asyncio.run(log.settled())
    (segment,) = (tmp_path / "log").glob("*/*.jsonl")
    segment.unlink()
    segment.parent.rmdir()
    log.append(event(2))
    log.close()
    assert set(ids_one_by_one(tmp_path / "log")) == {"op2:1"}


def test_each_day_has_its_segment_and_a_clock_that_goes_back_over_midnight_changes_nothing(
    make: Make, tmp_path: Path
) -> None:
    clock = [NOON.replace(hour=23, minute=59)]
    log = make(now=lambda: clock[0])
    for number, minutes in enumerate((0, 2, -2, 3)):
        clock[0] += timedelta(minutes=minutes)
        log.append(event(number))
        asyncio.run(log.settled())
    log.close()
    days = {path.name: len(list(path.iterdir())) for path in (tmp_path / "log").iterdir()}
    assert days == {"2026-11-22": 1, "2026-11-23": 1}
    assert [json.loads(line)["id"] for line in lines(tmp_path / "log")] == ["op0:1", "op1:1", "op2:1", "op3:1"]


def test_a_clock_that_was_wrong_by_years_is_left_behind(make: Make, tmp_path: Path) -> None:
    clock = [datetime(2036, 1, 1, tzinfo=UTC)]
    log = make(now=lambda: clock[0])
    log.append(event(1))
    asyncio.run(log.settled())
    clock[0] = NOON
    log.append(event(2))
    log.close()
    assert {path.name for path in (tmp_path / "log").iterdir()} == {"2036-01-01", "2026-11-22"}


def test_an_event_that_nothing_can_hold_harms_no_other(make: Make, tmp_path: Path, told: list[str]) -> None:
    log = make()
    log.append(event(1, user_id="half a letter \ud83d", agent_id=object()))
    log.append({"id": 2**70, object(): 1})
    log.append(event(3))
    log.close()
    first, second = (msgspec.json.decode(line) for line in lines(tmp_path / "log"))
    assert (first["user_id"], first["agent_id"], second["id"]) == ("half a letter ?", None, "op3:1")
    assert log.health().refused == 1
    assert len(told) == 1


def test_counts_that_contradict_each_other_are_unknown(make: Make, tmp_path: Path) -> None:
    log = make()
    log.append(event(1, cache_read_input_tokens=1201, cache_creation_input_tokens=0, reasoning_output_tokens=80))
    log.append(event(2, cache_read_input_tokens=1200, reasoning_output_tokens=81))
    log.append(event(3, cache_creation_input_tokens=7, cache_creation_1h_input_tokens=8))
    log.close()
    rows = [json.loads(line) for line in lines(tmp_path / "log")]
    extra = [{name for name in row if name.startswith(("cache", "reasoning"))} for row in rows]
    assert extra == [{"reasoning_output_tokens"}, {"cache_read_input_tokens"}, {"cache_creation_input_tokens"}]


def test_an_event_after_the_end_opens_the_log_again(make: Make, tmp_path: Path) -> None:
    log = make()
    log.append(event(1))
    log.close()
    log.append(event(2))
    log.close()
    log.close()
    assert len(lines(tmp_path / "log")) == 2


def test_threads_may_append_at_once(make: Make, tmp_path: Path) -> None:
    log = make()
    threads = [
        threading.Thread(target=lambda first=first: [log.append(event(first + n)) for n in range(500)])
        for first in range(0, 4000, 500)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert ids_one_by_one(tmp_path / "log") == {f"op{n}:1": 1 for n in range(4000)}


def test_a_bug_does_not_end_the_thread_that_writes(
    make: Make, tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make()
    with monkeypatch.context() as patched:
        patched.setattr(writing.Appender, "write", lambda *_: 1 / 0)
        log.append(event(1))
        with pytest.raises(LogError):
            asyncio.run(log.settled())
    log.close()
    assert len(lines(tmp_path / "log")) == 1
    assert "ZeroDivisionError" in told[0]
