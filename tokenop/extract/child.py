"""The process that talks to the network. It is pinned to the declared hosts before anything of a source is imported.

One line of JSON on standard input is the job. Each line on standard output is one step. When standard input closes, the
parent is gone, and so is this process. Whatever a vendor's package prints goes to standard error, which nobody reads.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn


def main(first: dict[str, Any]) -> NoReturn:
    """Run the job `first` and leave with 0; an error is told in the last line."""
    from tokenop.extract import egress

    egress.confine(first["hosts"])
    emit = _channel(Path(first["collector"]).name)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    try:
        _work(first, emit)
        emit({"event": "end"})
    except BrokenPipeError:  # the parent is gone
        pass
    except BaseException as error:
        with contextlib.suppress(BrokenPipeError):
            emit(_told(error))
    # Vendors' packages keep threads and exit hooks that may wait for the network.
    sys.stdout.flush()
    os._exit(0)


def _work(first: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> None:
    from tokenop.collect import manifest
    from tokenop.extract import loop, sources
    from tokenop.extract.hiding import secrets
    from tokenop.extract.job import Job, environment
    from tokenop.extract.model import Session

    job = Job.read(first)
    collector = manifest.load(Path(job.collector))
    source = sources.find(collector.name)

    def wait(seconds: float, reason: str) -> None:
        emit({"event": "wait", "seconds": seconds, "reason": reason})
        time.sleep(seconds)

    def browse(url: str, *_: object, **__: object) -> bool:
        emit({"event": "browser", "url": url})
        return True

    # Single sign-on opens a browser; a pinned process starts no other, so the parent does it.
    import webbrowser

    for name in ("open", "open_new", "open_new_tab"):
        setattr(webbrowser, name, browse)

    def open_session() -> Session:
        emit({"event": "login"})
        return source.open(collector, job.settings, environment(collector, os.environ), wait)

    login = "\n".join(sorted(secrets(environment(collector, os.environ))))
    loop.extract(collector, source, job, open_session, emit, login)


def _channel(collector: str) -> Callable[[dict[str, Any]], None]:
    """Return what writes one line to the parent, with every secret that this process can know taken out."""
    from tokenop.extract.hiding import scrub, secrets, spellings

    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    hidden = spellings(secrets(os.environ, collector))

    def clean(value: object) -> object:
        if not isinstance(value, str):
            return value
        # What a server said must not steer a terminal.
        return scrub("".join(c if c.isprintable() or c == "\n" else " " for c in value), hidden)

    def emit(event: dict[str, Any]) -> None:
        lines.write(json.dumps({key: clean(value) for key, value in event.items()}) + "\n")
        lines.flush()

    return emit


def _told(error: BaseException) -> dict[str, Any]:
    from tokenop.errors import MisuseError, TokenOpError

    if isinstance(error, TokenOpError):
        return {"event": "error", "misuse": isinstance(error, MisuseError), "message": str(error)}
    return {"event": "bug", "message": "".join(traceback.format_exception(error))}


def _leave_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)
