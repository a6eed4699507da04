"""XL001: the layers are coordinated: steps in an order, and what depends on what."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.cross_layer import layers
from tokenop.catalogue.rules.economics import prose
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_TITLE = "How it works"
_DEPENDS = re.compile(r"\b(?:before|after|depends?|requires?|left|leaves?|until|once|only then)\b", re.IGNORECASE)


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    part = prose.section(draft, _TITLE) if layers.crossing(draft) else None
    if part is None:
        return
    steps, touched = layers.order(draft), layers.touched(draft)
    if len(touched) == 1:
        message = f"all levers change the layer {touched[0]}: this is no template of several layers"
        fix = f"move the file to {touched[0]}-layer/, or add what another layer contributes"
        yield RULE.found(draft.document, "layer", message, fix)
    for layer in touched:
        if layer not in steps:
            message = f"no numbered step of {_TITLE} begins with the layer {layer}, which a lever changes"
            fix = f"write a step such as `1. **{layer.capitalize()}**: …`, in the order in which the layers are changed"
            yield RULE.found(draft.document, "body", message, fix, place=part.heading)
    if not _DEPENDS.search(part.text):
        message = f"{_TITLE} does not say how the layers depend on one another"
        fix = "say what works on what the step before left, or what must come first"
        yield RULE.found(draft.document, "body", message, fix, place=part.heading)


RULE = Rule(
    "XL001",
    "error",
    "template",
    what="A cross-layer template has numbered steps, each beginning with its layer, and says what depends on what.",
    why="Done in the wrong order, a change on one layer undoes that on another, or pays for what is about to go.",
    how="Number the steps of How it works, begin each with its layer, and say what each needs of the one before.",
    check=_check,
    examples=(
        Example(specimen="cross-layer.md", wrong="2. **Nightly**: what can", right="2. **Serving**: what can"),
        Example(
            specimen="cross-layer.md", wrong="Three changes.", right="Three changes, each on what the one before left."
        ),
    ),
)
