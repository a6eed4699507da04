"""Today, a week, a month: which moments that is, in the zone that the project says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from tokenop.errors import InputError, MisuseError
from tokenop.gateway.applied.sources import OWN
from tokenop.gateway.budgets.windows import zone_of

WORDS = ("today", "week", "month")
_FIRST_YEAR = 2000


@dataclass(frozen=True, slots=True)
class Period:
    """`since` ≤ start of a call < `until`, both with a zone. `zone` is a name such as Europe/Berlin."""

    name: str
    since: datetime
    until: datetime
    zone: str

    @property
    def first_day(self) -> str:
        """Return the first day as the zone counts it."""
        return self.since.date().isoformat()

    @property
    def last_day(self) -> str:
        """Return the last day as the zone counts it."""
        return (self.until - timedelta(microseconds=1)).date().isoformat()


def zone_in(root: Path) -> str:
    """Return the name of the zone that `tokenop/gateway.yaml` says, UTC where it says none.

    Raises:
        FindingsError, InputError: the file is no YAML, or the zone is none.
    """
    path = root / OWN
    if not path.is_file():
        return "UTC"
    from tokenop.documents import load_yaml

    said = load_yaml(path).meta.get("timezone", "UTC")
    if not isinstance(said, str):
        raise InputError(f"{path}: timezone: must be the name of a zone, such as Europe/Berlin")
    return said


def period(word: str | None, since: str | None, until: str | None, zone: str, now: datetime) -> Period:
    """Return what is meant by `today` (the default), `week` (seven days), `month` (this one), or two times.

    Raises:
        MisuseError: a time is none, both a word and a time are given, or nothing lies between them.
        InputError: there is no such zone.
    """
    place = zone_of(zone)
    here = now.astimezone(place)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if word is not None and since is not None:
        raise MisuseError(f"{word} and --since: say one of them")
    end = here if until is None else _moment("--until", until, place)
    if since is not None:
        start, name = _moment("--since", since, place), "since"
    else:
        name = word or "today"
        start = {"today": midnight, "week": midnight - timedelta(days=6), "month": midnight.replace(day=1)}[name]
    if end <= start:
        raise MisuseError(f"nothing lies between {start.isoformat()} and {end.isoformat()}")
    return Period(name, start, end, zone)


def _moment(option: str, text: str, zone: tzinfo) -> datetime:
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise MisuseError(f"{option} {text}: is not a time; write 2026-01-31 or 2026-01-31T09:00:00Z") from None
    if when.year < _FIRST_YEAR or when.year > 9000:
        raise MisuseError(f"{option} {text}: lies beyond all logs")
    return when.replace(tzinfo=zone) if when.tzinfo is None else when.astimezone(UTC).astimezone(zone)
