"""EC005: numbers are plain numbers in the field's own unit, and money is in US dollars."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.claimed import objections
from tokenop.catalogue.rules.economics import prose
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.catalogue.rules.units import FOREIGN, foreign, unit
from tokenop.errors import Finding


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    for one in objections(draft, "EC005"):
        yield _number(draft, one.field)
    part = prose.section(draft, "Economics")
    if part:
        yield from _money(draft, part)


def _number(draft: Draft, path: str) -> Finding:
    text = str(draft.document.value(path))
    parts = unit(text)
    assert parts
    number = parts["number"].strip(" ,_")
    if FOREIGN.search(text):
        fix = "write the amount in US dollars, as a number without quotes"
    elif "." in number and "," in number:
        fix = "write one number without quotes, unit or separators of thousands"
    else:
        fix = f"write {number.lstrip('+').replace(' ', '').replace(',', '').replace('_', '')}"
    return RULE.found(draft.document, path, f"{text!r} is a number with a unit", fix)


def _money(draft: Draft, part: prose.Part) -> Iterator[Finding]:
    if not foreign(part.text):
        return
    at = 0
    for paragraph in re.split(r"(\n[ \t]*\n)", prose.prose(part.text)):
        found = FOREIGN.search(paragraph)
        if found and "USD" not in paragraph and "$" not in paragraph:
            message = f"an amount in {found[0]} without one in US dollars"
            fix = "write USD beside it, and the day of the rate"
            yield RULE.found(draft.document, "body", message, fix, place=part.place(at + found.start()))
        at += len(paragraph)


RULE = Rule(
    "EC005",
    "error",
    "template",
    what="Numbers are written without a unit, and money is in US dollars.",
    why="The engine computes in the unit that each field documents; it cannot guess a currency or a scale.",
    how='Write 12 and not "12 %", 200 and not "$200"; in the text, put USD beside any other currency.',
    check=_check,
    structural=True,
    examples=(
        Example(wrong='monthly_running_usd: "$20"', right="monthly_running_usd: 20"),
        Example(wrong='expected: "1.6 %", high', right="expected: 1.6, high"),
        Example(wrong="and EUR 20 a month", right="and USD 20 a month"),
    ),
)
