"""The stretch of time that a log covers, and how it becomes a month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

HOURS_PER_MONTH = 730.5
"""A twelfth of 365.25 days."""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Whole hours in UTC from the hour of the first call to the end of the hour of the last one."""

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
    hour = 3_600_000_000
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return Window(epoch + _HOUR * (first // hour), epoch + _HOUR * (last // hour + 1))


def of(connection: duckdb.DuckDBPyConnection, calls: str = "calls") -> Window | None:
    """Return the window of the relation `calls`; None where it has no row."""
    row = connection.execute(f"SELECT epoch_us(min(ts)), epoch_us(max(ts)) FROM {calls}").fetchone()
    return None if row is None or row[0] is None else of_micros(row[0], row[1])


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
