"""Rows count once: in a table while their process lives, from the log afterwards, whoever is killed in between."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.budgets.making import NOON, call, purse, row, serving, whole
from tests.thoroughness import examples
from tokenop.events import encoding
from tokenop.gateway.budgets import closed, folding, recount, tables
from tokenop.gateway.budgets.purse import PurseOfAll
from tokenop.gateway.budgets.tables import Table
from tokenop.gateway.log import segments
from tokenop.gateway.log.compacting import compact

PICO = 10**12
SOON = NOON + timedelta(minutes=1)
NOW = NOON.timestamp()


_KILLED = """
import os, signal, sys
from pathlib import Path
from tokenop.gateway.budgets.folding import fold
folder, now, last = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
kill = lambda step: os.kill(os.getpid(), signal.SIGKILL) if step == last else None
fold(folder / "budgets", folder / "log", "UTC", now, step=kill)
kill("end")
"""


class Spender:
    """A process that spends and writes its rows at once."""

    def __init__(self, folder: Path, when: datetime = NOON) -> None:
        self.folder, self.when = folder, when
        self.purse = purse(folder, now=when)
        self.descriptor = -1

    def spend(self, usd: str, user: str = "ana") -> None:
        made = call(serving(), user, when=self.when)
        event = row(made, usd)
        if self.descriptor < 0:
            self.descriptor, path = segments.create(self.folder / "log", self.when.date(), self.when)
            self.purse.ledger.wrote_to(f"{path.parent.name}/{path.name}")
        os.write(self.descriptor, encoding.line(whole(event)) + b"\n")
        self.purse.spent(made, event)

    def roll(self) -> None:
        """Leave the segment: the next row opens another one."""
        os.close(self.descriptor)
        self.descriptor = -1

    def die(self) -> None:
        if self.descriptor >= 0:
            self.roll()
        self.purse.close()


def month(counted: PurseOfAll, user: str = "ana", when: datetime = NOON) -> int:
    """Return what all processes count for the month of a user, in pico-dollars."""
    return counted.ledger.spent(counted.ledger.account(("", user, "", ""), int(when.timestamp())), 3)[0]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for path in (tmp_path / "budgets").glob(".*"):  # nothing half-made is left
        raise AssertionError(path)


def fold(folder: Path, when: datetime = NOON) -> folding.Folded:
    return folding.fold(folder / "budgets", folder / "log", "UTC", when.timestamp())


def test_a_segment_that_its_process_left_counts_once_before_and_after_it_is_counted(folder: Path) -> None:
    one, other = Spender(folder), Spender(folder)
    one.spend("1")
    one.roll()
    one.spend("2")
    assert month(other.purse) == 3 * PICO
    assert fold(folder).segments == 1
    assert month(one.purse) == month(other.purse) == 3 * PICO
    one.spend("4")
    one.die()
    assert fold(folder).tables == 1
    assert month(other.purse) == 7 * PICO
    other.die()


@pytest.mark.parametrize(
    "last",
    ["put", *(pytest.param(step, marks=pytest.mark.thorough) for step in ("counted", "prepared", "removed", "end"))],
)
def test_who_is_killed_while_counting_has_done_all_or_nothing(folder: Path, last: str) -> None:
    one, other = Spender(folder), Spender(folder)
    one.spend("1")
    one.die()
    killed = subprocess.run([sys.executable, "-c", _KILLED, folder, str(NOW), last], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert month(other.purse) == PICO
    newcomer = purse(folder, now=SOON)
    assert month(newcomer) == PICO
    other.spend("2")
    fold(folder)
    assert month(other.purse) == month(newcomer) == 3 * PICO
    assert len(list((folder / "budgets").glob("*.table"))) == 2
    newcomer.close()
    other.die()


def test_without_its_folder_everything_is_counted_again_from_the_log(folder: Path) -> None:
    one = Spender(folder)
    one.spend("0.123456789012")
    one.spend("0.5", "ben")
    one.die()
    for path in (folder / "budgets").iterdir():
        path.unlink()
    again = purse(folder, now=SOON)
    assert (month(again), month(again, "ben")) == (123456789012, PICO // 2)
    again.close()


@pytest.mark.parametrize("content", [b"", b"{", b'{"version": 1}', b"[]", b'{"version": 99, "sums": []}'])
def test_sums_that_cannot_be_read_are_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / closed.FILE).write_bytes(content)
    assert closed.read(tmp_path) is None
    assert folding.urgency(tmp_path, tmp_path / "log", "UTC", NOW) == "empty"


def test_a_table_that_a_power_cut_left_torn_is_nobodys_and_its_rows_are_counted(folder: Path) -> None:
    one = Spender(folder)
    one.spend("1")
    table = one.purse.ledger.own.path
    one.die()
    table.write_bytes(b"\0" * 100)
    again = purse(folder, now=SOON)
    assert month(again) == PICO
    assert not table.exists()
    again.close()


def test_a_segment_just_begun_by_a_living_process_is_left_to_it(folder: Path) -> None:
    one = Spender(folder)
    descriptor, _ = segments.create(folder / "log", NOON.date(), NOON + timedelta(seconds=1))
    event = row(call(serving(), "ana"), "1")
    os.write(descriptor, encoding.line(whole(event)) + b"\n")
    os.close(descriptor)  # it was never told of this segment, which is over already
    one.purse.spent(call(serving(), "ana"), event)
    assert fold(folder).segments == 0
    assert month(one.purse) == PICO
    one.die()
    fold(folder)
    after = purse(folder, now=SOON)
    assert month(after) == PICO
    after.close()


def test_days_become_parquet_once_they_are_counted_and_are_counted_again_from_there(folder: Path) -> None:
    monday, later = datetime(2026, 11, 16, 12, tzinfo=UTC), NOON
    one = Spender(folder, monday)
    one.spend("1")
    one.roll()
    log = folder / "log"
    assert compact(log, later.date(), ready=lambda _: False) is not None
    assert not list(log.glob("*.parquet"))
    done = compact(log, later.date(), ready=folding.ready(folder / "budgets", log, NOW))
    assert done is not None
    assert len(done.written) == 1
    assert month(one.purse) == PICO
    one.spend("2")
    one.die()
    after = purse(folder, now=SOON)
    fold(folder)
    assert month(after) == 3 * PICO
    after.close()
    (folder / "budgets" / closed.FILE).unlink()
    again = purse(folder, now=SOON)
    assert month(again) == 3 * PICO
    again.close()


def test_parquet_made_of_a_segment_that_was_not_counted_is_read(folder: Path) -> None:
    one = Spender(folder, datetime(2026, 11, 16, 12, tzinfo=UTC))
    one.spend("1")
    one.die()
    compact(folder / "log", NOON.date())
    after = purse(folder, now=SOON)
    fold(folder)
    assert month(after) == PICO
    after.close()


def test_another_zone_is_another_month(folder: Path) -> None:
    late = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
    one = Spender(folder, late)
    one.spend("1")
    one.die()
    berlin = purse(folder, "Europe/Berlin", now=SOON)
    assert month(berlin) == PICO  # half past midnight, on the first of November
    berlin.close()
    london = purse(folder, now=SOON)
    assert month(london) == 0
    london.close()


def test_what_is_long_over_is_forgotten(folder: Path) -> None:
    one = Spender(folder)
    one.spend("1")
    one.die()
    fold(folder)
    later = NOON + timedelta(days=70)
    after = purse(folder, now=later)
    fold(folder, later)
    said = closed.read(folder / "budgets")
    assert said is not None
    assert (said.sums, said.folded) == ({}, frozenset())
    after.close()


def test_a_table_grows_before_two_callers_share_a_sum(folder: Path) -> None:
    one = Spender(folder)
    ledger, second = one.purse.ledger, int(NOW)
    first, names = ledger.own.capacity, [f"user {number}" for number in range(1000)]
    claimed, _ = ledger.claim(ledger.account(("", "user 0", "", ""), second), (), (2,), 5, 7, lambda _: True)
    for name in names:  # in one second: nobody looks after the ledger meanwhile
        ledger.settle(ledger.account(("", name, name, name), second), 1, 2, None)
    assert ledger.own.capacity > 2 * first
    assert {
        ledger.spent(ledger.account(("", name, name, name), second), place) for name in names for place in (2, 6)
    } == {(1, 2)}
    assert ledger.spent(ledger.account(("", "user 0", "", ""), second), 2, reserved=True) == (6, 9)
    ledger.give_back(claimed)
    assert ledger.spent(ledger.account(("", "user 0", "", ""), second), 2, reserved=True) == (1, 2)
    assert ledger.spent(ledger.account(("", "user 0", "", ""), second), 0) == (1000, 2000)
    one.die()


def test_a_full_table_that_cannot_be_renewed_holds_all_the_rest_to_one_limit(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Spender(folder)
    ledger = one.purse.ledger
    second = int(NOW)
    tried: list[Table] = []

    def full(table: Table, *_: object) -> Table:
        tried.append(table)
        raise OSError(errno.ENOSPC, "no space")

    renewed = tables.renewed
    monkeypatch.setattr(tables, "renewed", full)
    for number in range(300):
        ledger.settle(ledger.account(("", f"user {number}", "", ""), second), 1, 1, None)
    small = ledger.own.capacity
    assert not ledger.crowded
    for number in range(300, 1000):
        ledger.settle(ledger.account(("", f"user {number}", "", ""), second), 1, 1, None)
    assert ledger.own.seen == small
    assert ledger.spent(ledger.account(("", "user 998", "", ""), second), 2)[0] > 1
    everybody = ledger.account(("", "user 1", "", ""), second)
    assert ledger.spent(everybody, 0) == (1000, 1000)
    assert ledger.crowded
    assert len(tried) == 1  # a full disk is not asked with each call
    monkeypatch.setattr(tables, "renewed", renewed)
    ledger.renew(NOW)
    assert ledger.own.capacity > small
    ledger.settle(ledger.account(("", "someone new", "", ""), second), 1, 1, None)
    assert ledger.spent(ledger.account(("", "someone new", "", ""), second), 2) == (1, 1)
    assert ledger.spent(everybody, 0) == (1001, 1001)
    ledger.renew(NOW + 60 * 86_400)
    assert ledger.own.seen == 1
    one.die()


def test_a_slot_that_something_is_set_aside_in_is_kept_however_old(folder: Path) -> None:
    one = Spender(folder)
    ledger = one.purse.ledger
    account = ledger.account(("", "", "", ""), int(NOW))
    claim, _ = ledger.claim(account, (), (0,), 5, 5, lambda _: True)
    ledger.renew(NOW + 60 * 86_400)
    assert ledger.spent(account, 0, reserved=True) == (5, 5)
    ledger.give_back(claim)
    assert ledger.spent(account, 0, reserved=True) == (0, 0)
    one.die()


def test_a_stopped_process_that_holds_the_lock_does_not_stop_the_others(folder: Path) -> None:
    import fcntl

    one = Spender(folder)
    descriptor = os.open(folder / "budgets" / "lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    begun = time.monotonic()
    one.spend("1")
    assert time.monotonic() - begun < 5
    os.close(descriptor)
    assert month(one.purse) == PICO
    one.die()


@settings(max_examples=examples(10, 200), deadline=None)
@given(st.lists(st.decimals(0, 1000, places=14) | st.none() | st.integers(0, 10), min_size=1, max_size=8))
def test_a_row_costs_the_same_in_a_table_and_in_the_log(
    tmp_path_factory: pytest.TempPathFactory, costs: list[object]
) -> None:
    path = tmp_path_factory.mktemp("rows") / "a.jsonl"
    base = row(call(serving(), "ana"))
    rows = [{**base, "cost_usd": Decimal(cost) if isinstance(cost, int) else cost} for cost in costs]
    path.write_bytes(b"".join(encoding.line(whole(one)) + b"\n" for one in rows))
    expected = sum(recount.pico_of(one["cost_usd"]) for one in rows)
    found = recount.of_files([path], [], UTC)[str(path)]
    assert {usd for usd, _ in found.values()} == {expected}
