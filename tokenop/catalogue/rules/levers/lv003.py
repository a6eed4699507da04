"""LV003: parameters and options are within bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tokenop.catalogue.draft import Draft, as_decimal
from tokenop.catalogue.levers import OptionSpec
from tokenop.catalogue.rules.levers.each import levers, options, parameters
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    for path, spec in levers(draft):
        known, given = parameters(draft, path, spec)
        for parameter in known if given is not None else ():
            entry = draft.get(f"{path}.parameters.{parameter.name}")
            for name in ("low", "expected", "high") if isinstance(entry, Mapping) else ():
                value = as_decimal(entry.get(name))
                complaint = parameter.complaint(value) if value is not None else None
                if complaint:
                    where = f"{path}.parameters.{parameter.name}.{name}"
                    yield RULE.found(draft.document, where, f"{value} {complaint}", parameter.description)
        for option in options(draft, path, spec)[0]:
            where = f"{path}.options.{option.name}"
            value = draft.get(where)
            complaint = _complaint(option, value) if value is not None else None
            if complaint:
                yield RULE.found(draft.document, where, complaint, option.description)


def _complaint(option: OptionSpec, value: Any) -> str | None:
    if option.type == "choice":
        return None if value in option.choices else f"must be one of {', '.join(option.choices)}"
    if option.type == "boolean":
        return None if isinstance(value, bool) else "must be true or false"
    if option.type == "target":
        return None if isinstance(value, Mapping) else "must be a mapping of provider and model"
    number = as_decimal(value)
    if number is None or (option.type == "integer" and number != number.to_integral_value()):
        return f"must be {'a whole number' if option.type == 'integer' else 'a number'}"
    if option.minimum is not None and number < option.minimum:
        return f"must be at least {option.minimum}"
    if option.maximum is not None and number > option.maximum:
        return f"must be at most {option.maximum}"
    return None


RULE = Rule(
    "LV003",
    "error",
    "template",
    what="Parameters and options are within bounds.",
    why="A share above 1 is not a share.",
    how="Write a value within the bounds that templates/README.md gives.",
    check=_check,
    examples=(Example(wrong="expected: 0.6, high: 1.7", right="expected: 0.6, high: 0.7"),),
    structural=True,
)
