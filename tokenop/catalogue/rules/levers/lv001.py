"""LV001: parameters and options belong to the lever's kind."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.levers import LeverSpec
from tokenop.catalogue.rules.levers.each import Spec, groups
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.catalogue.schema import closest
from tokenop.errors import Finding


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    for path, spec, what, known, given in groups(draft):
        names = [one.name for one in known]
        for name in sorted(set(given) - set(names)):
            place = draft.document.key_line(f"{path}.{name}")
            message = f"{spec.kind} has no {what} {name!r}"
            fix = _elsewhere(spec, name) or closest(name, names)
            yield RULE.found(draft.document, f"{path}.{name}", message, fix, place=place)


def _elsewhere(spec: LeverSpec, name: str) -> str:
    every: tuple[Spec, ...] = (*spec.parameters, *spec.options)
    only = next((one.only for one in every if one.name == name and one.only), None)
    return f"it belongs to {only[0]}: {only[1]}" if only else ""


RULE = Rule(
    "LV001",
    "error",
    "template",
    what="Parameters and options belong to the lever's kind.",
    why="The engine would ignore others.",
    how="Use the names that templates/README.md lists for the kind.",
    check=_check,
    examples=(
        Example(
            wrong="- kind: trim\n      options: {ttl: 5m}\n      where",
            right="- kind: trim\n      where",
        ),
    ),
    structural=True,
)
