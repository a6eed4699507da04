"""Many calls at once, in one process and in several that are killed: limits hold, and the sums are those of the log."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.gateway.budgets.making import PAID, call, purse, row, serving
from tests.thoroughness import examples
from tokenop.gateway.budgets import folding
from tokenop.gateway.budgets.purse import NOTE
from tokenop.gateway.model import RefusedCallError
from tokenop.routing.model import Budget

PICO = 10**12
LIMIT = 60 * PICO // 1000
RICH = 1000 * PICO


def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.002)


def begin(folder: Path, limit: int, tasks: int, calls: int, seed: str) -> subprocess.Popen[bytes]:
    words = [str(folder), str(limit), str(tasks), str(calls), seed]
    return subprocess.Popen([sys.executable, "-m", "tests.gateway.budgets.worker", *words], cwd=ROOT)


def begun(folder: Path, limit: int, tasks: int, calls: int, seeds: list[str]) -> list[subprocess.Popen[bytes]]:
    """Return processes that are all ready, and let them go at once."""
    started = [begin(folder, limit, tasks, calls, seed) for seed in seeds]
    until(lambda: all((folder / f"steps-{seed}").exists() for seed in seeds))
    (folder / "go").touch()
    return started


def test_sixty_four_calls_at_once_are_granted_what_fits_and_no_more(tmp_path: Path) -> None:
    counted = purse(tmp_path)
    under = serving(Budget("b", "all", "day", usd=Decimal(LIMIT) / PICO))
    draw = random.Random(64)
    settled = 0
    held: dict[int, int] = {}
    refused = 0

    async def one(number: int) -> None:
        nonlocal settled, refused
        for _ in range(10):
            made = call(under, asked=100, answered=draw.randint(1, 800))
            worst = counted._prices.worst(made, 0, (PAID,), 0).usd
            fits = settled + sum(held.values()) + worst <= LIMIT
            try:
                counted.reserve(made, (PAID,))
            except RefusedCallError:
                assert not fits
                refused += 1
                await asyncio.sleep(0)
                continue
            assert fits
            held[number] = made.notes[NOTE].usd
            assert held[number] == worst
            await asyncio.sleep(0)
            cost = draw.randint(0, worst // 20)
            counted.spent(made, row(made, Decimal(cost) / PICO))
            counted.release(made)
            del held[number]
            settled += cost
            await asyncio.sleep(0)

    async def all_at_once() -> None:
        await asyncio.gather(*(one(number) for number in range(64)))

    asyncio.run(all_at_once())
    assert 0 < refused < 640
    assert counted.ledger.spent(counted.ledger.account(("", "", "", ""), int(time.time())), 0)[0] in (settled, 0)
    counted.close()


@dataclass(slots=True)
class Held:
    """What a call held: not yet `before`, surely `after`; surely until it `leaves`, no longer when it has `left`."""

    worst: int
    before: int
    after: int
    leaves: int = 2**63
    left: int = 2**63
    cost: int = 0


def steps(folder: Path, seeds: list[str]) -> tuple[dict[str, Held], list[tuple[int, int, int]]]:
    """Return what was granted by name, and what was refused: before, after, how much."""
    granted: dict[str, Held] = {}
    refused = []
    for seed in seeds:
        for line in (folder / f"steps-{seed}").read_text(encoding="utf-8").splitlines():
            what, *rest = line.split()
            if what not in ("granted", "refused", "settled") or len(rest) < 4:
                continue
            name, before, after, usd = rest[0], int(rest[1]), int(rest[2]), int(rest[3])
            if what == "granted":
                granted[name] = Held(usd, before, after)
            elif what == "refused":
                refused.append((before, after, usd))
            else:
                one = granted[name]
                one.leaves, one.left, one.cost = before, after, usd
    return granted, refused


def test_four_processes_with_sixteen_calls_each_hold_one_limit(tmp_path: Path) -> None:
    seeds = [f"p{number}" for number in range(4)]
    started = begun(tmp_path, LIMIT, 16, examples(8, 80), seeds)
    assert [process.wait(60) for process in started] == [0, 0, 0, 0]
    granted, refused = steps(tmp_path, seeds)
    assert granted
    assert refused
    # At each moment at which something was granted: all that is surely held or spent then is within the limit.
    for moment in [one.after for one in granted.values()]:
        surely = [one.worst for one in granted.values() if one.after <= moment < one.leaves]
        spent = [one.cost for one in granted.values() if one.left <= moment]
        assert sum(surely) + sum(spent) <= LIMIT
    # What was refused did not fit into what may have been held or spent at some moment of the asking.
    for before, after, worst in refused:
        perhaps = [one.worst for one in granted.values() if one.before < after and one.left > before]
        spent = [one.cost for one in granted.values() if one.left <= before]
        assert sum(perhaps) + sum(spent) + worst > LIMIT
    assert sum(one.cost for one in granted.values()) == sums(tmp_path)["all", ""][0]
    counted_is_the_log(tmp_path)


def sums(folder: Path) -> dict[tuple[str, str], tuple[int, int]]:
    """Return the sums of this month from the log alone, added up row by row."""
    usd: Counter[tuple[str, str]] = Counter()
    tokens: Counter[tuple[str, str]] = Counter()
    for path in (folder / "log").glob("*/*.jsonl"):
        for line in path.read_bytes().split(b"\n"):
            try:
                event = json.loads(line, parse_float=Decimal, parse_int=int)
            except ValueError:
                continue
            for key in (("all", ""), ("user", event.get("user_id") or "")):
                usd[key] += int(Decimal(event["cost_usd"]) * PICO)
                tokens[key] += event["input_tokens"] + event["output_tokens"]
    return {key: (usd[key], tokens[key]) for key in usd}


def counted_is_the_log(folder: Path) -> None:
    """Hold what a new process counts to the log."""
    folding.fold(folder / "budgets", folder / "log", "UTC", time.time(), wait=True)
    counted = purse(folder, now=datetime.now(UTC))
    for (per, subject), expected in sums(folder).items():
        account = counted.ledger.account(("", subject if per == "user" else "", "", ""), int(time.time()))
        place = {"all": 1, "user": 3}[per]
        assert counted.ledger.spent(account, place) == expected
        assert counted.ledger.spent(account, place, reserved=True) == expected
    counted.close()
    assert not folding.fold(folder / "budgets", folder / "log", "UTC", time.time()).segments


def test_after_kills_at_any_moment_the_sums_are_those_of_the_log(tmp_path: Path) -> None:
    draw = random.Random(9)
    (tmp_path / "go").touch()
    running: list[subprocess.Popen[bytes]] = []
    for number in range(examples(3, 24)):
        running.append(begin(tmp_path, RICH, 16, 100_000, f"k{number}"))
        ready = tmp_path / f"steps-k{number}"
        wanted = draw.randint(0, 200)
        until(lambda ready=ready, wanted=wanted: ready.exists() and ready.read_bytes().count(b"\n") > wanted)
        if number % 3 == 1:  # others go on counting meanwhile
            folding.fold(tmp_path / "budgets", tmp_path / "log", "UTC", time.time())
        if draw.random() < 0.5 and len(running) > 1:
            victim = running.pop(draw.randrange(len(running)))
            victim.send_signal(signal.SIGKILL)
            victim.wait()
    for process in running:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert sums(tmp_path)["all", ""][0] > 0
    counted_is_the_log(tmp_path)


@pytest.mark.thorough
def test_a_month_of_a_million_rows_is_counted_again_in_seconds(tmp_path: Path) -> None:
    made = call(serving(), "ana", when=datetime.now(UTC))
    line = json.dumps({**row(made, None), "cost_usd": 0.000001, "id": "x"}).encode() + b"\n"
    day = tmp_path / "log" / datetime.now(UTC).date().isoformat()
    day.mkdir(parents=True)
    (day / "20261122T000000.000000Z-1-00.jsonl").write_bytes(line * 1_000_000)
    counted = purse(tmp_path, now=datetime.now(UTC))
    account = counted.ledger.account(("", "", "", ""), int(time.time()))
    assert counted.ledger.spent(account, 1) == (PICO, 2_000_000_000)
    counted.close()
