"""A user who suddenly spends much is led to free providers, in all processes, until it is over or cleared."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.budgets.making import LOCAL, NOON, PAID, call, purse, row, serving, whole
from tokenop.events import encoding
from tokenop.gateway.budgets import settings, throttling, usual
from tokenop.gateway.budgets.keeping import Keeper
from tokenop.gateway.budgets.purse import PurseOfAll
from tokenop.gateway.model import RefusedCallError
from tokenop.providers.base import Target

PICO = 10**12
HOUR = timedelta(hours=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a gateway that knows what an hour of Ana costs: a dollar and a half."""
    budgets = tmp_path / "budgets"
    budgets.mkdir()
    (budgets / throttling.BASELINES).write_text(json.dumps({"users": {"ana": 3 * PICO // 2, "ben": 1}}))
    return tmp_path


@pytest.fixture
def two(folder: Path) -> Iterator[tuple[PurseOfAll, PurseOfAll]]:
    """Return the purses of two processes."""
    made = purse(folder), purse(folder)
    yield made
    for one in made:
        one.close()


def spend(counted: PurseOfAll, usd: str, user: str = "ana", when: datetime = NOON, **own: Any) -> tuple[Target, ...]:
    """Make a call that costs so much; return who was asked."""
    made = call(serving(own={"throttle": own}), user, when=when)
    grant = counted.reserve(made, (PAID,))
    counted.spent(made, row(made, usd))
    counted.release(made)
    return grant.chain


def kept(counted: PurseOfAll, when: datetime = NOON, throttle: settings.Throttle | None = None) -> list[str]:
    """Do what is done once a second, and return what was said."""
    said: list[str] = []
    keeper = Keeper(
        counted, counted.folder.parent / "log", "UTC", segment=lambda: None,
        throttle=lambda: throttle or settings.Throttle(enabled=False), tell=said.append, now=when.timestamp,
    )  # fmt: skip
    keeper._finished = False
    asyncio.run(keeper.once())
    return said


def test_an_hour_of_more_than_twice_the_usual_throttles_in_all_processes(two: tuple[PurseOfAll, PurseOfAll]) -> None:
    one, other = two
    assert spend(one, "2") == (PAID,)
    assert spend(other, "1") == (PAID,)
    assert spend(other, "0.000001") == (PAID,)  # this one is more than $3 in all
    assert spend(other, "0") != (PAID,)
    said = kept(other)
    assert len(said) == 1
    assert said[0].startswith(
        "'ana' spent 3.000001 USD in an hour, usually 1.5: free providers only until 2026-11-22T14"
    )
    kept(one)
    made = call(serving(), "ana")
    grant = one.reserve(made, (PAID, LOCAL))
    assert grant.chain == (LOCAL,)
    assert grant.warnings == ("throttled until 2026-11-22T14:00:00+00:00 after a cost spike: a free provider answers",)
    assert one.reserve(call(serving(), "ben"), (PAID,)).chain == (PAID,)
    assert one.reserve(call(serving(), "ana", when=NOON + 2 * HOUR), (PAID,)).chain == (PAID,)
    lines = (one.folder / throttling.ANOMALIES).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "ts": "2026-11-22T12:00:00Z",
            "type": "cost_spike",
            "user_id": "ana",
            "reason": "spent more in an hour than is usual",
            "spent_usd": 3.000001,
            "baseline_usd": 1.5,
            "limit_usd": 3.0,
            "hour": "2026-11-22T12:00:00Z",
            "since": "2026-11-22T12:00:00Z",
            "until": "2026-11-22T14:00:00Z",
        }
    ]


def test_the_same_spike_is_told_once(two: tuple[PurseOfAll, PurseOfAll]) -> None:
    for counted in two:
        spend(counted, "4")
        spend(counted, "4")
    assert [len(kept(counted)) for counted in two] == [1, 1]
    assert len((two[0].folder / throttling.ANOMALIES).read_text(encoding="utf-8").splitlines()) == 1


@pytest.mark.parametrize(
    ("user", "usd", "own"),
    [
        ("ben", "2", {}),  # usually next to nothing: the floor of a dollar holds
        ("nobody-knows", "1000", {}),
        (None, "1000", {}),
        ("ana", "4", {"enabled": False}),
        ("ana", "4", {"factor": 3}),
        ("ana", "4", {"floor_usd": 2}),
    ],
)
def test_what_is_usual_unknown_or_allowed_throttles_nobody(
    two: tuple[PurseOfAll, PurseOfAll], user: str | None, usd: str, own: dict[str, Any]
) -> None:
    made = call(serving(own={"throttle": own}), user)
    two[0].reserve(made, (PAID,))
    two[0].spent(made, row(made, usd))
    two[0].release(made)
    assert two[0].noticed() == []


def test_who_is_cleared_is_free_in_a_second_and_not_judged_again_in_this_hour(
    two: tuple[PurseOfAll, PurseOfAll],
) -> None:
    one, other = two
    spend(one, "4")
    kept(one)
    assert throttling.clear(one.folder, "ana", NOON.timestamp())
    assert not throttling.clear(one.folder, "ana", NOON.timestamp())
    for counted in two:
        kept(counted)
        assert spend(counted, "4") == (PAID,)
        assert counted.noticed() == []
    assert spend(other, "4", when=NOON + HOUR) == (PAID,)
    assert len(other.noticed()) == 1


def test_who_is_throttled_and_has_nobody_to_ask_is_told_until_when(folder: Path) -> None:
    counted = purse(folder, usable=[PAID])
    spend(counted, "4")
    with pytest.raises(
        RefusedCallError, match=r"until 2026-11-22T14:00:00\+00:00 only free providers answer"
    ) as refused:
        counted.reserve(call(serving(), "ana"), (PAID,))
    assert (refused.value.kind, refused.value.retry_after) == ("throttled", 7200)
    counted.close()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"users": {"ana": {"until_s": "x"}}}', '{"users": 1, "cleared": {}}']
)
def test_files_that_cannot_be_read_throttle_nobody(tmp_path: Path, content: str) -> None:
    (tmp_path / throttling.FILE).write_text(content)
    (tmp_path / throttling.BASELINES).write_text(content)
    assert not throttling.read(tmp_path).users
    assert throttling.baselines(tmp_path) == {}


def rows(folder: Path, spent: dict[tuple[str | None, int], str]) -> None:
    """Write a log: by user and hours ago, what was spent."""
    for number, ((user, ago), usd) in enumerate(spent.items()):
        when = NOON - ago * HOUR
        day = folder / "log" / when.date().isoformat()
        day.mkdir(parents=True, exist_ok=True)
        made = call(serving(), user, when=when)
        line = encoding.line(whole({**row(made, usd), "id": str(number)}))
        (day / f"20261101T000000.000000Z-1-{number}.jsonl").write_bytes(line + b"\n")


def test_what_is_usual_is_the_mean_of_the_hours_with_calls_before_this_one(tmp_path: Path) -> None:
    (tmp_path / "budgets").mkdir()
    rows(
        tmp_path,
        {
            ("ana", 1): "1", ("ana", 5): "2", ("ana", 200): "3.000000000001", ("ana", 0): "100", ("ana", 400): "50",
            ("ben", 1): "1", ("eve", 1): "0", ("eve", 2): "0", ("eve", 3): "0", (None, 1): "9", (None, 2): "9",
            (None, 3): "9",
        },
    )  # fmt: skip
    assert usual.compute(tmp_path / "budgets", tmp_path / "log", 14, 3, NOON.timestamp()) == 1
    assert throttling.baselines(tmp_path / "budgets") == {"ana": 2 * PICO}


def test_what_is_usual_is_looked_up_each_hour(folder: Path, two: tuple[PurseOfAll, PurseOfAll]) -> None:
    path = folder / "budgets" / throttling.BASELINES
    os.utime(path, (NOON.timestamp(), NOON.timestamp()))
    assert not usual.is_due(path.parent, folder / "log", NOON.timestamp() + 3599)
    assert usual.is_due(path.parent, folder / "log", NOON.timestamp() + 3600)
    assert usual.is_due(path.parent, folder / "log", NOON.timestamp() - 10)  # the clock was set back
    rows(folder, {("eve", hour): "2" for hour in range(1, 4)})
    kept(two[0], NOON + 2 * HOUR, settings.Throttle(least_hours=3))
    kept(two[0], NOON + 2 * HOUR)
    assert spend(two[0], "5", "eve") == (PAID,)
    assert spend(two[0], "5", "eve") != (PAID,)


def test_the_settings_are_those_of_the_file(tmp_path: Path) -> None:
    said = settings.read(
        {"timezone": "Europe/Berlin", "throttle": {"factor": 1.5, "hours": 0}, "budgets": {"output_tokens": 9}}
    )
    assert (said.zone, said.throttle.factor * 2, said.throttle.hours, said.output_tokens) == ("Europe/Berlin", 3, 0, 9)
    assert settings.read({}) == settings.Own()
