"""Days, months and hours of budgets: when they begin and end, in the zone that the project says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal, NamedTuple

from tokenop.errors import InputError

Span = Literal["day", "month", "hour"]
# Who is counted, and by which span. Hours are for the throttle alone.
PER = ("all", "user", "department", "tenant")
# What a row says of who is meant, in the order of `PER`.
FIELDS = (None, "user_id", "department", "tenant")
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
    day, month = within("day", second, zone).start, within("month", second, zone).start
    for per, subject in zip(PER, subjects, strict=True):
        yield Key(per, "day", day, subject)
        yield Key(per, "month", month, subject)
    if subjects[1]:
        yield Key("user", "hour", second - second % 3600, subjects[1])


def iso(second: int, zone: tzinfo) -> str:
    """Return a second since 1970 as people of that zone read it."""
    return datetime.fromtimestamp(second, zone).isoformat()
