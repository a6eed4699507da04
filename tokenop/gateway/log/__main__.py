"""`python -m tokenop.gateway.log FOLDER [KEEP_DAYS]`: compact a log, in a process of low priority."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from tokenop.gateway.budgets.folding import FOLDER, ready
from tokenop.gateway.log.compacting import compact


def main(arguments: list[str]) -> int:
    """Compact the log in the folder named first; return the exit code."""
    os.nice(19)
    keep_days = int(arguments[1]) if len(arguments) > 1 else None
    now, folder = datetime.now(UTC), Path(arguments[0])
    # A Parquet file does not say which process wrote a row: the budgets count segments before they become one.
    counted = ready(folder.parent / FOLDER, folder, now.timestamp())
    done = compact(folder, now.date(), keep_days, ready=counted)
    for line in [*done.notes, *done.failed] if done is not None else []:
        sys.stderr.write(f"tokenop: event log: {line}\n")
    return 1 if done is not None and done.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
