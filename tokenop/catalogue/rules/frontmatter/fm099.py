"""FM099: a file has no more findings than are listed."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.rules.model import Example, Found, Rule
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding, Severity

MOST = 100
"""Findings of one file that are listed."""


def _check(source: Source, found: Found, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    if more := found.findings[MOST:]:
        severity: Severity = "error" if any(one.severity == "error" for one in more) else "warning"
        message = f"{len(more)} more findings in this file"
        place = (more[0].line, more[0].column)
        yield RULE.found(source, "file", message, "correct these first", place=place, severity=severity)


RULE = Rule(
    "FM099",
    "error",
    "found",
    what=f"A file has at most {MOST} findings; the rest of them is counted.",
    why="A list that nobody can read helps nobody, and a hostile file must not fill the log.",
    how="Correct the findings that are listed, then look again.",
    check=_check,
    examples=(Example(wrong="Prompts grow by " + "TODO " * 101, right="Prompts grow by "),),
)
