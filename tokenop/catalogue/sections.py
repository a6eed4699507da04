"""The body of a template: the sections that people look for, in order, each with what it must say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tokenop.catalogue.rules.legacy import finding
from tokenop.documents import Document
from tokenop.errors import Finding

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
_STEP = re.compile(r"^ {0,3}[0-9]+[.)] ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of the second level, the line it stands on, and everything up to the next one."""

    title: str
    line: int
    text: str


def split(document: Document) -> list[Section]:
    """Return the body's sections of the second level; headings inside code fences do not count."""
    marks: list[tuple[str, int]] = []
    lines = document.body.split("\n")
    fence = ""
    for number, line in enumerate(lines):
        mark = _FENCE.match(line)
        if mark and (not fence or (mark[1][0] == fence[0] and len(mark[1]) >= len(fence))):
            fence = "" if fence else mark[1]
            continue
        heading = None if fence else _HEADING.match(line)
        if heading and len(heading[1]) == 2:
            marks.append((heading[2], number))
    ends = [number for _, number in marks[1:]] + [len(lines)]
    return [
        Section(title, document.body_line + start, "\n".join(lines[start + 1 : end]).strip())
        for (title, start), end in zip(marks, ends, strict=True)
    ]


def check(document: Document) -> Iterator[Finding]:
    """Yield missing, empty and misplaced sections, and what Rollback and Monitoring leave unsaid."""
    sections = {section.title.casefold(): section for section in reversed(split(document))}
    last = document.body_line + document.body.count("\n")
    for title in SECTIONS:
        section = sections.get(title.casefold())
        if section is None:
            fix = f"add a heading `## {title}` with at least a sentence"
            yield finding(document, "SC001", "body", f"section {title} is missing", fix, place=(last, 1))
        elif not section.text:
            place = (section.line, 1)
            yield finding(
                document, "SC003", "body", f"section {title} is empty", "write at least a sentence", place=place
            )
    yield from _order(document, sections)
    if (rollback := sections.get("rollback")) and rollback.text:
        yield from _rollback(document, rollback)
    if (monitoring := sections.get("monitoring")) and monitoring.text:
        yield from _monitoring(document, monitoring)


def _order(document: Document, sections: dict[str, Section]) -> Iterator[Finding]:
    present = [sections[title.casefold()] for title in SECTIONS if title.casefold() in sections]
    for before, after in pairwise(present):
        if after.line < before.line:
            message = f"section {after.title} stands before {before.title}"
            fix = "order: " + " · ".join(SECTIONS)
            yield finding(document, "SC002", "body", message, fix, place=(after.line, 1))


def _rollback(document: Document, section: Section) -> Iterator[Finding]:
    text = section.text.casefold()
    wanted = (
        ("trigger" in text, "names no trigger", "say what makes one roll back: **Trigger**: …"),
        (len(_STEP.findall(section.text)) >= 2, "has no numbered steps", "write the steps as 1. 2. 3."),
        ("verif" in text, "does not say how to verify", "say how one sees that it worked: **Verification**: …"),
    )
    for there, message, fix in wanted:
        if not there:
            yield finding(document, "SC004", "body", f"section Rollback {message}", fix, place=(section.line, 1))


def _monitoring(document: Document, section: Section) -> Iterator[Finding]:
    text = section.text.casefold()
    for word in ("metric", "threshold"):
        if word not in text:
            fix = "a table of Metric, Threshold and Action will do"
            message = f"section Monitoring names no {word}"
            yield finding(document, "SC005", "body", message, fix, place=(section.line, 1))
