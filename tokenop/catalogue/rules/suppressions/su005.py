"""SU005: what is about safety, or makes a template unusable, cannot be suppressed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.suppressions.entries import entries
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

NEVER = frozenset({"FM001", "FM099", "SE001", "SE003", "SE005", "SE006"})


def suppressible(rule: Rule) -> bool:
    """Return whether a template may suppress this rule."""
    return rule.id not in NEVER and not rule.structural and not rule.id.startswith("SU")


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:
    for entry in entries(draft):
        if entry.rule in around.rules and not suppressible(around.rules[entry.rule]):
            message = f"{entry.rule} cannot be suppressed"
            yield RULE.found(draft.document, f"{entry.path}.rule", message, "mend what it tells, and remove this")


RULE = Rule(
    "SU005",
    "error",
    "template",
    what="Rules on safety, on suppressions, and those without which nothing can be planned are not suppressed.",
    why="A secret or a script harms whatever the reason, and planning leaves out what does not hold.",
    how="Mend what the rule tells, and remove the suppression.",
    check=_check,
    examples=(
        Example(
            wrong="rule: FM001",
            right="rule: ID006",
            given=(
                ("patches:\n", 'suppress:\n  - {rule: ID006, reason: "A split.", until: "2026-12-01"}\npatches:\n'),
            ),
            around={"today": date(2026, 11, 21)},
        ),
    ),
)
