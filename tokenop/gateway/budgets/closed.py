"""The sums of all rows that no living process's table stands for: one file, replaced whole.

`folded` names the segments of the log whose rows are in the sums. Of a segment that a living process has finished, the
process's own table still holds the rows: `owed` says by table what of the sums is to be taken off for as long as that
table is there. So each row counts once before and after the file is replaced, and nothing else has to change with it.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tokenop import files
from tokenop.gateway.budgets.windows import KEPT, Key

FILE = "closed.json"
Sum = tuple[int, int]  # pico-dollars, tokens
Sums = dict[Key, Sum]
_VERSION = 1
_LONGEST = {"hour": 3600, "day": 26 * 3600, "month": 32 * 24 * 3600}


@dataclass(frozen=True, slots=True)
class Closed:
    """What the file says. `zone` is that of its days and months. `gone` names tables that are in it altogether."""

    zone: str
    sums: Sums = field(default_factory=dict)
    folded: frozenset[str] = frozenset()
    owed: Mapping[str, Sums] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()

    def net(self, tables: Iterable[str]) -> Sums:
        """Return the sums without what the tables of these names hold themselves."""
        found = dict(self.sums)
        for name in tables:
            added(found, {key: (-usd, -tokens) for key, (usd, tokens) in self.owed.get(name, {}).items()})
        return found


def added(sums: Sums, more: Sums) -> None:
    """Add `more` to `sums`."""
    for key, (usd, tokens) in more.items():
        before = sums.get(key, (0, 0))
        sums[key] = before[0] + usd, before[1] + tokens


def current(sums: Sums, now: float) -> Sums:
    """Return what is still of use."""
    kept = KEPT.total_seconds()
    return {key: one for key, one in sums.items() if key.start + _LONGEST[key.span] + kept > now}


def read(folder: Path) -> Closed | None:
    """Return what the file says; None where there is none, or where it is torn or of another version."""
    try:
        said: Any = msgspec.json.decode((folder / FILE).read_bytes())
        if said["version"] != _VERSION:
            return None
        owed = {name: _sums(rows) for name, rows in said["owed"].items()}
        return Closed(said["zone"], _sums(said["sums"]), frozenset(said["folded"]), owed, frozenset(said["gone"]))
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError):
        return None


def prepared(folder: Path, closed: Closed) -> Path:
    """Write `closed` beside its place, and return where: `put` then is quick. Raises InputError."""
    path = folder / f".{FILE}.{os.getpid()}.{secrets.token_hex(4)}"
    document = {
        "version": _VERSION,
        "zone": closed.zone,
        "folded": sorted(closed.folded),
        "gone": sorted(closed.gone),
        "owed": {name: _rows(sums) for name, sums in sorted(closed.owed.items())},
        "sums": _rows(closed.sums),
    }
    files.write_text(path, json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")
    return path


def put(folder: Path, path: Path) -> None:
    """Make what was prepared the truth."""
    path.replace(folder / FILE)


def _rows(sums: Sums) -> list[list[Any]]:
    return [[*key, *one] for key, one in sorted(sums.items())]


def _sums(rows: list[list[Any]]) -> Sums:
    return {Key(*row[:4]): (int(row[4]), int(row[5])) for row in rows}
