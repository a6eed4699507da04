"""Kills an extraction at every step on the disk, one after the other: `python -m tests.extract.crashes DIR`.

A process of its own, without threads, because it forks: the copy kills itself with the real signal at its nth step.
Prints one line of JSON: the number of steps, and what was wrong.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.extract.running import HERE, slices
from tokenop.collect import manifest
from tokenop.collect.manifest import Manifest
from tokenop.extract import loop
from tokenop.extract.job import Job
from tokenop.extract.model import Request, Row, Stream, Window

STEPS = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "fcntl.flock")
START = datetime(2026, 8, 25, tzinfo=UTC)


class Source:
    """A source without a network. `late` rows are there only from the second run on."""

    def __init__(self, rows: int = 7, late: int = 0) -> None:
        self.rows = rows
        self.late = late
        self.asked: list[tuple[str, Window]] = []

    def requests(
        self, manifest: Manifest, stream: Stream, window: Window, settings: Mapping[str, str]
    ) -> tuple[Request, ...]:
        return () if "{" in stream.reads else (Request("SQL", stream.reads),)

    def pages(self, stream: Stream, window: Window) -> Iterator[list[Row]]:
        self.asked.append((stream.name, window))
        if stream.name == "ai_functions" and window.since == START + timedelta(days=1):
            return  # nothing on this day: the fallback is asked
        every = [
            {stream.columns[0]: f"{stream.name}-{window.since:%d}-{n}", stream.columns[1]: n}
            for n in range(self.rows + self.late)
        ]
        yield every[::2]
        yield every[1::2]

    def close(self) -> None:
        pass


def job(out: Path, now: str = "2026-08-28T03:00:00+00:00", since: str | None = "2026-08-25", **changes: Any) -> Job:
    whole = Job(
        collector="", out=str(out), settings={}, streams=(), since=since and f"{since}T00:00:00+00:00", until=None,
        now=now, again=False, hosts=(), origin="here.example.com",
    )  # fmt: skip
    return replace(whole, **changes)


def run(out: Path, source: Source, **changes: Any) -> list[dict[str, Any]]:
    """Extract from `source` in this process and return the steps."""
    found = manifest.load(HERE / "data" / "snowflake")
    told: list[dict[str, Any]] = []
    loop.extract(found, source, job(out, **changes), lambda: source, told.append)
    return told


def main(folder: Path) -> None:
    # An earlier run, whose youngest slices the next one fetches again with rows that came late.
    first, second = Source(), Source(late=2)
    before, wanted = folder / "before", folder / "wanted"
    run(before, first, now="2026-08-27T03:00:00+00:00")
    shutil.copytree(before, wanted)
    run(wanted, second)
    expected, old = slices(wanted), slices(before)
    problems: list[str] = []
    step = 0
    while True:
        step += 1
        tried = folder / f"step-{step}"
        shutil.copytree(before, tried)
        if not _killed(tried, second, step):
            break
        for name, content in slices(tried).items():
            if content not in (expected.get(name), old.get(name)):
                problems.append(f"step {step}: {name} is half a file")
        run(tried, second)
        if slices(tried) != expected:
            problems.append(f"step {step}: the next run did not mend it")
        if any((tried / ".partial").iterdir()):
            problems.append(f"step {step}: leftovers")
        shutil.rmtree(tried)
    sys.stdout.write(json.dumps({"steps": step - 1, "slices": len(expected), "problems": problems}) + "\n")


def _killed(out: Path, source: Source, step: int) -> bool:
    """Run in a copy of this process that is killed at the nth step; tell whether it was."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.WIFSIGNALED(status)
    left = step
    watched = str(out)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in STEPS and (event == "fcntl.flock" or watched in str(arguments[0])):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    run(out, source)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
