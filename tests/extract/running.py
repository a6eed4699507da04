"""Running an extraction of the tests' own collectors, in this process or in one that may be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tokenop.collect import manifest
from tokenop.extract import run
from tokenop.extract.run import Extracted

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NOW = "2026-09-01T00:00:00+00:00"


@contextmanager
def memory_disk() -> Iterator[Path]:
    """Yield a folder in memory where there is one: thousands of synced writes are slow on a disk."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if os.access(shm, os.W_OK) else None) as folder:
        yield Path(folder)


def extract(
    collector: str,
    out: Path,
    environment: Mapping[str, str],
    since: str | None = "2026-08-25T00:00:00+00:00",
    until: str | None = "2026-08-26T00:00:00+00:00",
    *,
    now: str = NOW,
    streams: tuple[str, ...] = (),
    settings: Mapping[str, str] | None = None,
    again: bool = False,
    report: Callable[[dict[str, Any]], None] = lambda _: None,
) -> Extracted:
    """Extract with the real child process."""
    found = manifest.load(HERE / "data" / collector)
    given = {"HOME": str(out), **environment}
    job = run.new_job(found, out, settings or {}, streams, since, until, now, again, given)
    return run.run(found, job, given, report)


def start(collector: str, out: Path, environment: Mapping[str, str], **named: Any) -> subprocess.Popen[bytes]:
    """Start an extraction in a process of its own."""
    program = (
        "import json, sys; from pathlib import Path; from tests.extract.running import extract;"
        "a = json.loads(sys.argv[1]); extract(a['collector'], Path(a['out']), a['environment'], **a['named'])"
    )
    told = {"collector": collector, "out": str(out), "environment": dict(environment), "named": named}
    return subprocess.Popen(
        [sys.executable, "-c", program, json.dumps(told)],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
    )


def slices(folder: Path) -> dict[str, bytes]:
    """Return what `discover` would read."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.glob("**/*.jsonl"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def rows(folder: Path, pattern: str = "**/*.jsonl") -> list[dict[str, Any]]:
    """Return all rows in order of the files."""
    return [json.loads(line) for path in sorted(folder.glob(pattern)) for line in path.read_text().splitlines()]
