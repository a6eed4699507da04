"""What the command line's texts mean."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tokenop.collect.options import parse
from tokenop.errors import MisuseError


def test_maps_and_constants_are_by_event_field():
    options = parse(maps=["model=properties.main_model", "id="], constants=["tenant=support=a"])
    assert dict(options.maps) == {"model": "properties.main_model", "id": ""}
    assert dict(options.constants) == {"tenant": "support=a"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"maps": ["modle=x"]}, "did you mean model"),
        ({"maps": ["model"]}, "write it as FIELD=COLUMN"),
        ({"maps": ["model=a", "model=b"]}, "given twice"),
        ({"constants": ["id=1"]}, "an id of its own"),
        ({"zone": "Europe/Berln"}, "Europe/Berlin"),
        ({"epoch": "minutes"}, "write s or ms"),
        ({"epoch": "ms@2024-05-01T00:00:00"}, "with its zone"),
        ({"since": "yesterday"}, "--since yesterday"),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "must lie before"),
        ({"settings": ["novalue"]}, "NAME=VALUE"),
    ],
)
def test_a_text_without_meaning_is_misuse_that_names_the_fix(given, told):
    with pytest.raises(MisuseError) as error:
        parse(**given)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("text", "zone"),
    [("utc", "UTC"), ("Z", "UTC"), ("europe/berlin", "Europe/Berlin"), ("+0530", "+05:30"), ("-07:00", "-07:00")],
)
def test_zones_are_names_or_offsets(text, zone):
    assert parse(zone=text).zone == zone


def test_epochs_count_from_1970_or_from_their_start():
    assert parse(epoch="s").epoch.start == datetime(1970, 1, 1, tzinfo=UTC)
    started = parse(epoch="ms@2024-05-01T02:00:00+02:00").epoch
    assert (started.unit, started.start) == ("ms", datetime(2024, 5, 1, tzinfo=UTC))


def test_a_bare_date_bounds_at_midnight_utc():
    assert parse(since="2026-01-31").since == datetime(2026, 1, 31, tzinfo=UTC)
