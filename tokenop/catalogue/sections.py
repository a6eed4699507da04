"""The body of a template: the sections that people look for, in order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tokenop.documents import Document

SECTIONS = (
    "Problem",
    "When it applies",
    "How it works",
    "Implementation",
    "Economics",
    "Quality and risk",
    "Rollback",
    "Monitoring",
    "References",
)

_HEADING = re.compile(r"(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*\Z")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of the second level, the line it stands on, and everything up to the next one.

    `last` is the line after its last one; lines count from 1.
    """

    title: str
    line: int
    text: str
    last: int


def split(document: Document) -> Sequence[Section]:
    """Return the body's sections of the second level; headings inside code fences do not count."""
    return _split(document.body, document.body_line)


def named(document: Document) -> Mapping[str, Section]:
    """Return the sections by title in small letters; of two with one title the first."""
    return {section.title.casefold(): section for section in reversed(split(document))}


@lru_cache(maxsize=4)
def _split(body: str, body_line: int) -> Sequence[Section]:
    marks: list[tuple[str, int]] = []
    lines = body.split("\n")
    fence = ""
    for number, line in enumerate(lines):
        # Most lines are neither fence nor heading: their first character tells.
        if not line.startswith(("#", "`", "~", " ")):
            continue
        mark = _FENCE.match(line)
        if mark and (not fence or (mark[1][0] == fence[0] and len(mark[1]) >= len(fence))):
            fence = "" if fence else mark[1]
            continue
        heading = None if fence else _HEADING.match(line)
        if heading and len(heading[1]) == 2:
            marks.append((heading[2], number))
    ends = [number for _, number in marks[1:]] + [len(lines)]
    return tuple(
        Section(title, body_line + start, "\n".join(lines[start + 1 : end]).strip(), body_line + end)
        for (title, start), end in zip(marks, ends, strict=True)
    )
