"""EC001: ranges are ordered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tokenop.catalogue.draft import Draft, as_decimal
from tokenop.catalogue.rules.levers.each import levers, parameters
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    yield from _ordered(draft, "economics.claim.savings_percent")
    for path, spec in levers(draft):
        known, given = parameters(draft, path, spec)
        for parameter in known if given is not None else ():
            yield from _ordered(draft, f"{path}.parameters.{parameter.name}")


def _ordered(draft: Draft, path: str) -> Iterator[Finding]:
    entry = draft.get(path)
    if not isinstance(entry, Mapping):
        return
    low, expected, high = (as_decimal(entry.get(name)) for name in ("low", "expected", "high"))
    if low is None or expected is None or high is None:
        return
    if not low <= expected:
        yield RULE.found(draft.document, f"{path}.low", f"{low} is above expected ({expected})", "lower it")
    if not expected <= high:
        yield RULE.found(draft.document, f"{path}.high", f"{high} is below expected ({expected})", "raise it")


RULE = Rule(
    "EC001",
    "error",
    "template",
    what="Every range has low, expected and high, in this order.",
    why="Otherwise the range says nothing.",
    how="Write low <= expected <= high.",
    check=_check,
    examples=(
        Example(wrong="savings_percent: {low: 1.9,", right="savings_percent: {low: 0.6,"),
        Example(wrong="{low: 0.5, expected: 0.6, high: 0.55,", right="{low: 0.5, expected: 0.6, high: 0.7,"),
    ),
    structural=True,
)
