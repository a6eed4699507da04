"""What is wrong with a piece of contributed SQL, and where."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why a piece of SQL is refused.

    `position` is the 0-based offset in the SQL as it was given, in characters; None where it is not known.
    `fix` says in one clause what to write instead.
    """

    message: str
    position: int | None
    fix: str

    def __str__(self) -> str:
        """Return the message with its place and its fix."""
        where = "" if self.position is None else f" at character {self.position + 1}"
        return f"{self.message}{where} ({self.fix})"


def line_and_column(sql: str, position: int | None) -> tuple[int, int]:
    """Return the line and column (from 1) of the 0-based offset `position` in `sql`; (0, 0) where it is None."""
    if position is None:
        return 0, 0
    before = sql[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a fix naming the known names nearest to `name`, or else the known names themselves."""
    names = sorted(set(known))
    spelled = {candidate.lower(): candidate for candidate in names}
    near = [spelled[match] for match in difflib.get_close_matches(name.lower(), spelled, n=3, cutoff=0.6)]
    if near:
        return "did you mean " + " or ".join(near) + "?"
    shown = ", ".join(names[:12])
    return f"use one of: {shown}" + (", …" if len(names) > 12 else "")
