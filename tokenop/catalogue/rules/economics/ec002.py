"""EC002: a saving is possible, and one of 90 % or more is measured."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop.catalogue.draft import Draft, as_decimal
from tokenop.catalogue.rules.economics import prose, reading
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_CLAIM = "economics.claim.savings_percent"
_EXTREME = 90
_HUNDREDS = re.compile(r"[0-9]{3}[0-9.]* ?(?:%|percent)")
# More than all of it: only where the sentence is about a saving ("costs 150 % of …" is none).
_IMPOSSIBLE = re.compile(
    r"\b(?:sav(?:e|es|ed|ing|ings)|cheaper|cuts?|reduc(?:e|es|ed|tion))\b[^.|\n]{0,40}?"
    r"(?<![0-9.,])([1-9][0-9]{2,})(?:\.[0-9]+)? ?(?:%|percent)",
    re.IGNORECASE,
)


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    claimed = as_decimal(draft.get(f"{_CLAIM}.high"))
    if claimed is not None and claimed >= _EXTREME:
        for path, kind, lever in reading.levers(draft):
            if not any(entry.get("evidence") == "measured" for _, entry in reading.ranges(lever)):
                message = f"a saving of up to {claimed} % rests on {path} ({kind}), of which nothing is measured"
                yield RULE.found(draft.document, f"{_CLAIM}.high", message, "claim less, or measure and say how")
                break
    part = prose.section(draft, "Economics")
    if part and _HUNDREDS.search(part.text):
        yield from _text(draft, part)


def _text(draft: Draft, part: prose.Part) -> Iterator[Finding]:
    for found in _IMPOSSIBLE.finditer(prose.prose(part.text)):
        if int(found[1]) > 100:
            message = f"{found[1]} % is more than all of the cost"
            fix = "say what is left of today's cost, or by which factor something else grows"
            yield RULE.found(draft.document, "body", message, fix, place=part.place(found.start(1)))


RULE = Rule(
    "EC002",
    "error",
    "template",
    what="A saving is at most 100 %, and one of 90 % or more rests on something measured.",
    why="Nobody can save more than everything, and a tenth of the cost is a claim that needs more than a judgement.",
    how="Claim what the replay says; for 90 % or more, measure a parameter of each lever and name the command or file.",
    check=_check,
    examples=(
        Example(wrong="high: 93.1}", right="high: 3.1}"),
        Example(wrong="Saves 120 % of the input tokens.", right="Saves input tokens only."),
    ),
)
