"""What came of look-ups, counted by each process and added up by whoever asks."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from tokenop import files
from tokenop.errors import InputError

PREFIX = "counts-"


@dataclass(slots=True)
class Counts:
    """Counts since a process began. `saved_usd` is what hit answers had cost; `unpriced` hits are not in it."""

    exact: int = 0
    semantic: int = 0
    missed: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    unembedded: int = 0
    compared: int = 0
    differed: int = 0
    kept: int = 0
    poor: int = 0
    saved_tokens: int = 0
    saved_usd: Decimal = Decimal(0)
    unpriced: int = 0

    def left_out(self, why: str) -> None:
        """Take note of a call that was not looked up."""
        self.skipped[why] = self.skipped.get(why, 0) + 1

    def hit(self, kind: str, tokens: int | None, usd: Decimal | None) -> None:
        """Take note of a hit."""
        if kind == "exact":
            self.exact += 1
        else:
            self.semantic += 1
        self.saved_tokens += tokens or 0
        if usd is None:
            self.unpriced += 1
        else:
            self.saved_usd += usd

    def written(self, path: Path) -> None:
        """Write the counts to a file; one that cannot be written is no reason to stop."""
        with contextlib.suppress(InputError, RuntimeError):
            files.write_text(path, msgspec.json.encode(self).decode() + "\n")


def total(folder: Path) -> Counts:
    """Return the counts of all processes whose files are there."""
    all_ = Counts()
    for path in sorted(folder.glob(f"{PREFIX}*.json")):
        with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeError):
            _add(all_, msgspec.json.decode(path.read_bytes(), type=Counts))
    return all_


def _add(to: Counts, one: Counts) -> None:
    for name in Counts.__dataclass_fields__:
        value: Any = getattr(one, name)
        if isinstance(value, dict):
            for why, count in value.items():
                to.skipped[why] = to.skipped.get(why, 0) + count
        else:
            setattr(to, name, getattr(to, name) + value)
