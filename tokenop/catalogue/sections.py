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
    return _named(document.body, document.body_line)


def heading_text(text: str) -> str:
    """Return what follows the opening marks of a heading, without closing marks."""
    text = text.strip(" \t")
    bare = text.rstrip("#")
    return bare.rstrip(" \t") if not bare or bare.endswith((" ", "\t")) else text


@lru_cache(maxsize=4)
def _named(body: str, body_line: int) -> Mapping[str, Section]:
    return {section.title.casefold(): section for section in reversed(_split(body, body_line))}


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
        if not fence and line.startswith(("## ", "##\t")):
            marks.append((heading_text(line[2:]), number))
    ends = [number for _, number in marks[1:]] + ([len(lines)] if marks else [])
    return tuple(
        Section(title, body_line + start, "\n".join(lines[start + 1 : end]).strip(), body_line + end)
        for (title, start), end in zip(marks, ends, strict=True)
    )
