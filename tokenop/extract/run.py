"""Running the child process of one collector, and saying beforehand what it would ask."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenop import settings as places
from tokenop.collect.manifest import Manifest
from tokenop.errors import InputError, MisuseError
from tokenop.extract import job as jobs
from tokenop.extract import loop, sources
from tokenop.extract.job import Job
from tokenop.extract.model import ExtractError, Request, Window
from tokenop.extract.store import Store

_BOOTSTRAP = (
    "import json, os, sys\n"
    "line = b''\n"
    "while not line.endswith(b'\\n'): line += os.read(0, 65536) or sys.exit(1)\n"
    "request = json.loads(line); sys.path[:] = request.pop('import_from')\n"
    "from tokenop.extract.child import main; main(request)\n"
)


@dataclass(slots=True)
class StreamResult:
    """What became of one stream: `read`, `unavailable` (with the reason) or `off`."""

    stream: str
    status: str = "read"
    slices: int = 0
    rows: int = 0
    reason: str = ""
    first: str = ""
    last: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return the result as JSON-ready fields."""
        return {
            "stream": self.stream, "status": self.status, "slices": self.slices, "rows": self.rows,
            "first_slice": self.first or None, "last_slice": self.last or None, "reason": self.reason or None,
        }  # fmt: skip


@dataclass(slots=True)
class Extracted:
    """What one run fetched into `folder`."""

    collector: str
    folder: Path
    streams: list[StreamResult] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Return the rows of all slices that this run wrote."""
        return sum(result.rows for result in self.streams)

    def as_dict(self) -> dict[str, object]:
        """Return the result as JSON-ready fields."""
        return {
            "collector": self.collector, "folder": str(self.folder), "rows": self.rows,
            "streams": [result.as_dict() for result in self.streams], "notes": self.notes,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Planned:
    """What a dry run tells of one stream."""

    stream: str
    note: str
    slices: tuple[tuple[Window, tuple[Request, ...]], ...]


def folder(collector: str, out: Path | None) -> Path:
    """Return where slices of `collector` lie: in `out`, by default `$TOKENOP_HOME/extracts`."""
    return (out or places.home() / "extracts") / collector


def plan(manifest: Manifest, job: Job) -> Iterator[Planned]:
    """Yield, stream by stream, every request that a run would begin with. Needs no credentials and no network."""
    source = sources.find(manifest.name)
    store = Store(Path(job.out))
    for stream in loop.chosen(manifest, job.streams):
        windows = loop.due(store, stream, job)
        asked = tuple((window, source.requests(manifest, stream, window, job.settings)) for window in windows)
        note = f"only for slices that {stream.instead_of} has no rows for" if stream.instead_of else ""
        if stream.optional and not stream.instead_of:
            note = "left out where it is missing or not granted"
        if not windows:
            note = "nothing is due"
        elif not any(requests for _, requests in asked):
            note, asked = "off: a setting that it needs is empty", ()
        yield Planned(stream.name, note, asked)


def run(
    manifest: Manifest,
    job: Job,
    environment: Mapping[str, str],
    report: Callable[[dict[str, Any]], None] = lambda _: None,
) -> Extracted:
    """Run `job` in a child process of its own; `report` is told of each step as it happens.

    Raises:
        MisuseError: a setting or stream cannot be what it is.
        InputError: missing credentials, a source that refuses, a folder that is in use.
        RuntimeError: a bug, with the child's traceback.
    """
    loop.chosen(manifest, job.streams)
    found = Extracted(manifest.name, Path(job.out))
    child = subprocess.Popen(  # noqa: S603 - this interpreter, with a constant program
        [sys.executable, "-I", "-c", _BOOTSTRAP],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=jobs.child_environment(manifest, environment),
        start_new_session=True,
    )
    try:
        ended = _talk(child, job, found, report)
    finally:
        _end(child)
    if not ended:
        raise ExtractError(
            f"{manifest.name}: the process that extracts stopped by itself (exit code {child.returncode}); "
            "run the same command again, it continues where it was"
        )
    return found


def _talk(child: subprocess.Popen[bytes], job: Job, found: Extracted, report: Callable[[dict[str, Any]], None]) -> bool:
    """Give the child its job and follow its steps; tell whether it came to the end."""
    assert child.stdin is not None
    assert child.stdout is not None
    import_from = [str(Path(entry).resolve()) for entry in sys.path if entry]
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(json.dumps({**job.as_dict(), "import_from": import_from}).encode() + b"\n")
        child.stdin.flush()
    for line in child.stdout:
        event = json.loads(line)
        kind = event["event"]
        if kind == "end":
            return True
        if kind == "error":
            raise MisuseError(event["message"]) if event["misuse"] else InputError(event["message"])
        if kind == "bug":
            raise RuntimeError(f"the process that extracts failed:\n{event['message']}")
        _note(found, event)
        report(event)
    return False


def _note(found: Extracted, event: Mapping[str, Any]) -> None:
    """Add one step to the result."""
    kind = event["event"]
    if kind == "note":
        found.notes.append(event["text"])
    elif kind == "stream":
        found.streams.append(StreamResult(event["stream"]))
    elif kind == "off":
        found.streams.append(StreamResult(event["stream"], status="off"))
    elif kind == "unavailable":
        result = found.streams[-1]
        result.status, result.reason = "unavailable", event["reason"]
        if not event["quiet"]:
            found.notes.append(f"{result.stream}: {event['reason']}")
    elif kind == "slice" and event["rows"] is not None:
        result = found.streams[-1]
        result.slices += 1
        result.rows += event["rows"]
        result.first = result.first or event["slice"]
        result.last = event["slice"]


def _end(child: subprocess.Popen[bytes]) -> None:
    """Let go of the child: it leaves when its input closes. It is killed where it does not."""
    for stream in (child.stdin, child.stdout):
        if stream:
            with contextlib.suppress(OSError):
                stream.close()
    try:
        child.wait(timeout=5)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def new_job(
    manifest: Manifest,
    out: Path | None,
    settings: Mapping[str, str],
    streams: tuple[str, ...],
    since: str | None,
    until: str | None,
    now: str,
    again: bool = False,
    environment: Mapping[str, str] = os.environ,
) -> Job:
    """Return the job for one collector; hosts that variables name are filled in."""
    return Job(
        collector=str(manifest.folder.resolve()),
        out=str(folder(manifest.name, out).resolve()),
        settings=manifest.values(settings),
        streams=streams,
        since=since,
        until=until,
        now=now,
        again=again,
        hosts=jobs.hosts(manifest, environment),
        origin=jobs.origin(manifest, environment),
    )
