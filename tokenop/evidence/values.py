"""How single values of an entry are read: strictly, and what is refused comes with what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from tokenop.evidence.grammar import MAX_VALUE, Refused, near, shown

HANDLE = re.compile(r"[a-z0-9](?:-?[a-z0-9]){0,38}")
VERSION = re.compile(r"(?:0|[1-9][0-9]{0,5})\.(?:0|[1-9][0-9]{0,5})\.(?:0|[1-9][0-9]{0,5})")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,17}")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,12})?")
_RATED = re.compile(r"(?:([1-5]) of 5|unrated)(?:\. (.+))?\Z")
# What people write for "I do not know". Unknown is a line that is not there.
_UNKNOWN = frozenset({"null", "none", "n/a", "na", "-", "?", "unknown", "tbd"})


class Named(NamedTuple):
    """What the name of a review or an implementation says: who wrote it, about which version."""

    handle: str
    version: str


class Window(NamedTuple):
    """Days from the first to the last, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """Return how many days the window has."""
        return (self.last - self.first).days + 1


class Answer(NamedTuple):
    """What a reviewer says of one area: a rating from 1 (wrong) to 5 (sound), None where they cannot tell, and why."""

    rating: int | None
    text: str

    def __str__(self) -> str:
        """Return the answer as it stands in a file."""
        rated = "unrated" if self.rating is None else f"{self.rating} of 5"
        return f"{rated}. {self.text}" if self.text else rated


def handle(value: str) -> str:
    """Return a GitHub handle in small letters."""
    if HANDLE.fullmatch(value):
        return value
    raise Refused(f"{shown(value)} is no GitHub handle in small letters", "write it without @, such as octocat")


def named(value: str) -> Named:
    """Return handle and version of an entry's name."""
    who, _, version = value.rpartition("-")
    if HANDLE.fullmatch(who) and VERSION.fullmatch(version):
        return Named(who, version)
    fix = "write your GitHub handle in small letters, -, and the version of the template, such as octocat-1.0.0"
    raise Refused(f"{shown(value)} does not name an entry", fix)


def version(value: str) -> str:
    """Return a version."""
    if VERSION.fullmatch(value):
        return value
    raise Refused(f"{shown(value)} is no version", "write three numbers, such as 1.0.0")


def flat(value: str) -> str:
    """Return text of any form as the one line that a field holds. It is refused rather than cut."""
    line = " ".join(value.split())
    if len(line) > MAX_VALUE:
        raise Refused(f"a text of {len(line):,} characters", f"shorten it to {MAX_VALUE:,}")
    return line


def day(value: str) -> date:
    """Return a day."""
    try:
        if _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise Refused(f"{shown(value)} is no day", "write year-month-day, such as 2026-10-20")


def window(value: str) -> Window:
    """Return the days from the first to the last."""
    first, word, last = value.partition(" to ")
    if not word:
        raise Refused(
            f"{shown(value)} is no window", "write the first and the last day, such as 2026-09-01 to 2026-09-30"
        )
    found = Window(day(first.strip()), day(last.strip()))
    if found.last < found.first:
        raise Refused(f"the window ends on {found.last}, before it begins", "write the first day first")
    return found


def whole(value: str) -> int:
    """Return a count."""
    if _WHOLE.fullmatch(value):
        return int(value)
    raise Refused(f"{shown(value)} is no whole number", _digits(value, "120000"))


def number(least: str, most: str | None, example: str) -> Callable[[str], Decimal]:
    """Return a reader of numbers from `least` to `most`."""
    low, high = Decimal(least), None if most is None else Decimal(most)

    def read(value: str) -> Decimal:
        if not _NUMBER.fullmatch(value):
            raise Refused(f"{shown(value)} is no number", _digits(value, example))
        found = Decimal(value)
        if found < low or (high is not None and found > high):
            bounds = f"is below {low}" if found < low else f"is above {high}"
            raise Refused(f"{value} {bounds}", f"write a number such as {example}")
        return found

    return read


def percents(value: str) -> tuple[Decimal, Decimal, Decimal]:
    """Return what was predicted in percent: low, expected, high."""
    parts = [part.strip() for part in value.split(",")]
    if len(parts) != 3 or not all(_NUMBER.fullmatch(part) for part in parts):
        raise Refused(
            f"{shown(value)} is not three numbers", "write low, expected and high in percent, such as 10, 20, 30"
        )
    low, expected, high = (Decimal(part) for part in parts)
    if not -1000 <= low <= expected <= high <= 100:
        raise Refused(f"{value} is not in order, or not percent", "write low, expected and high, such as 10, 20, 30")
    return low, expected, high


def one_of(words: Sequence[str]) -> Callable[[str], str]:
    """Return a reader of one of the `words`."""
    known = frozenset(words)

    def read(value: str) -> str:
        if value in known:
            return value
        raise Refused(f"{shown(value)} is not known here", near(value.lower(), list(words)))

    return read


def prose(value: str) -> str:
    """Return text in one line."""
    if value.casefold() in _UNKNOWN:
        raise Refused(f"{shown(value)} says nothing", "leave the line out where you do not know")
    return value


def rated(value: str) -> Answer:
    """Return rating and reason."""
    match = _RATED.match(value)
    if match:
        return Answer(int(match[1]) if match[1] else None, match[2] or "")
    fix = "write 4 of 5. and why, with a rating from 1 to 5; or unrated. and why"
    raise Refused(f"{shown(value)} does not begin with a rating", fix)


def true(value: str) -> bool:
    """Return True: the only value of a line that is left out where it is not."""
    if value == "true":
        return True
    raise Refused(f"{shown(value)} is not true", "write true, or leave the line out")


def _digits(value: str, example: str) -> str:
    if value.casefold() in _UNKNOWN:
        return "leave the line out where you do not know"
    return f"write digits alone, such as {example}"
