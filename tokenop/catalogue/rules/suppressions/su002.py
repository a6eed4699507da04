"""SU002: a suppression has not expired."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.suppressions.entries import entries
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:
    for entry in entries(draft):
        if entry.until < around.today:
            message = f"the suppression of {entry.rule} ended on {entry.until}"
            yield RULE.found(draft.document, f"{entry.path}.until", message, "mend what it hid, and remove it")


RULE = Rule(
    "SU002",
    "warning",
    "template",
    what="A suppression has not expired. One that has hides nothing any more.",
    why="It was meant as a delay; what it hid is shown again, with its own severity.",
    how="Mend what it hid and remove it, or give a new day and reason.",
    check=_check,
    examples=(
        Example(
            wrong='until: "2026-11-20"}',
            right='until: "2026-12-01"}',
            given=(
                ("patches:\n", 'suppress:\n  - {rule: ID006, reason: "A split.", until: "2026-12-01"}\npatches:\n'),
            ),
            around={"today": date(2026, 11, 21)},
        ),
    ),
)
