"""XL003: complexity and risk are stated for each layer."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.draft import Draft, as_decimal
from tokenop.catalogue.rules.cross_layer import layers
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_TITLE = "Quality and risk"
_HOURS = "economics.implementation.hours"
# A day for each: to change, to try and to roll out. Less is a wish.
_HOURS_A_LAYER = 8


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    if not layers.crossing(draft):
        return
    for part, layer in layers.missing(draft, _TITLE):
        message = f"section {_TITLE} does not name the layer {layer}"
        fix = f"say what can go wrong on the {layer} layer, and who notices"
        yield RULE.found(draft.document, "body", message, fix, place=part.heading)
    hours, count = as_decimal(draft.get(_HOURS)), len(layers.touched(draft))
    if hours is not None and hours < _HOURS_A_LAYER * count:
        message = f"{hours} hours for changes on {count} layers is less than a day for each"
        fix = f"count change, trial and roll-out on each layer: {_HOURS_A_LAYER * count} or more"
        yield RULE.found(draft.document, _HOURS, message, fix)
    if count > 1 and draft.get("risk.level") == "low":
        message = f"changes on {count} layers are no low risk: it is hard to tell which of them broke something"
        yield RULE.found(draft.document, "risk.level", message, "write medium or high")


RULE = Rule(
    "XL003",
    "error",
    "template",
    what="Section Quality and risk names each layer; hours and risk level fit a change of several layers.",
    why="What breaks after changes on several layers takes longer to find, and other people have to find it.",
    how="Say for each layer what can go wrong; state at least 8 hours a layer, and a risk of medium or high.",
    check=_check,
    examples=(
        Example(specimen="cross-layer.md", wrong="On the upper layer answers", right="On the serving layer answers"),
        Example(specimen="cross-layer.md", wrong="{hours: 10,", right="{hours: 80,"),
        Example(specimen="cross-layer.md", wrong="  level: low\n", right="  level: medium\n"),
    ),
)
