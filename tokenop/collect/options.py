"""What the user says about the input: mapping, constants, zone, epoch, time window, settings."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal

from tokenop.collect.pseudonyms import Key
from tokenop.errors import MisuseError
from tokenop.events.schema import types

_OFFSET = re.compile(r"([+-])(0\d|1[0-4]):?([0-5]\d)\Z")
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Epoch:
    """How numeric times count: in seconds or milliseconds from `start`."""

    unit: Literal["s", "ms"]
    start: datetime


@dataclass(frozen=True, slots=True)
class Options:
    """How to read the sources of one run.

    `maps` and `constants` are by event field; an empty map means that the field is not taken from any column.
    `zone` is an IANA name or a fixed offset such as `+02:00`. `since` is inclusive, `until` exclusive.
    `settings` are by `name` or `collector.name`. With a `key`, users get pseudonyms.
    """

    maps: Mapping[str, str] = field(default_factory=lambda: _NONE)
    constants: Mapping[str, str] = field(default_factory=lambda: _NONE)
    zone: str | None = None
    epoch: Epoch | None = None
    since: datetime | None = None
    until: datetime | None = None
    settings: Mapping[str, str] = field(default_factory=lambda: _NONE)
    key: Key | None = None


def parse(
    maps: Iterable[str] = (),
    constants: Iterable[str] = (),
    zone: str | None = None,
    epoch: str | None = None,
    since: str | None = None,
    until: str | None = None,
    settings: Iterable[str] = (),
) -> Options:
    """Return the options that the command line's texts mean.

    Raises:
        MisuseError: a text that means nothing, named with its option and the fix.
    """
    options = Options(
        maps=_fields("--map", maps, "COLUMN"),
        constants=_fields("--set", constants, "CONSTANT"),
        zone=_zone(zone),
        epoch=_epoch(epoch),
        since=_instant("--since", since),
        until=_instant("--until", until),
        settings=_pairs("--setting", settings, "NAME", "VALUE"),
    )
    for name, constant in options.constants.items():
        if not constant.strip():
            raise MisuseError(f"--set {name}=: gives no value; leave it out where the value is unknown")
    if "id" in options.constants:
        raise MisuseError(
            "--set id=…: every call needs an id of its own; leave it out and ids are derived from the rows"
        )
    if options.since and options.until and options.since >= options.until:
        raise MisuseError("--since must lie before --until")
    return options


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean …?)` for the known names most like `name`, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=3)
    return f" (did you mean {' or '.join(close)}?)" if close else ""


def require_text(option: str, text: str) -> None:
    """Refuse a text that the command line gave in bytes which are no UTF-8.

    Raises:
        MisuseError: it is not text.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        shown = text.encode("utf-8", "backslashreplace").decode()
        raise MisuseError(f"{option} {shown}: is not UTF-8 text") from error


def _pairs(option: str, texts: Iterable[str], left: str, right: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        require_text(option, text)
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise MisuseError(f"{option} {text}: write it as {left}={right}")
        if name in pairs:
            raise MisuseError(f"{option} {name} is given twice")
        pairs[name] = value
    return pairs


def _fields(option: str, texts: Iterable[str], right: str) -> dict[str, str]:
    pairs = _pairs(option, texts, "FIELD", right)
    for name in pairs:
        if name not in types():
            raise MisuseError(f"{option} {name}: is not a field of the event{nearest(name, types())}")
    return pairs


def _zone(text: str | None) -> str | None:
    if text is None:
        return None
    require_text("--tz", text)
    if text.upper() in ("UTC", "Z", "GMT"):
        return "UTC"
    offset = _OFFSET.match(text)
    if offset:
        return f"{offset[1]}{offset[2]}:{offset[3]}"
    from tokenop import database

    # Those of the engine that will read the times; Python knows others, or none at all.
    with database.connect() as connection:
        rows = connection.execute("SELECT name FROM pg_timezone_names() ORDER BY ALL").fetchall()
    known = [str(row[0]) for row in rows]
    exact = next((name for name in known if name.lower() == text.lower()), None)
    if exact is None:
        fix = nearest(text, known) or "; write an IANA name such as Europe/Berlin, or an offset such as +02:00"
        raise MisuseError(f"--tz {text}: is not a time zone{fix}")
    return exact


def _epoch(text: str | None) -> Epoch | None:
    if text is None:
        return None
    unit, _, start = text.partition("@")
    zero = _instant("--epoch", start) if start else datetime(1970, 1, 1, tzinfo=UTC)
    if zero is not None and unit == "s":
        return Epoch("s", zero)
    if zero is not None and unit == "ms":
        return Epoch("ms", zero)
    fix = "write s or ms, and where zero is not 1970 the start, as in ms@2024-05-01T00:00:00Z"
    raise MisuseError(f"--epoch {text}: {fix}")


def _instant(option: str, text: str | None) -> datetime | None:
    """Return an RFC 3339 instant, or midnight UTC of a bare date, in UTC."""
    if text is None:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        when = datetime.fromisoformat(text)
        if when.tzinfo is not None:
            return when.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise MisuseError(f"{option} {text}: write a time with its zone, such as 2026-01-31T00:00:00Z, or a date (UTC)")
