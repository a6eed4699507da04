"""A process that spends: `python -m tests.gateway.budgets.worker FOLDER LIMIT_PICO TASKS CALLS SEED`.

Each step is written down with the time before and after it, by a clock that all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO

from tests.gateway.budgets.making import PAID, call, purse, row, serving, whole
from tokenop.gateway.budgets.keeping import Keeper
from tokenop.gateway.budgets.purse import NOTE, PurseOfAll
from tokenop.gateway.budgets.settings import Throttle
from tokenop.gateway.log.writing import EventLog
from tokenop.gateway.model import Call, RefusedCallError, Serving
from tokenop.routing.model import Budget

USERS = ("ana", "ben", None)


async def task(
    name: str, counted: PurseOfAll, log: EventLog, under: Serving, draw: random.Random, out: IO[str]
) -> None:
    """Make one call, and note what came of it."""
    made = call(under, draw.choice(USERS), when=datetime.now(UTC), asked=100, answered=draw.randint(1, 400))
    before = time.monotonic_ns()
    try:
        counted.reserve(made, (PAID,))
    except RefusedCallError:
        out.write(f"refused {name} {before} {time.monotonic_ns()} {worst(counted, made)}\n")
        return
    held = made.notes[NOTE].usd
    out.write(f"granted {name} {before} {time.monotonic_ns()} {held}\n")
    for _ in range(draw.randint(0, 3)):
        await asyncio.sleep(0)
    cost = Decimal(draw.randint(0, held // 50)) / 10**12
    event = whole({**row(made, cost, draw.randint(0, 500)), "id": name})
    log.append(event)
    before = time.monotonic_ns()
    counted.spent(made, event)
    counted.release(made)
    out.write(f"settled {name} {before} {time.monotonic_ns()} {int(cost * 10**12)}\n")


def worst(counted: PurseOfAll, made: Call) -> int:
    """Return what a call would have set aside."""
    return counted._prices.worst(made, 0, (PAID,), 0).usd


async def main(folder: Path, limit: int, tasks: int, calls: int, seed: str) -> None:
    """Spend, and say when it is over."""
    draw = random.Random(seed)
    under = serving(Budget("b", "all", "month", usd=Decimal(limit) / 10**12))
    log = EventLog(folder / "log")
    counted = purse(folder, now=datetime.now(UTC))
    keeper = Keeper(
        counted, folder / "log", "UTC", segment=lambda: log.health().segment, throttle=lambda: Throttle(enabled=False),
        tell=sys.stderr.write,
    )  # fmt: skip
    with (folder / f"steps-{seed}").open("w", buffering=1) as out:
        out.write("ready\n")
        while not (folder / "go").exists():
            await asyncio.sleep(0.001)

        async def several(number: int) -> None:
            for turn in range(calls):
                await task(f"{seed}-{number}-{turn}", counted, log, under, draw, out)
                await asyncio.sleep(0)
                keeper.note_segment()

        await asyncio.gather(*(several(number) for number in range(tasks)))
        keeper.note_segment()
        out.write("done\n")
    counted.close()
    log.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]))
