"""Once a day the log is compacted, in a process of its own; and the gateway opens a log that was mended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.log.events import NOON, event, ids
from tokenop.gateway.log import opening
from tokenop.gateway.log.housekeeping import FIRST, Housekeeper
from tokenop.gateway.log.writing import EventLog
from tokenop.gateway.model import Settings


def keeper(folder: Path, told: list[str], waits: list[float], **more: Any) -> Housekeeper:
    """Return one whose third sleep ends it."""

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise asyncio.CancelledError

    return Housekeeper(folder, told.append, now=lambda: NOON, sleep=sleep, **more)


def run(housekeeper: Housekeeper) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(housekeeper.run())


def test_days_that_are_over_are_compacted_soon_after_the_start_and_told_of(tmp_path: Path) -> None:
    log = EventLog(tmp_path, now=lambda: datetime(2026, 1, 2, tzinfo=UTC))
    log.append(event(1, ts="2026-01-02T00:00:00Z"))
    log.append(event(2, output_tokens=-1))
    log.close()
    told: list[str] = []
    asyncio.run(Housekeeper(tmp_path, told.append).compact())
    assert [path.name for path in tmp_path.glob("*.parquet")] == ["2026-01-02.parquet"]
    assert ids(tmp_path) == ["op1:1"]
    assert len(told) == 1
    assert told[0].startswith("event log: 2026-01-02: 1 rows are no events")


def test_it_comes_again_each_day_whatever_goes_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    waits: list[float] = []
    seen: list[datetime] = []

    async def broken(_: Housekeeper) -> None:
        raise OSError("no process left")

    monkeypatch.setattr(Housekeeper, "compact", broken)
    run(keeper(tmp_path, told, waits, also=seen.append))
    assert waits == [FIRST, timedelta(hours=12, minutes=5).total_seconds(), waits[1]]
    assert seen == [NOON, NOON]
    assert told == ["the log could not be tidied up: OSError: no process left"] * 2


def test_a_gateway_that_opens_its_log_mends_what_was_torn_and_tells(tmp_path: Path) -> None:
    told: list[str] = []
    settings = Settings(root=tmp_path, state=tmp_path, env={}, durable=True)
    torn = tmp_path / "log" / "2026-11-22" / "x.jsonl"
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b'{"id": "a')
    log = opening.opened(settings, told.append)
    assert told == ["event log: x.jsonl: 9 torn bytes at its end are now in x.jsonl.torn"]
    assert log.health().durable
    log.close()


def test_settings_that_change_reach_hashes_and_captures(tmp_path: Path) -> None:
    keeping = opening.Keeping(Settings(root=tmp_path, state=tmp_path, env={}), {}, lambda _: None)
    assert keeping.hashes.on
    keeping.changed({"log": {"prompt_hashes": False}})
    assert not keeping.hashes.on
    assert keeping.watchers == (keeping.hashes, keeping.capture)


@pytest.mark.parametrize("worker", [0, 1])
def test_only_the_first_process_of_an_address_keeps_house(
    tmp_path: Path, worker: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Callable[..., Any]] = []
    ended: list[str] = []

    async def run_on(self: Housekeeper) -> None:
        begun.append(self.compact)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    monkeypatch.setattr(Housekeeper, "run", run_on)

    async def serve() -> None:
        settings = Settings(root=tmp_path, state=tmp_path, env={}, worker=worker)
        async with contextlib.AsyncExitStack() as stack:
            opening.Keeping(settings, {}, lambda _: None).begin(stack)
            await asyncio.sleep(0)

    asyncio.run(serve())
    assert (len(begun), len(ended)) == ((1, 1) if worker == 0 else (0, 0))
