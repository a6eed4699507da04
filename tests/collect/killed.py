"""Runs `tokenop` in this process and kills it at its nth step: `python -m tests.collect.killed N discover …`.

A step is anything that Python itself does with files and processes. With N = 0 nothing is killed, and the number of
steps is the last line on standard error.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

STEPS = (
    "open",
    "os.rename",
    "os.mkdir",
    "os.remove",
    "os.rmdir",
    "shutil.rmtree",
    "subprocess.Popen",
    "tempfile.mkdtemp",
)


def main(kill_at: int, arguments: list[str]) -> None:
    from tokenop.cli.main import main as tokenop

    done = 0

    def hook(event: str, _: tuple[Any, ...]) -> None:
        nonlocal done
        if event in STEPS:
            done += 1
            if done == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.argv = ["tokenop", *arguments]
    sys.addaudithook(hook)
    try:
        tokenop()
    except SystemExit as ended:
        sys.stderr.write(f"\n{done}\n")
        raise SystemExit(ended.code) from None
    sys.stderr.write(f"\n{done}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
