"""Work on the log that no call may wait for: `python -m tokenop.gateway.budgets.child fold|usual …`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tokenop.errors import TokenOpError

MODULE = "tokenop.gateway.budgets.child"


def folding(folder: Path, log: Path, zone: str, now: float, *, wait: bool) -> list[str]:
    """Return the command that counts the rows of dead processes."""
    return [sys.executable, "-m", MODULE, "fold", str(folder), str(log), zone, str(now), "wait" if wait else "try"]


def usual(folder: Path, log: Path, days: int, least_hours: int, now: float) -> list[str]:
    """Return the command that looks what users usually spend."""
    return [sys.executable, "-m", MODULE, "usual", str(folder), str(log), str(days), str(least_hours), str(now)]


def main(arguments: Sequence[str]) -> int:
    """Do what is said; return the exit code."""
    with contextlib.suppress(OSError):
        os.nice(10)
    what, folder, log, *more = arguments
    try:
        if what == "fold":
            from tokenop.gateway.budgets.folding import fold

            fold(Path(folder), Path(log), more[0], float(more[1]), wait=more[2] == "wait")
        else:
            from tokenop.gateway.budgets.locking import alone
            from tokenop.gateway.budgets.usual import compute

            with alone(Path(folder), wait=False) as mine:  # else another process of the gateway is about it
                if mine:
                    compute(Path(folder), Path(log), int(more[0]), int(more[1]), float(more[2]))
    except (TokenOpError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
