"""Days and months begin and end where people of the zone see them begin and end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenop.errors import InputError
from tokenop.gateway.budgets.windows import Window, keys_of, within, zone_of

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize(
    ("zone", "when", "start", "end"),
    [
        ("UTC", "2026-11-22T12:00:00+00:00", "2026-11-22T00:00:00+00:00", "2026-11-23T00:00:00+00:00"),
        ("Europe/Berlin", "2026-11-22T23:30:00+00:00", "2026-11-22T23:00:00+00:00", "2026-11-23T23:00:00+00:00"),
        # The clocks go forward: 23 hours. They go back: 25.
        ("Europe/Berlin", "2026-03-29T12:00:00+00:00", "2026-03-28T23:00:00+00:00", "2026-03-29T22:00:00+00:00"),
        ("Europe/Berlin", "2026-10-25T12:00:00+00:00", "2026-10-24T22:00:00+00:00", "2026-10-25T23:00:00+00:00"),
        # In Havana midnight does not exist on one day, and is there twice on another.
        ("America/Havana", "2026-03-08T12:00:00+00:00", "2026-03-08T05:00:00+00:00", "2026-03-09T04:00:00+00:00"),
        ("America/Havana", "2026-11-01T12:00:00+00:00", "2026-11-01T04:00:00+00:00", "2026-11-02T05:00:00+00:00"),
    ],
)
def test_a_day_is_as_long_as_the_clocks_make_it(zone: str, when: str, start: str, end: str) -> None:
    assert within("day", at(when), zone_of(zone)) == Window(at(start), at(end))


def test_a_month_ends_when_the_next_begins_also_over_a_change_of_clocks() -> None:
    october = within("month", at("2026-10-31T22:30:00+00:00"), zone_of("Europe/Berlin"))
    assert october == Window(at("2026-09-30T22:00:00+00:00"), at("2026-10-31T23:00:00+00:00"))


@given(st.sampled_from(ZONES), st.integers(at("2020-01-01T00:00:00+00:00"), at("2032-01-01T00:00:00+00:00")))
def test_windows_neither_overlap_nor_leave_anything_out(name: str, second: int) -> None:
    zone = zone_of(name)
    for span in ("day", "month", "hour"):
        found = within(span, second, zone)
        assert found.start <= second < found.end
        assert within(span, found.start, zone) == within(span, found.end - 1, zone) == found
        assert within(span, found.end, zone).start == found.end
    local = datetime.fromtimestamp(second, UTC if name == "UTC" else ZoneInfo(name))
    first = datetime.fromtimestamp(within("day", second, zone).start, local.tzinfo)
    assert first.date() == local.date()


@given(st.sampled_from(ZONES), st.integers(0, 10**9), st.integers(0, 899))
def test_all_rows_of_a_quarter_of_an_hour_count_towards_the_same_windows(name: str, quarter: int, more: int) -> None:
    start = at("2020-01-01T00:00:00+00:00") + quarter % 400_000 * 900
    subjects = ("", "ana", "", "t")
    assert [*keys_of(subjects, start, zone_of(name))] == [*keys_of(subjects, start + more, zone_of(name))]


def test_nobody_named_has_no_hours() -> None:
    named, nobody = (len([*keys_of(("", user, "", ""), 0, UTC)]) for user in ("ana", ""))
    assert (named, nobody) == (9, 8)


def test_a_zone_that_is_not_known_is_refused_with_the_fix() -> None:
    with pytest.raises(InputError, match=r"timezone: this machine knows no zone 'Europe/Atlantis'.*Europe/Berlin"):
        zone_of("Europe/Atlantis")


def test_the_window_of_a_moment_does_not_depend_on_its_own_zone() -> None:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    east = noon.astimezone(ZoneInfo("Asia/Tokyo")) + timedelta(0)
    assert int(noon.timestamp()) == int(east.timestamp())
