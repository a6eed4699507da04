"""SU003: a suppression names a rule that exists."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.suppressions.entries import entries
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.catalogue.schema import closest
from tokenop.errors import Finding


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:
    for entry in entries(draft):
        if entry.rule not in around.rules:
            fix = closest(entry.rule, around.rules)
            yield RULE.found(draft.document, f"{entry.path}.rule", f"there is no rule {entry.rule!r}", fix)


RULE = Rule(
    "SU003",
    "error",
    "template",
    what="A suppression names a rule that exists.",
    why="A misspelt one hides nothing, or later something else.",
    how="Write a rule of docs/rules.md.",
    check=_check,
    examples=(
        Example(
            wrong="rule: ID066",
            right="rule: ID006",
            given=(
                ("patches:\n", 'suppress:\n  - {rule: ID006, reason: "A split.", until: "2026-12-01"}\npatches:\n'),
            ),
            around={"today": date(2026, 11, 21)},
        ),
    ),
)
