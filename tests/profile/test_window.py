"""The window: as long as the calls, never rounded so that it changes the monthly figure much."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tokenop.profile.window import of, of_micros


def micros(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("first", "last", "start", "until", "hours"),
    [
        ("2026-09-01T00:00:52", "2026-09-30T23:58:07", "2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z", 720),
        ("2023-11-16T18:15:46", "2023-11-16T19:14:20", "2023-11-16T18:15:00Z", "2023-11-16T19:15:00Z", 1),
        ("2026-09-01T10:00:30", "2026-09-01T10:00:30", "2026-09-01T10:00:00Z", "2026-09-01T11:00:00Z", 1),
        ("2026-09-01T10:00:00", "2026-09-02T12:29:59", "2026-09-01T10:00:00Z", "2026-09-02T12:30:00Z", 26.5),
    ],
    ids=["month", "hour across two clock hours", "one call", "a day and a bit"],
)
def test_window_of_calls(first, last, start, until, hours):
    window = of_micros(micros(first), micros(last))
    assert window.as_dict() == {"from": start, "until": until, "hours": hours}


def test_no_calls_have_no_window(make_calls):
    connection = make_calls([{"ts": "2026-09-01T00:00:00Z"}])
    assert of(connection) is not None
    assert of(connection, "(SELECT * FROM calls WHERE false)") is None
