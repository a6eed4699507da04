"""SU004: a suppression hides something."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from tokenop.catalogue.rules.model import Example, Found, Rule
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.rules.suppressions.entries import entries
from tokenop.catalogue.rules.suppressions.su005 import suppressible
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(source: Source, found: Found, around: Surroundings) -> Iterator[Finding]:
    if source.draft is None:
        return
    told = {finding.rule for finding in found.findings}
    for entry in entries(source.draft):
        # Of a rule that was left out nobody knows whether it would say something; SU005 tells of those that never may.
        asked = entry.rule in found.asked and suppressible(around.rules[entry.rule])
        if asked and entry.holds(around.today) and entry.rule not in told:
            message = f"{entry.rule} has nothing to say here"
            yield RULE.found(source.draft.document, f"{entry.path}.rule", message, "remove the suppression")


RULE = Rule(
    "SU004",
    "warning",
    "found",
    what="A suppression hides something.",
    why="One that is left over would hide the next fault of its kind.",
    how="Remove it.",
    check=_check,
    examples=(
        Example(
            wrong="title: Shorter prompts",
            right="title: TODO",
            given=(
                ("title: Shorter prompts", "title: TODO"),
                ("patches:\n", 'suppress:\n  - {rule: FM008, reason: "Title comes.", until: "2026-12-01"}\npatches:\n'),
            ),
            around={"today": date(2026, 11, 21)},
        ),
    ),
)
