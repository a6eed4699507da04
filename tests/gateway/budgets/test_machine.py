"""Processes that reserve, spend, crash and are counted again, in any order: the sums are those of a plain ledger."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.gateway.budgets.making import whole
from tests.thoroughness import examples
from tokenop.events import encoding
from tokenop.gateway.budgets import folding
from tokenop.gateway.budgets.ledger import Claim, Ledger, Limit, place_of
from tokenop.gateway.budgets.windows import zone_of
from tokenop.gateway.log import segments

ZONE = "Europe/Berlin"
START = int(datetime(2026, 10, 24, 20, tzinfo=UTC).timestamp())  # the clocks are set back that night
USERS = ("", "ana", "ben")
LIMITS = (
    Limit(place_of("all", "day"), 1000, None),
    Limit(place_of("user", "day"), 600, 90),
    Limit(place_of("user", "month"), None, 400),
)
SPANS = (("all", "%Y-%m-%d"), ("user", "%Y-%m-%d"), ("user", "%Y-%m"))


@dataclass(slots=True)
class Row:
    user: str
    second: int
    usd: int
    tokens: int


@dataclass(slots=True)
class Process:
    """One process as it is, and as the plain ledger sees it: rows that wait, that are on disk, and what is held."""

    ledger: Ledger
    waiting: list[Row] = field(default_factory=list)
    written: list[Row] = field(default_factory=list)
    held: list[tuple[Claim, Row]] = field(default_factory=list)
    descriptor: int = -1


def label(form: str, second: int) -> str:
    return datetime.fromtimestamp(second, ZoneInfo(ZONE)).strftime(form)


class Processes(RuleBasedStateMachine):
    """Up to three processes on one folder."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tokenop-"))
        self.now = self.latest = START
        self.alive: list[Process] = []
        self.counted: list[Row] = []  # what is on disk of dead processes, and was counted
        self.dead: list[tuple[list[Row], list[Row]]] = []  # what tables of dead processes say, and what is on disk

    @property
    def budgets(self) -> Path:
        return self.folder / "budgets"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @precondition(lambda self: len(self.alive) < 3)
    @rule()
    def start(self) -> None:
        self.alive.append(Process(Ledger(self.budgets, zone_of(ZONE), self.now)))

    @precondition(lambda self: self.alive)
    @rule(who=st.integers(0, 2), user=st.sampled_from(USERS), usd=st.integers(0, 500), tokens=st.integers(0, 60))
    def reserve(self, who: int, user: str, usd: int, tokens: int) -> None:
        process = self.alive[who % len(self.alive)]
        want = Row(user, self.now, usd, tokens)
        account = process.ledger.account(("", user, "", ""), self.now)
        places = tuple(limit.place for limit in LIMITS)
        claim, fit = process.ledger.claim(account, LIMITS, places, usd, tokens, lambda _: True)
        too_much = tuple(number for number in range(len(LIMITS)) if self.exceeds(number, want))
        assert fit.blocked == too_much
        if not too_much:
            process.held.append((claim, want))

    @precondition(lambda self: any(process.held for process in self.alive))
    @rule(
        who=st.integers(0, 20),
        usd=st.integers(0, 600),
        tokens=st.integers(0, 70),
        last=st.booleans(),
        user=st.booleans(),
    )
    def spend(self, who: int, usd: int, tokens: int, last: bool, user: bool) -> None:
        holding = [process for process in self.alive if process.held]
        process = holding[who % len(holding)]
        claim, want = process.held[who % len(process.held)]
        row = Row(want.user if user else "eve", self.now, usd, tokens)
        process.waiting.append(row)
        account = process.ledger.account(("", row.user, "", ""), self.now)
        process.ledger.settle(account, usd, tokens, claim if last else None)
        if last:
            process.held.remove((claim, want))

    @precondition(lambda self: any(process.held for process in self.alive))
    @rule(who=st.integers(0, 20))
    def release(self, who: int) -> None:
        holding = [process for process in self.alive if process.held]
        process = holding[who % len(holding)]
        claim, _ = process.held.pop(who % len(process.held))
        process.ledger.give_back(claim)
        process.ledger.give_back(claim)

    @precondition(lambda self: self.alive)
    @rule(who=st.integers(0, 2))
    def write(self, who: int) -> None:
        """Bring what waits to disk, as the log's thread does a moment after."""
        process = self.alive[who % len(self.alive)]
        if not process.waiting:
            return
        if process.descriptor < 0:
            moment = datetime.fromtimestamp(self.now, UTC)
            process.descriptor, path = segments.create(self.log, moment.date(), moment)
            process.ledger.wrote_to(f"{path.parent.name}/{path.name}")
        for row in process.waiting:
            event = whole(
                {
                    "id": "x",
                    "ts": datetime.fromtimestamp(row.second, UTC).isoformat().replace("+00:00", "Z"),
                    "tenant": "unknown",
                    "cost_usd": _usd(row.usd),
                    "input_tokens": row.tokens,
                    "output_tokens": 0,
                    "user_id": row.user or None,
                }
            )
            os.write(process.descriptor, encoding.line(event) + b"\n")
        process.written += process.waiting
        process.waiting = []

    @precondition(lambda self: self.alive)
    @rule(who=st.integers(0, 2))
    def roll(self, who: int) -> None:
        """Go on to another segment."""
        self.finish(self.alive[who % len(self.alive)])

    @precondition(lambda self: self.alive)
    @rule(who=st.integers(0, 2), torn=st.booleans())
    def crash(self, who: int, torn: bool) -> None:
        process = self.alive.pop(who % len(self.alive))
        if torn and process.descriptor >= 0:
            os.write(process.descriptor, b'{"id": "torn", "ts": "2026-10-24T20:00:00Z", "cost_usd": 1')
        self.dead.append(([*process.written, *process.waiting], process.written))
        self.finish(process)
        process.ledger.close()

    @rule()
    def fold(self) -> None:
        folding.fold(self.budgets, self.log, ZONE, self.now) if self.budgets.is_dir() else None
        for _, written in self.dead:
            self.counted += written
        self.dead.clear()

    @rule(seconds=st.sampled_from([-7200, -60, 1, 1800, 3600, 7 * 3600, 86_400]))
    def time_passes(self, seconds: int) -> None:
        """Let it pass; clocks are also set back, by a day in all."""
        self.now = max(self.now + seconds, self.latest - 86_400)
        self.latest = max(self.latest, self.now)
        for process in self.alive:
            self.finish(process)

    @precondition(lambda self: self.alive)
    @rule(who=st.integers(0, 2))
    def renew(self, who: int) -> None:
        """Make room in a table."""
        self.alive[who % len(self.alive)].ledger.renew(self.latest - 86_400)

    @invariant()
    def all_processes_see_the_same(self) -> None:
        for process in self.alive:
            process.ledger.look_for_dead()
            for user in USERS:
                account = process.ledger.account(("", user, "", ""), self.now)
                for number, limit in enumerate(LIMITS):
                    usd, tokens = self.total(number, user, held=False)
                    assert process.ledger.spent(account, limit.place) == (usd, tokens)
                    usd, tokens = self.total(number, user, held=True)
                    assert process.ledger.spent(account, limit.place, reserved=True) == (usd, tokens)

    def exceeds(self, number: int, want: Row) -> bool:
        limit = LIMITS[number]
        usd, tokens = self.total(number, want.user, held=True)
        too_dear = limit.usd is not None and want.usd > 0 and usd + want.usd > limit.usd
        return too_dear or (limit.tokens is not None and want.tokens > 0 and tokens + want.tokens > limit.tokens)

    def total(self, number: int, user: str, *, held: bool) -> tuple[int, int]:
        per, form = SPANS[number]
        rows = [*self.counted]
        for said, _ in self.dead:
            rows += said
        for process in self.alive:
            rows += [*process.written, *process.waiting, *((want for _, want in process.held) if held else ())]
        meant = [
            row
            for row in rows
            if label(form, row.second) == label(form, self.now) and per in ("all", *(["user"] * (row.user == user)))
        ]
        return sum(row.usd for row in meant), sum(row.tokens for row in meant)

    def finish(self, process: Process) -> None:
        if process.descriptor >= 0:
            os.close(process.descriptor)
        process.descriptor = -1

    def teardown(self) -> None:
        for process in self.alive:
            self.finish(process)
            with contextlib.suppress(OSError):
                process.ledger.close()
        shutil.rmtree(self.folder)


def _usd(pico: int) -> object:
    from decimal import Decimal

    return Decimal(pico).scaleb(-12)


TestProcesses = Processes.TestCase
TestProcesses.settings = settings(
    max_examples=examples(12, 400), stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
