"""Days, months and hours of budgets: when they begin and end, in the zone that the project says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal, NamedTuple

from tokenop.errors import InputError

Span = Literal["day", "month", "hour"]
# Who is counted, and by which span. Hours are for the throttle alone.
PER = ("all", "user", "department", "tenant")
SPANS: tuple[Span, ...] = ("day", "month", "hour")
# All that is added up.
SUMS: tuple[tuple[str, Span], ...] = (
    ("all", "day"), ("all", "month"), ("user", "day"), ("user", "month"), ("department", "day"),
    ("department", "month"), ("tenant", "day"), ("tenant", "month"), ("user", "hour"),
)  # fmt: skip
KEPT = timedelta(days=2)  # how long a window is remembered after its end: clocks are set back, rows come late


class Window(NamedTuple):
    """`start` ≤ time < `end`, in whole seconds since 1970."""

    start: int
    end: int


class Key(NamedTuple):
    """What one sum is of: whose calls, and in which window (by its span and start). The subject "" is nobody named."""

    per: str
    span: Span
    start: int
    subject: str


def zone_of(name: str) -> tzinfo:
    """Return the zone called `name`.

    Raises:
        InputError: this machine knows no such zone.
    """
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InputError(
            f"tokenop/gateway.yaml: timezone: this machine knows no zone {name!r} (write one such as Europe/Berlin, or "
            "install the package tzdata)"
        ) from error


def within(span: Span, second: int, zone: tzinfo) -> Window:
    """Return the window of `span` that holds a second since 1970.

    A day on which the clocks are set has 23 or 25 hours. A midnight that does not exist is when the clocks jump, of one
    that there is twice the first counts. Hours are UTC's.
    """
    if span == "hour":
        start = second - second % 3600
        return Window(start, start + 3600)
    local = datetime.fromtimestamp(second, zone)
    first = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if span == "month":
        first = first.replace(day=1)
        after = (first + timedelta(days=32)).replace(day=1)
    else:
        after = first + timedelta(days=1)
    return Window(int(first.timestamp()), int(after.timestamp()))


def keys_of(subjects: tuple[str, str, str, str], second: int, zone: tzinfo) -> Iterator[Key]:
    """Yield what a row of these subjects (in the order of `PER`) at a second counts towards."""
    starts = {span: within(span, second, zone).start for span in SPANS}
    for per, span in SUMS:
        subject = subjects[PER.index(per)]
        if subject or span != "hour":
            yield Key(per, span, starts[span], subject)


def iso(second: int, zone: tzinfo) -> str:
    """Return a second since 1970 as people of that zone read it."""
    return datetime.fromtimestamp(second, zone).isoformat()
