"""The stretch of time that a log covers, and how it becomes a month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

HOURS_PER_MONTH = 730.5
"""A twelfth of 365.25 days."""

WEEK_HOURS = 168

_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """From the first call to the last one in UTC, rounded outwards: to hours from a week on, to minutes below.

    Rounding an hour of calls to the two hours of the clock that it touches would halve its monthly cost. It is never
    shorter than an hour: the rate of a single call says nothing of a month.
    """

    start: datetime
    until: datetime

    @property
    def hours(self) -> float:
        """Return the length in hours, at least 1."""
        return (self.until - self.start) / _HOUR

    @property
    def months(self) -> float:
        """Return the length in months of 730.5 hours."""
        return self.hours / HOURS_PER_MONTH

    def as_dict(self) -> dict[str, object]:
        """Return `from`, `until` (RFC 3339, UTC) and `hours`."""
        return {"from": _text(self.start), "until": _text(self.until), "hours": self.hours}


def of_micros(first: int, last: int) -> Window:
    """Return the window of calls from `first` to `last`, both in microseconds since 1970 (UTC)."""
    hours = _rounded(first, last, _HOUR)
    if hours.hours >= WEEK_HOURS:
        return hours
    minutes = _rounded(first, last, _MINUTE)
    return Window(minutes.start, max(minutes.until, minutes.start + _HOUR))


def _rounded(first: int, last: int, unit: timedelta) -> Window:
    size = unit // timedelta(microseconds=1)
    return Window(_EPOCH + unit * (first // size), _EPOCH + unit * (last // size + 1))


def of(connection: duckdb.DuckDBPyConnection, calls: str = "calls") -> Window | None:
    """Return the window of the relation `calls`; None where it has no row."""
    row = connection.execute(f"SELECT epoch_us(min(ts)), epoch_us(max(ts)) FROM {calls}").fetchone()
    return None if row is None or row[0] is None else of_micros(row[0], row[1])


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
