"""ID003: the layer is the folder."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.model import LAYERS
from tokenop.catalogue.rules.model import Edit, Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    layer, folder = draft.get("layer"), draft.document.path.absolute().parent.name
    if layer is not None and layer != folder:
        fix = f"write {folder}, or move the file" if folder in LAYERS else f"move the file to templates/{layer}/"
        yield RULE.found(draft.document, "layer", f"{layer} is not the file's folder {folder}", fix)


def _fix(draft: Draft, around: Surroundings) -> Iterator[Edit]:
    folder, span = draft.document.path.absolute().parent.name, draft.document.spans.get("layer")
    if span and folder in LAYERS and any(_check(draft, around)):
        yield Edit(span.start, span.end, folder)


RULE = Rule(
    "ID003",
    "error",
    "template",
    what="The layer is the folder that the file stands in.",
    why="The layer is read off the path, and people look for the file there.",
    how="Write the folder's name as layer, or move the file.",
    check=_check,
    fix=_fix,
    examples=(Example(wrong="layer: serving-layer", right="layer: application-layer"),),
    structural=True,
)
