"""Whether each call that was answered has its rows, and each cent its place, through faults and ten kill -9.

Run it with `python -m tests.benchmarks.bench_gateway_soak [--calls 100000] [--kills 10] [--faults 0.05]` from the
repository. A gateway with `--durable` stands before an upstream of this machine that fails one in twenty times: 429,
500, an answer cut in the middle, a reset, words that are no JSON. Callers of both wires ask over 16 connections, every
other call streamed; the gateway is killed again and again and started anew on what it left behind. In the end: all
operations that were answered whole are in the log, no row is there twice, no row is there of which nobody asked, and
what the budgets say is spent is the sum over the log. Exits with 1 where that is not so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.benchmarks.gateway_servers import CONFIG, KEY
from tests.benchmarks.soak_client import Soaked, soak
from tests.gateway import running, upstream
from tests.gateway.faults.scripts import BEFORE
from tests.gateway.upstream import Asked, Step, Upstream, hello
from tokenop import database
from tokenop.gateway.log import reading

FAULTS = ("e429", "e500", "cut", "reset", "malformed")
CONNECTIONS, USERS = 16, 8
CENT = Decimal("0.005")


class Failing:
    """Says hello, but in a share of all requests; `did` counts what."""

    def __init__(self, share: float) -> None:
        self.share, self.draw, self.did = share, random.Random(1), Counter[str]()
        self.up: Upstream | None = None

    def __call__(self, asked: Asked) -> list[Step]:
        assert self.up is not None
        self.up.asked.clear()  # nobody reads them here, and there are many
        fault = self.draw.choice(FAULTS) if self.draw.random() < self.share else "none"
        self.did[fault] += 1
        return list((BEFORE[fault][0] if fault in BEFORE else hello)(asked))


class Killer:
    """Kills the gateway whenever its share of all calls is done, and starts it again."""

    def __init__(self, folder: Path, env: dict[str, str], calls: int, kills: int) -> None:
        self.folder, self.env = folder, env
        self.marks = [calls * (number + 1) // (kills + 1) for number in range(kills)]
        self.words = ("--config", str(folder / "project" / "benchmark.yaml"), "--durable")
        self.gateway = running.begin(folder, *self.words, env=env)
        self.away: list[float] = []
        self.starting: asyncio.Task[None] | None = None

    def seen(self, soaked: Soaked) -> None:
        """Hear of the end of a call."""
        if self.marks and soaked.done >= self.marks[0] and (self.starting is None or self.starting.done()):
            self.marks.pop(0)
            os.kill(self.gateway.process.pid, signal.SIGKILL)
            self.gateway.process.wait()
            self.starting = asyncio.get_running_loop().create_task(self._again())

    async def _again(self) -> None:
        start = time.perf_counter()
        port = self.gateway.port
        self.gateway = await asyncio.to_thread(running.begin, self.folder, *self.words, port=port, env=self.env)
        self.away.append(time.perf_counter() - start)


def logged(state: Path) -> tuple[dict[str, Any], set[str], dict[str, Decimal]]:
    """Return figures of the log, its operations, and what each user spent ("" is all)."""
    with database.connect() as connection:
        view = reading.relation(connection, state / "log")
        rows, ids, unknown = connection.execute(
            f"SELECT count(*), count(DISTINCT id), count(*) FILTER (cost_usd IS NULL) FROM {view}"
        ).fetchall()[0]
        operations = {name for (name,) in connection.execute(f"SELECT DISTINCT parent_id FROM {view}").fetchall()}
        spent = dict(connection.execute(f"SELECT user_id, sum(cost_usd) FROM {view} GROUP BY ALL").fetchall())
        statuses = dict(connection.execute(f"SELECT status, count(*) FROM {view} GROUP BY ALL ORDER BY ALL").fetchall())
    spent[""] = sum(spent.values(), Decimal(0))
    figures = {"rows": rows, "rows_twice": rows - ids, "rows_of_unknown_cost": unknown, "statuses": statuses}
    return figures, operations, spent


def counted(folder: Path, env: dict[str, str]) -> tuple[dict[str, Decimal], Decimal]:
    """Return what the budgets say each user spent ("" is all), and what is still set aside."""
    command = [sys.executable, "-m", "tokenop", "budgets", "--json"]
    command += ["--config", str(folder / "project" / "benchmark.yaml")]
    ran = subprocess.run(command, cwd=folder / "project", env={**os.environ, **env}, capture_output=True, check=True)
    limits = json.loads(ran.stdout)["limits"]
    spent = {one["subject"] or "": Decimal(str(one["spent_usd"])) for one in limits}
    return spent, sum((Decimal(str(one["reserved_usd"])) for one in limits), Decimal(0))


def judged(soaked: Soaked, folder: Path, env: dict[str, str]) -> dict[str, Any]:
    """Return the figures and what is wrong with them."""
    figures, operations, spent = logged(folder / "home" / "gateway")
    counts, held = counted(folder, env)
    answered = set(soaked.answered)
    off = {user or "all": str(counts.get(user, Decimal(0)) - money) for user, money in spent.items()}
    unheard = len(operations - soaked.began)
    wrong = {
        "answered_twice": len(soaked.answered) - len(answered),
        "answered_and_not_in_the_log": len(answered - operations),
        "rows_twice": figures["rows_twice"],
        # A call that the kill cut off may have its row: no more of them than connections that broke.
        "in_the_log_and_never_asked": max(0, unheard - soaked.broken),
        "limits_off_by_a_cent": sum(abs(Decimal(money)) >= CENT for money in off.values()),
        "still_set_aside": int(held != 0),
    }
    return {
        "answered": len(answered),
        "broken_off": soaked.broken,
        "in_the_log": len(operations),
        "caller_statuses": dict(soaked.statuses),
        **figures,
        "spent_usd": str(spent[""]),
        "limits_minus_log_usd": off,
        "set_aside_usd": str(held),
        "wrong": wrong,
        "met": not any(wrong.values()),
    }


def main() -> None:
    """Soak and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--faults", type=float, default=0.05)
    parser.add_argument("--keep", type=Path, help="a folder to leave all files in")
    asked = parser.parse_args()
    failing = Failing(asked.faults)
    with tempfile.TemporaryDirectory(prefix="tokenop-soak-") as made, upstream.serving() as up:
        folder = asked.keep or Path(made)
        (folder / "project").mkdir(parents=True, exist_ok=True)
        written = CONFIG.replace("period: day", "period: month")  # a soak may run over midnight
        (folder / "project" / "benchmark.yaml").write_text(written, encoding="utf-8")
        failing.up = up
        up.otherwise = failing
        env = {"OPENAI_BASE_URL": f"{up.url}/openai/v1", "ANTHROPIC_BASE_URL": f"{up.url}/anthropic"}
        env |= {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY, "TOKENOP_HOME": str(folder / "home")}
        killer = Killer(folder, env, asked.calls, asked.kills)
        start = time.perf_counter()
        soaked = asyncio.run(soak(killer.gateway.port, asked.calls, CONNECTIONS, USERS, killer.seen))
        seconds = time.perf_counter() - start
        left = running.end(killer.gateway)
        found = judged(soaked, folder, env)
    report = {"calls": asked.calls, "kills": asked.kills - len(killer.marks), "seconds": round(seconds, 1)}
    report |= {"upstream": dict(failing.did), "seconds_away": [round(away, 2) for away in killer.away]}
    report |= {"exit_code_of_the_gateway": left, **found}
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    sys.exit(0 if found["met"] else 1)


if __name__ == "__main__":
    main()
