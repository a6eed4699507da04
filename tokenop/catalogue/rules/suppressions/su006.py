"""SU006: a suppression ends within a year."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.suppressions.entries import LONGEST_DAYS, entries
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:
    for entry in entries(draft):
        if (entry.until - around.today).days > LONGEST_DAYS:
            latest = around.today + timedelta(days=LONGEST_DAYS)
            message = f"the suppression of {entry.rule} would hold until {entry.until}"
            yield RULE.found(draft.document, f"{entry.path}.until", message, f"write {latest} or earlier")


RULE = Rule(
    "SU006",
    "error",
    "template",
    what="A suppression ends within a year. One that would not hides nothing.",
    why="A delay without an end is a rule that does not hold.",
    how="Write a day at most a year from now.",
    check=_check,
    examples=(
        Example(
            wrong='until: "2099-12-31"',
            right='until: "2026-12-01"',
            given=(
                ("patches:\n", 'suppress:\n  - {rule: ID006, reason: "A split.", until: "2026-12-01"}\npatches:\n'),
            ),
            around={"today": date(2026, 11, 21)},
        ),
    ),
)
