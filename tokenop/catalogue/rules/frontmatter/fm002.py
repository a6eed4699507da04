"""FM002: required keys are there."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.claimed import objections
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    for one in objections(draft, "FM002"):
        yield RULE.found(draft.document, one.field, one.message, one.fix, place=one.place)


RULE = Rule(
    "FM002",
    "error",
    "template",
    what="Required keys are there.",
    why="The engine takes no defaults for money, risk or rollback.",
    how="Add the key; docs/templates.md says what it means.",
    check=_check,
    examples=(
        Example(
            wrong="risk:\n  level: low\n",
            right='risk:\n  level: low\n  blast_radius: "Whoever reads the answers of the edited prompts."\n',
        ),
    ),
    structural=True,
)
