"""The child's side of the sandbox: put up the walls, do one job, answer in lines of JSON.

The first line says that the walls stand (`ready`) or why they do not (`refused`), then come the things that the
program tries and must not (`tried`), and last what it gave (`gave`). A program can write such lines itself. It gains
nothing by it, because what its results must be is known to the parent alone.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def main() -> None:
    """Read one request from standard input, do it, and leave without cleaning up."""
    request: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    out = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    sys.path.remove(request["root"])

    from tokenop.evals.sandbox import walls, watch, work

    def tell(line: dict[str, Any]) -> None:
        data = json.dumps(line).encode() + b"\n"
        while data:
            data = data[os.write(out, data) :]

    job = work.JOBS[request["job"]]
    job.prepare()
    roots = (*(os.path.join(path, "") for path in sys.path), walls.ZONES)  # noqa: PTH118 pathlib is not loaded
    os.environ.clear()
    sys.dont_write_bytecode = True
    try:
        walls.raise_walls(request["seconds"], request["memory_mb"])
    except (walls.NoWallsError, OSError, ValueError) as error:
        tell({"refused": str(error)})
        os._exit(0)
    tell({"ready": True})
    if request["watched"]:
        watch.watch(lambda what: tell({"tried": what}), roots)
    tell({"gave": job.do(request["given"])})
    os._exit(0)
