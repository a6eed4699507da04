"""LV004: a cross-layer template has levers of at least two kinds."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.levers.each import levers
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    if draft.get("layer") != "cross-layer" or not isinstance(draft.reach("economics.levers"), list):
        return
    if len({spec.kind for _, spec in levers(draft)}) < 2:
        message = "a cross-layer template has levers of at least two kinds"
        yield RULE.found(draft.document, "economics.levers", message, "add a lever, or choose the lever's layer")


RULE = Rule(
    "LV004",
    "error",
    "template",
    what="A cross-layer template has levers of at least two kinds.",
    why="One kind is one layer, and belongs there.",
    how="Add a lever, or choose the lever's layer.",
    check=_check,
    examples=(
        Example(
            wrong="layer: cross-layer",
            right="layer: application-layer",
            path="templates/cross-layer/shorter-prompts.md",
        ),
    ),
    structural=True,
)
