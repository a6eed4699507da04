"""XL006: every layer is watched."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.cross_layer import layers
from tokenop.catalogue.rules.economics import prose
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_TITLE = "Monitoring"
_ROW = re.compile(r"^[ \t]*(?:\||[-*] |[0-9]+[.)] ).*$", re.MULTILINE)


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    part = prose.section(draft, _TITLE) if layers.crossing(draft) else None
    if part is None:
        return
    watched = layers.named("\n".join(_ROW.findall(part.text)))
    for layer in layers.touched(draft):
        if layer not in watched:
            message = f"no row of {_TITLE} names the layer {layer}"
            fix = f"add a metric with a threshold for the {layer} layer, and begin its row with that word"
            yield RULE.found(draft.document, "body", message, fix, place=part.heading)


RULE = Rule(
    "XL006",
    "error",
    "template",
    what="Section Monitoring has a metric for each layer.",
    why="A fault on a layer that nobody watches shows on another one, and is looked for there.",
    how="Add a row for each layer that the levers change, and begin it with the layer's name.",
    check=_check,
    examples=(
        Example(
            specimen="cross-layer.md",
            wrong="| machines below the floor",
            right="| infrastructure: machines below the floor",
        ),
    ),
)
