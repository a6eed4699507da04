"""XL005: every layer is rolled back, the last one first."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.cross_layer import layers
from tokenop.catalogue.rules.economics import prose
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_TITLE = "Rollback"


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    part = prose.section(draft, _TITLE) if layers.crossing(draft) else None
    if part is None:
        return
    undone = layers.named("\n".join(prose.steps(part.text)))
    touched = layers.touched(draft)
    absent = [layer for layer in touched if layer not in undone]
    for layer in absent:
        message = f"no numbered step of {_TITLE} names the layer {layer}"
        fix = f"write a step that undoes the change on the {layer} layer"
        yield RULE.found(draft.document, "body", message, fix, place=part.heading)
    done = [layer for layer in layers.order(draft) if layer in touched]
    backwards = [layer for layer in undone if layer in done]
    if not absent and backwards != done[::-1]:
        message = (
            f"layers are rolled back in the order {layers.listed(backwards)}, not from the last change to the first"
        )
        fix = f"order the steps: {layers.listed(done[::-1])}"
        yield RULE.found(draft.document, "body", message, fix, place=part.heading)


RULE = Rule(
    "XL005",
    "error",
    "template",
    what="Section Rollback has a numbered step for each layer, in the reverse order of How it works.",
    why="What was built on another change must go before it, or calls meet a layer that is half undone.",
    how="Name the layer in each step of Rollback, and begin with the layer that was changed last.",
    check=_check,
    examples=(
        Example(specimen="cross-layer.md", wrong="2. Set `batch.enabled", right="2. Serving: set `batch.enabled"),
        Example(
            specimen="cross-layer.md",
            wrong="1. Serving first, infrastructure after: revert",
            right="1. Infrastructure: revert",
        ),
    ),
)
