"""Where a prompt's stable part ends: at a line with the marker `CACHE BOUNDARY`.

The line is a comment (`<!-- CACHE BOUNDARY -->`), a heading (`## CACHE BOUNDARY`), or the words alone between signs
(`=== CACHE BOUNDARY ===`). The words within a sentence, or in a block of code, are no marker.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

MARKER = "<!-- CACHE BOUNDARY -->"
MARK = "CACHE BOUNDARY"
_LINE = re.compile(
    r"\s*(?:<!--[\s=\-*#]*CACHE BOUNDARY\b(?:(?!-->).)*-->"
    r"|#{1,6}\s+[\s=\-*]*CACHE BOUNDARY\b.*"
    r"|[\s=\-*_~]*CACHE BOUNDARY[\s=\-*_~:]*)\s*"
)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")


@dataclass(frozen=True, slots=True)
class Split:
    """A text before and after its first marker; without a marker all of it is `volatile`, as nobody said otherwise.

    `lines` are the numbers of all lines with a marker, from 1. The marker's line is in neither part.
    """

    stable: str
    volatile: str
    lines: tuple[int, ...]


# What a gateway cuts with each call is the same few texts; of longer ones none is held.
_HELD, _LONGEST_HELD = 64, 32_768


def split(text: str) -> Split:
    """Return `text` cut at its first marker."""
    if MARK not in text:
        return Split("", text, ())
    return _split_again(text) if len(text) <= _LONGEST_HELD else _split(text)


@lru_cache(_HELD)
def _split_again(text: str) -> Split:
    return _split(text)


def _split(text: str) -> Split:
    lines = text.splitlines(keepends=True)
    found = tuple(
        number for number, line in enumerate(outside_code(lines), 1) if MARK in line and _LINE.fullmatch(line)
    )
    if not found:
        return Split("", text, ())
    return Split("".join(lines[: found[0] - 1]), "".join(lines[found[0] :]), found)


def outside_code(lines: list[str]) -> list[str]:
    """Return the lines, with those of fenced code blocks empty."""
    shown, fence = [], ""
    for line in lines:
        opening = _FENCE.match(line) if "```" in line or "~~~" in line else None
        if fence:
            closes = opening and opening[1].startswith(fence) and not opening[2].strip()
            fence = "" if closes else fence
            shown.append("")
        elif opening:
            fence = opening[1]
            shown.append("")
        else:
            shown.append(line)
    return shown
