"""XL002: the economics are told by layer, and jointly."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.cross_layer import layers
from tokenop.catalogue.rules.economics import prose
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_TITLE = "Economics"
_JOINT = re.compile(r"\b(?:joint(?:ly)?|together|combined)\b", re.IGNORECASE)
_SINGLE = re.compile(r"\b(?:single|alone|each|either|best|interaction|additive|sum|halves)\b", re.IGNORECASE)


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    if not layers.crossing(draft):
        return
    for part, layer in layers.missing(draft, _TITLE):
        message = f"section {_TITLE} does not name the layer {layer}"
        fix = f"say what the change on the {layer} layer saves, and what it costs"
        yield RULE.found(draft.document, "body", message, fix, place=part.heading)
    whole = prose.section(draft, _TITLE)
    if whole and not (_JOINT.search(whole.text) and _SINGLE.search(whole.text)):
        message = f"section {_TITLE} does not set the joint saving against that of a single layer"
        fix = "say what all layers save jointly, and why that is more than the best of them alone"
        yield RULE.found(draft.document, "body", message, fix, place=whole.heading)


RULE = Rule(
    "XL002",
    "error",
    "template",
    what="Section Economics says of each layer what it brings, and sets the joint saving against the single ones.",
    why="Layers save on the same bill: a change that brings nothing beside the others is only a risk.",
    how="Name each layer; say what they save jointly and what the best of them saves alone.",
    check=_check,
    examples=(
        Example(
            specimen="cross-layer.md", wrong="On the lower layer, hours", right="On the infrastructure layer, hours"
        ),
        Example(specimen="cross-layer.md", wrong="The saving is that", right="The joint saving is that"),
    ),
)
