"""SC005: Monitoring names metrics and their thresholds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.catalogue.sections import named
from tokenop.errors import Finding

_FIGURE = re.compile(r"[0-9]|\b(?:any|none|no|not|never|lower|higher|missing)\b")


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    section = named(draft.document).get("monitoring")
    if section is None or not section.text:
        return  # SC001, SC003
    text = section.text.casefold()
    fix = "a table of Metric, Threshold and Action will do"
    for word in ("metric", "threshold"):
        if word not in text:
            message = f"section Monitoring names no {word}"
            yield RULE.found(draft.document, "body", message, fix, place=(section.line, 1))
    if "threshold" in text and not _FIGURE.search(text):
        message = "no threshold in section Monitoring is a figure"
        yield RULE.found(draft.document, "body", message, "write one such as: above 5 %", place=(section.line, 1))


RULE = Rule(
    "SC005",
    "error",
    "template",
    what="Monitoring names metrics and their thresholds.",
    why="Otherwise nobody knows when to act.",
    how="Write a table of Metric, Threshold and Action.",
    check=_check,
    examples=(
        Example(wrong="| What | Threshold | Action |", right="| Metric | Threshold | Action |"),
        Example(wrong="| Metric | Limit | Action |", right="| Metric | Threshold | Action |"),
        Example(
            wrong="| somewhat above the earlier mean | look for a prompt that grew back |\n| golden tasks | fewer |",
            right="| above 95 % of the earlier mean | look for a prompt that grew back |\n| golden tasks | fewer |",
            given=(("| golden tasks passed | below 100 % | roll back |", "| golden tasks | fewer | roll back |"),),
        ),
    ),
)
