"""FM004: values have the right type and are within bounds."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.claimed import objections
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    for one in objections(draft, "FM004"):
        yield RULE.found(draft.document, one.field, one.message, one.fix, place=one.place)


RULE = Rule(
    "FM004",
    "error",
    "template",
    what="Values have the right type, are one of the allowed words and within bounds.",
    why="Nothing is guessed: a wrong value would make a wrong figure.",
    how="Write what the message asks for; docs/templates.md lists types and words.",
    check=_check,
    examples=(
        Example(wrong="level: lo\n", right="level: low\n"),
        Example(wrong="hours: eight", right="hours: 8"),
        Example(wrong="version: 1\n", right='version: "1.0.0"\n'),
    ),
    structural=True,
)
