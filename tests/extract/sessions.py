"""Opening the extractors' sessions on a loopback server, with the shipped manifests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.extract.servers.calls import DAY
from tokenop.collect import manifest
from tokenop.extract import sources
from tokenop.extract.model import Session, Stream, Window
from tokenop.extract.rows import line


def opened(name: str, environment: Mapping[str, str], waits: list[Any], **settings: str) -> Session:
    """Open a session; waits are noted, not waited."""
    collector = manifest.find(name)
    values = {**collector.values({}), **settings}
    return sources.find(name).open(collector, values, environment, lambda seconds, why: waits.append((seconds, why)))


def stream_of(name: str, stream: str) -> Stream:
    """Return a stream of the shipped manifest."""
    collector = manifest.find(name)
    assert collector.extract is not None
    return next(entry for entry in collector.extract.streams if entry.name == stream)


def windows(stream: Stream, days: int = 3) -> list[Window]:
    """Return the slices of the days that the servers have calls of."""
    length = timedelta(days=1) if stream.slice == "day" else timedelta(hours=1)
    found, at = [], DAY
    while at < DAY + timedelta(days=days):
        found.append(Window(at, at + length))
        at += length
    return found


def fetch(session: Session, stream: Stream, window: Window) -> list[dict[str, Any]]:
    """Return the rows of one slice as they would be read back from its file."""
    return [json.loads(line(row, stream.columns)) for page in session.pages(stream, window) for row in page]


def day(number: int) -> datetime:
    """Return the start of the day that is `number` after the first."""
    return DAY + timedelta(days=number)
