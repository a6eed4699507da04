"""SU001: a suppression has a rule, a reason and a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.claimed import objections
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_FIX = "write {rule: LK002, reason: why it may stay, until: a day in quotes}"


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    for one in objections(draft, "SU001"):
        yield RULE.found(draft.document, one.field, one.message, _FIX, place=one.place)
    listed = draft.reach("suppress")
    for index in range(len(listed) if isinstance(listed, list) else 0):
        until = draft.get(f"suppress[{index}].until")
        try:
            date.fromisoformat(until or "2000-01-01")
        except ValueError:
            yield RULE.found(draft.document, f"suppress[{index}].until", f"{until} is not a day", _FIX)


RULE = Rule(
    "SU001",
    "error",
    "template",
    what="A suppression names a rule, a reason and the last day on which it holds.",
    why="What is hidden without a reason is never looked at again.",
    how=f"In the frontmatter under suppress, {_FIX}.",
    check=_check,
    examples=(
        Example(
            wrong='- {rule: ID006, until: "2026-12-01"}',
            right='- {rule: ID006, reason: "A split.", until: "2026-12-01"}',
            given=(
                ("patches:\n", 'suppress:\n  - {rule: ID006, reason: "A split.", until: "2026-12-01"}\npatches:\n'),
            ),
            around={"today": date(2026, 11, 21)},
        ),
    ),
)
