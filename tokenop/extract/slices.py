"""Slices of time in UTC, and which of them are due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from tokenop.extract.model import Stream, Window

DEFAULT_DAYS = 30
_LENGTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
_NAMES = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d"}


def floor(stream: Stream, when: datetime) -> datetime:
    """Return the start of the slice of `stream` that holds `when`."""
    start = when.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return start.replace(hour=0) if stream.slice == "day" else start


def name(stream: Stream, window: Window) -> str:
    """Return the name of the slice, which is that of its file: `2026-08-25`, `2026-08-25T17` or `all`."""
    return "all" if stream.slice == "all" else window.since.strftime(_NAMES[stream.slice])


def cut(stream: Stream, since: datetime, until: datetime) -> Iterator[Window]:
    """Yield the whole slices that [since, until) touches, in order; a look-up is one slice."""
    if stream.slice == "all":
        if since < until:
            yield Window(since, until)
        return
    start, length = floor(stream, since), _LENGTHS[stream.slice]
    while start < until:
        yield Window(start, start + length)
        start += length


def merged(intervals: Iterable[Window]) -> list[Window]:
    """Return the same time as `intervals`, with those that touch or overlap joined, in order."""
    joined: list[Window] = []
    for window in sorted(intervals):
        if joined and window.since <= joined[-1].until:
            joined[-1] = Window(joined[-1].since, max(joined[-1].until, window.until))
        else:
            joined.append(window)
    return joined


def settled(stream: Stream, window: Window, now: datetime) -> bool:
    """Tell whether no late row can arrive any more: the slice ended longer ago than the lag of its source."""
    return stream.slice != "all" and window.until + stream.lag <= now


def due(
    stream: Stream, done: Iterable[Window], since: datetime | None, until: datetime | None, now: datetime
) -> list[Window]:
    """Return the slices to fetch, in order.

    Args:
        stream: what is read.
        done: the intervals that are settled.
        since: as asked for; None continues at the end of what is settled, or starts 30 days ago.
        until: as asked for; None is now. Slices are whole: the last one may end after it.
        now: when the run started.
    """
    kept = merged(done)
    end = min(until or now, now)
    start = since or (kept[-1].until if kept else end - timedelta(days=DEFAULT_DAYS))
    wanted = cut(stream, start, end)
    return [w for w in wanted if not any(k.since <= w.since and w.until <= k.until for k in kept)]
