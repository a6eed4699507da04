"""Which prefixes came again, and how soon: what a write to a cache will be read, by what was seen.

A prefix that is marked costs `write` once and `read` each time that it comes again within the lifetime of the entry;
unmarked it costs 1 each time. With the chance p that the next call comes in time, marking pays where
p · read + (1 - p) · write < 1.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

SHORT, LONG = 300.0, 3600.0
MOST_PREFIXES = 16_384
MOST_KINDS = 2_048
# A kind forgets: what was true for longer than so many sights counts half.
_FADES_AT = 512.0
# A cache is believed to keep what it is given until so many times it did not. With each sight that fades, so that one
# that is left alone is tried again after some dozens.
_TRUST = 4.0
_FADING = 0.98


class Prior(NamedTuple):
    """What is believed of a kind before anything is seen: `again` of `sights` came in time."""

    again: float
    sights: float


# Nothing is known: not worth a write at first sight, worth one at the second.
UNKNOWN = Prior(0.5, 5.0)
# A session of an agent sends its conversation again with each step, and an author who sets a marker means it.
EXPECTED = Prior(3.0, 4.0)


class Kind:
    """Prefixes of one sort (an agent's, an intent's): how many sights, how many came in time, how many were read."""

    __slots__ = ("long", "read", "short", "sights", "tried")

    def __init__(self, prior: Prior) -> None:
        """Begin with what is believed. Of a cache it is that it keeps what it was given."""
        self.sights = prior.sights
        self.short = self.long = prior.again
        self.tried = self.read = _TRUST

    def add(self, short: float, long: float, sights: float = 1.0) -> None:
        """Count sights, of which `short` and `long` came within the lifetimes of five minutes and an hour."""
        self.sights += sights
        self.short += short
        self.long += long
        if self.sights > _FADES_AT:
            self.sights /= 2
            self.short /= 2
            self.long /= 2
            self.tried = self.tried / 2 + _TRUST
            self.read = self.read / 2 + _TRUST


class Prefix:
    """One prefix: when it was seen last, whether it was marked then, how many times it came again, how many in time.

    `tried` are the times that it should have been read, `read` those that it was; both fade.
    """

    __slots__ = ("gaps", "kept", "last", "long", "read", "short", "tried")

    def __init__(self, last: float) -> None:
        """Begin with a first sight."""
        self.last = last
        self.gaps = self.short = self.long = self.tried = self.read = 0.0
        self.kept = False

    def copy(self) -> Prefix:
        """Return the same, for a prefix that continues this one."""
        made = Prefix(self.last)
        made.gaps, made.short, made.long, made.kept = self.gaps, self.short, self.long, self.kept
        made.tried, made.read = self.tried, self.read
        return made


class Sight(NamedTuple):
    """One look at a prefix.

    `again` says whether it came within five minutes, and within an hour, of the look before; `kept` whether it was
    marked then.
    """

    prefix: Prefix
    kind: Kind
    again: tuple[float, float]
    kept: bool = False

    def chances(self) -> tuple[float, float]:
        """Return how likely what is written now is read next time, where it is kept for five minutes, or an hour."""
        prefix, kind = self.prefix, self.kind
        gaps = prefix.gaps + 1.0
        holds = (prefix.read + kind.read / kind.tried) / (prefix.tried + 1.0)
        return (
            (prefix.short + kind.short / kind.sights) / gaps * holds,
            (prefix.long + kind.long / kind.sights) / gaps * holds,
        )

    def told(self, was_read: bool, lifetime: int) -> None:
        """Learn from what the provider says; `lifetime` is 0 where the prefix is marked for five minutes, else 1."""
        if self.again[lifetime] and self.kept:
            for one in (self.prefix, self.kind):
                one.tried += 1.0
                one.read += was_read
        elif was_read and not self.again[0]:
            # Another process has sent it not long ago.
            self.prefix.gaps = max(self.prefix.gaps, 1.0)
            for one in (self.prefix, self.kind):
                one.short += 1.0
                one.long += 1.0 - self.again[1]


class Sights:
    """All prefixes and kinds that are remembered: the ones used last, up to a number."""

    def __init__(self, most_prefixes: int = MOST_PREFIXES, most_kinds: int = MOST_KINDS) -> None:
        """Begin with nothing."""
        self.prefixes: OrderedDict[int, Prefix] = OrderedDict()
        self._kinds: OrderedDict[Hashable, Kind] = OrderedDict()
        self._most_prefixes = most_prefixes
        self._most_kinds = most_kinds

    def kind(self, name: Hashable, prior: Prior) -> Kind:
        """Return what is known of a kind, beginning with `prior`."""
        found = self._kinds.get(name)
        if found is None:
            found = self._kinds[name] = Kind(prior)
            if len(self._kinds) > self._most_kinds:
                self._kinds.popitem(last=False)
        else:
            self._kinds.move_to_end(name)
        return found

    def look(self, key: int, now: float, kind: Kind, before: Prefix | None = None) -> Sight:
        """Count a sight of the prefix `key` at `now` (seconds); `before` is the shorter one that it continues."""
        found = self.prefixes.get(key)
        if found is not None:
            self.prefixes.move_to_end(key)
        else:
            found = self.prefixes[key] = Prefix(now) if before is None else before.copy()
            if len(self.prefixes) > self._most_prefixes:
                self.prefixes.popitem(last=False)
            if before is None:
                kind.add(0.0, 0.0)
                return Sight(found, kind, (0.0, 0.0))
        gap = now - found.last
        again = (1.0 if gap <= SHORT else 0.0, 1.0 if gap <= LONG else 0.0)
        found.last = now
        found.tried *= _FADING
        found.read *= _FADING
        found.gaps += 1.0
        found.short += again[0]
        found.long += again[1]
        kind.add(*again)
        return Sight(found, kind, again, found.kept)
