"""The parent's side of the sandbox: start a child, tell it a job, and end it when its time is up."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

MOST_SECONDS = 5
MEMORY_MB = 512
MOST_OUTPUT = 2_000_000
# A child tells that it is ready, some things that were tried, and what it gave.
MOST_LINES = 100
_ROOT = str(Path(__file__).resolve().parents[3])
# At the end: nothing that is installed beside tokenop may stand before Python's own libraries.
_BOOTSTRAP = f"import sys; sys.path.append({_ROOT!r}); from tokenop.evals.sandbox.child import main; main()"
# How long a start may take before it counts as the system's fault, whatever the program may take.
_START_SECONDS = 20.0
_PROBE = "import collections, datetime, decimal, json, math, random, re, string\ndef probe(n): return [n * 2]"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended.

    Exactly one of `gave` (what it gave), `stopped` (why the program was stopped, or died) and `unusable` (why this
    system cannot run it) is set. `tried` names what the program tried and must not, as far as it was seen.
    """

    gave: Any = None
    stopped: str | None = None
    unusable: str | None = None
    tried: tuple[str, ...] = ()


@cache
def trouble() -> str | None:
    """Return why no program can be run on this system; None where one can. Tries it once."""
    if sys.platform != "linux":
        return f"programs are only run on Linux, where a sandbox holds them in; this is {sys.platform}"
    given = {"code": _PROBE, "harness": "", "defines": [], "cases": [{"call": "probe", "arguments": "[21]"}]}
    ended = run("calls", given)
    if ended.unusable:
        return ended.unusable
    fine = ended.gave == {"results": [{"value": [42]}]} and not ended.tried
    return None if fine else f"the sandbox does not work here: {ended.stopped or ended.tried or ended.gave}"


def run(
    job: str,
    given: Mapping[str, Any],
    seconds: int = MOST_SECONDS,
    memory_mb: int = MEMORY_MB,
    wall_seconds: float | None = None,
    watched: bool = True,
) -> Ended:
    """Do a job of `tokenop.evals.sandbox.work` behind walls.

    Args:
        job: `calls` or `sql`.
        given: what it needs, as JSON can say it.
        seconds: of processor time.
        memory_mb: of address space.
        wall_seconds: by the clock; by default three times `seconds`, and 10 more: the machine may be busy.
        watched: whether to tell what is tried; the walls hold without it.
    """
    request = {
        "job": job, "given": given, "seconds": seconds, "memory_mb": memory_mb, "watched": watched, "root": _ROOT,
    }  # fmt: skip
    clock = wall_seconds or 3.0 * seconds + 10
    with (
        tempfile.TemporaryDirectory(prefix="tokenop-sandbox-") as folder,
        (Path(folder) / "stderr").open("w+b") as said,
    ):
        lines, code, late = _talk(json.dumps(request).encode(), folder, said, clock)
        said.seek(0)
        return _ended(lines, code, late, said.read(2000).decode(errors="replace"), seconds, clock)


def _talk(request: bytes, folder: str, said: BinaryIO, clock: float) -> tuple[list[Any], int, bool]:
    """Start the child, tell it the request and return its lines, its exit code, and whether its time ran out."""
    # Sets must not come in another order each time: a verdict would depend on it.
    environment = {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}
    environment |= {key: os.environ[key] for key in ("LD_LIBRARY_PATH",) if key in os.environ}
    child = subprocess.Popen(  # noqa: S603 - this interpreter, with a constant program
        [sys.executable, "-s", "-S", "-P", "-X", "utf8", "-c", _BOOTSTRAP],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=said,
        cwd=folder,
        env=environment,
        start_new_session=True,
    )
    late = threading.Event()

    def expire() -> None:
        late.set()
        _kill(child)

    timer = threading.Timer(clock + _START_SECONDS, expire)
    timer.daemon = True
    timer.start()
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        with contextlib.suppress(BrokenPipeError), child.stdin:
            child.stdin.write(request)
        started = child.stdout.readline(MOST_OUTPUT)
        timer.cancel()
        timer = threading.Timer(clock, expire)
        timer.daemon = True
        timer.start()
        rest = child.stdout.read(MOST_OUTPUT + 1)
    finally:
        timer.cancel()
        _kill_unless_ended(child)
        child.stdout.close()
    if len(rest) > MOST_OUTPUT or rest.count(b"\n") > MOST_LINES:
        return [_parsed(started), "too much"], child.returncode, late.is_set()
    return [_parsed(line) for line in (started, *rest.split(b"\n"))], child.returncode, late.is_set()


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _kill(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _kill_unless_ended(child: subprocess.Popen[bytes]) -> None:
    """Let a child that closed its answers end, so that its exit code says why; kill one that does not."""
    try:
        child.wait(timeout=0.2)
    except subprocess.TimeoutExpired:
        _kill(child)
        child.wait()


def _ended(lines: list[Any], code: int, late: bool, said: str, seconds: int, clock: float) -> Ended:
    first = lines[0] if lines and isinstance(lines[0], dict) else {}
    if "refused" in first:
        return Ended(unusable=str(first["refused"]))
    if "ready" not in first:
        last = said.strip().splitlines()[-1:]
        return Ended(unusable=f"the process for programs did not start: {''.join(last) or f'exit code {code}'}")
    told = [line for line in lines if isinstance(line, dict)]
    tried = tuple(str(line["tried"]) for line in told if "tried" in line)
    gave = [line["gave"] for line in told if "gave" in line]
    if gave and not late:
        return Ended(gave=gave[-1], tried=tried)
    return Ended(stopped=_why("too much" in lines, code, late, seconds, clock), tried=tried)


def _why(too_much: bool, code: int, late: bool, seconds: int, clock: float) -> str:
    if too_much:
        return f"gave more than {MOST_OUTPUT // 1_000_000} MB or {MOST_LINES} lines"
    if late:
        return f"did not end in {clock:g} s"
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"used more than {seconds} s of processor time"
    if code == -signal.SIGSYS:
        return "made a system call that is not allowed, such as starting a process or opening the network"
    if code < 0:
        return f"crashed ({signal.Signals(-code).name})"
    return "ended without a result"
