"""Times of every spelling → RFC 3339 in UTC; what cannot be told is refused, with the flag that would tell it."""

from __future__ import annotations

from tokenop.collect.options import Options
from tokenop.database import quoted

# The rules under which `tokenop validate` refuses such times too.
NO_ZONE, NO_TIME = "EV-ZONE", "EV-TIME"

_DAY = r"\d{4}[-/]\d{2}[-/]\d{2}"
_CLOCK = r"[T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,12})?)?"
_ZONE = r" ?([Zz]|UTC|GMT|[+-](0\d|1\d|2[0-3])(:?[0-5]\d)?)"
_ZONED = f"{_DAY}{_CLOCK}{_ZONE}"
_NAIVE = f"{_DAY}({_CLOCK})?"
_NUMBER = r"[+-]?\d+(\.\d*)?([eE][+-]?\d{1,2})?"
# Beyond this many seconds from its start no epoch means a real time, and arithmetic would overflow.
_FARTHEST = 100_000_000_000


def utc(column: str, options: Options) -> str:
    """Return SQL that gives the time which the text in `column` tells; NULL where it is unclear."""
    # DuckDB reads offsets with and without a colon, `T` and blank; only these two spellings are foreign to it.
    plain = f"replace(replace({column}, '/', '-'), ',', '.')"
    cases = [f"WHEN regexp_full_match({column}, {quoted(_ZONED)}) THEN TRY_CAST({plain} AS TIMESTAMPTZ)"]
    if options.zone:
        cases.append(f"WHEN regexp_full_match({column}, {quoted(_NAIVE)}) THEN {_in_zone(plain, options.zone)}")
    if options.epoch:
        cases.append(f"WHEN regexp_full_match({column}, {quoted(_NUMBER)}) THEN {_since(column, options)}")
    return f"CASE {' '.join(cases)} END"


def problem(column: str, options: Options) -> tuple[str, str, str]:
    """Return SQL for rule, message and fix of a time that lacks a flag or does not fit it; NULL for every other one."""
    naive = f"regexp_full_match({column}, {quoted(_NAIVE)})"
    number = f"regexp_full_match({column}, {quoted(_NUMBER)})"
    lacks_zone = "false" if options.zone else naive
    lacks_epoch = "false" if options.epoch else number
    rule = f"CASE WHEN {lacks_zone} THEN '{NO_ZONE}' WHEN {naive} OR {number} THEN '{NO_TIME}' END"
    unit = "" if options.epoch is None else "seconds" if options.epoch.unit == "s" else "milliseconds"
    message = (
        f"CASE WHEN {lacks_zone} THEN {column} || ' has no time zone' "
        f"WHEN {lacks_epoch} THEN {column} || ' is a number, not a time' "
        f"WHEN {naive} THEN {column} || ' is no time that a calendar and a clock show' "
        f"WHEN {number} THEN {column} || ' is no time when counted in {unit}' END"
    )
    fix = (
        f"CASE WHEN {lacks_zone} THEN 'say which zone is meant: --tz UTC, --tz Europe/Berlin or --tz +02:00' "
        f"WHEN {lacks_epoch} THEN 'say how it counts: --epoch s or --epoch ms, with @START where 0 is not 1970' "
        f"WHEN {number} THEN 'check the unit of --epoch; microseconds and nanoseconds must be divided first' END"
    )
    return rule, message, fix


def _in_zone(text: str, zone: str) -> str:
    if zone[0] in "+-":
        # A fixed offset stands behind the time of day, which a bare date lacks.
        whole = f"CASE WHEN length({text}) = 10 THEN {text} || ' 00:00' ELSE {text} END"
        return f"TRY_CAST(({whole}) || {quoted(zone)} AS TIMESTAMPTZ)"
    return f"timezone({quoted(zone)}, TRY_CAST({text} AS TIMESTAMP))"


def _since(column: str, options: Options) -> str:
    if options.epoch is None:
        return "NULL"
    per_second, to_micros = (1, 1_000_000) if options.epoch.unit == "s" else (1_000, 1_000)
    count = f"TRY_CAST({column} AS DECIMAL(28,9))"
    start = f"TIMESTAMPTZ {quoted(options.epoch.start.isoformat())}"
    return (
        f"CASE WHEN abs({count}) < {_FARTHEST * per_second} "
        f"THEN {start} + to_microseconds(CAST(round({count} * {to_micros}) AS BIGINT)) END"
    )
