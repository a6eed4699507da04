"""Compacts the logs FOLDER/1, FOLDER/2 … as of DAY, each in a forked process that kills itself after so many steps.

Says for each how it ended: the number of the signal that killed it, 0 where it got through.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from datetime import date
from pathlib import Path

# Before the fork, so that it costs its time once.
import duckdb  # noqa: F401

from tokenop.events import log  # noqa: F401
from tokenop.gateway.log.compacting import compact


def killed_after(last: int, folder: Path, today: date) -> None:
    steps = itertools.count(1)

    def step(_: str) -> None:
        if next(steps) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    compact(folder, today, step=step)


def main(folders: Path, today: date) -> None:
    for number in range(1, len(list(folders.iterdir())) + 1):
        child = os.fork()
        if child == 0:
            killed_after(number, folders / str(number), today)
            os._exit(0)
        os.write(1, f"{os.WTERMSIG(os.waitpid(child, 0)[1])}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]))
