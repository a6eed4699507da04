"""LV002: required parameters and options are given."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.levers.each import groups
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_OUTPUT = (
    "        output_reduction: {low: 0, expected: 0, high: 0, evidence: assumed, "
    'source: "Answers are not asked to be shorter."}\n'
)


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    for path, spec, what, known, given in groups(draft):
        for one in known:
            if one.required and one.name not in given:
                message, place = f"{what} {one.name} of {spec.kind} is missing", draft.document.key_line(path)
                yield RULE.found(draft.document, f"{path}.{one.name}", message, one.description, place=place)


RULE = Rule(
    "LV002",
    "error",
    "template",
    what="Required parameters and options are given.",
    why="The engine guesses none.",
    how="Give each a range with its evidence and source; templates/README.md lists them for the kind.",
    check=_check,
    examples=(Example(wrong="  claim:", right=_OUTPUT + "  claim:", given=((_OUTPUT, _OUTPUT),)),),
    structural=True,
)
