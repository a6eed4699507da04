"""The process that reads the files in force for a gateway: asked on stdin, answers on stdout, and goes away."""

from __future__ import annotations

import contextlib
import gc
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

MEMORY_MB = 2_048


def main() -> None:
    """Answer one request of `tokenop.gateway.applied.asking`, which may come later than this process is ready."""
    gc.disable()  # it lives for half a second: a third of that would be spent on looking for circles
    from tokenop.gateway.applied.reading import read, warm
    from tokenop.gateway.applied.sources import Sources
    from tokenop.gateway.applied.verdict import packed

    _bounded()
    warm()
    line = sys.stdin.readline()
    if not line:
        return  # nobody wants to know any more
    request: dict[str, Any] = json.loads(line)
    where = Sources(**{name: Path(path) for name, path in request["sources"].items()})
    sys.stdout.buffer.write(packed(read(where, date.fromisoformat(request["today"]))))
    sys.stdout.buffer.flush()


def _bounded() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MB << 20, MEMORY_MB << 20))
