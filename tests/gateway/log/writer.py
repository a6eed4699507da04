"""A process that appends events as fast as it can, says on stdout what it did, and is killed by whoever started it.

`writer.py FOLDER durable`: says the number of each event once it is settled.
`writer.py FOLDER default`: says the number of each event, and the time, before it is appended.
`writer.py FOLDER forking`: appends, forks, and lets parent and child append and end.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.gateway.log.events import event
from tokenop.gateway.log.writing import EventLog


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


async def durable(log: EventLog, numbers: Iterator[int]) -> None:
    async def caller() -> None:
        for number in numbers:
            log.append(event(number))
            await log.settled()
            say(str(number))

    await asyncio.gather(*(caller() for _ in range(8)))


def default(log: EventLog, numbers: Iterator[int]) -> None:
    for number in numbers:
        log.append(event(number))
        say(f"{number} {time.monotonic()}")


def forking(log: EventLog) -> None:
    for number in range(100):
        log.append(event(number))
    child = os.fork()
    first = 1000 if child == 0 else 2000
    for number in range(first, first + 100):
        log.append(event(number))
    log.close()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def main(folder: Path, how: str) -> None:
    log = EventLog(folder, durable=how == "durable")
    first = os.getpid() * 1_000_000
    say("begun")
    if how == "durable":
        asyncio.run(durable(log, itertools.count(first)))
    elif how == "default":
        default(log, itertools.count(first))
    else:
        forking(log)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
