"""GR004: nothing is both required and in conflict."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    required = draft.get("requires") or []
    for index, other in enumerate(draft.get("conflicts") or []):
        if other in required:
            yield RULE.found(draft.document, f"conflicts[{index}]", f"{other} is required too", "keep one")


_OTHER = "---\nid: tiny-prompts\nconflicts: [shorter-prompts]\n---\n"

RULE = Rule(
    "GR004",
    "error",
    "template",
    what="Nothing is both required and in conflict.",
    why="The template could never be chosen.",
    how="Keep one of the two.",
    check=_check,
    examples=(
        Example(
            wrong="requires: [tiny-prompts]",
            right="requires: []",
            given=(("conflicts: []", "conflicts: [tiny-prompts]"),),
            beside={"templates/serving-layer/tiny-prompts.md": _OTHER},
        ),
    ),
    structural=True,
)
