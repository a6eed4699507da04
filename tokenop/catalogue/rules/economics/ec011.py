"""EC011: savings multiply, they do not add up."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from decimal import Decimal

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.economics import prose
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_ONE = r"(?<![0-9.,])[0-9]{1,2}(?:\.[0-9]+)? ?(?:%|percent\b)"
_PERCENT = re.compile(r"(?<![0-9.,])([0-9]{1,3}(?:\.[0-9]+)?) ?(?:%|percent\b)")
_SUM = re.compile(rf"{_ONE}[^+\n|.;]{{0,40}}(?:\+ ?[^+\n|.;]{{0,30}}?{_ONE}[^+\n=|.;]{{0,40}})+")
_TOGETHER = re.compile(
    r"\b(?:combined|together|altogether|in total|totals?|sum|overall|adds? up|stacks?)\b", re.IGNORECASE
)
# Parts of one whole do add up.
_PARTS = re.compile(r"\bof (?:all |the |its |our )*(?:calls|traffic|requests|tokens|bill|cost|hours|users|documents)\b")
_BACK, _NEAR, _MOST = 700, 60, 8


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    body = draft.document.body
    if body.count("%") < 2 and "percent" not in body:
        return
    text = prose.prose(draft.document.text)
    start = len(draft.document.text.rstrip()) - len(body)
    told: set[int] = set()
    for at, parts in (*_sums(text, start), *_totals(text, start)):
        line = text.count("\n", 0, at)
        if line in told:
            continue
        told.add(line)
        named = " and ".join(f"{part:f} %" for part in parts)
        message = f"{named} are added up: savings multiply, and leave {_joint(parts)} % in all at best"
        fix = "state the joint saving of the replay, or say that each applies to what the one before left"
        yield RULE.found(draft.document, "body", message, fix, place=prose.place(draft, at))


def _sums(text: str, start: int) -> Iterator[tuple[int, Sequence[Decimal]]]:
    """Yield sums that are written out, such as `30 % + 20 %`."""
    for found in _SUM.finditer(text, start) if "+" in text else ():
        parts = [Decimal(one[1]) for one in _PERCENT.finditer(found[0].partition("=")[0])]
        if len(parts) > 1 and sum(parts) != 100 and not _PARTS.search(text, found.start(), found.end() + _NEAR):
            yield found.start(), parts


def _totals(text: str, start: int) -> Iterator[tuple[int, Sequence[Decimal]]]:
    """Yield figures that are called a total and are the sum of the ones before them."""
    words = [word.start() for word in _TOGETHER.finditer(text, start)]
    figures = [(one.start(), one.end(), Decimal(one[1])) for one in _PERCENT.finditer(text, start)] if words else []
    for number, (at, end, total) in enumerate(figures):
        near = words[bisect_left(words, at - _NEAR) : bisect_right(words, at + _NEAR)]
        if not any("\n" not in text[min(at, word) : max(at, word)] for word in near[:_MOST]):
            continue
        earlier = [figure for where, _, figure in figures[max(0, number - _MOST) : number] if where >= at - _BACK]
        parts = _adding_up(earlier, total)
        if parts and not _PARTS.search(text, end, end + _NEAR):
            yield at, parts


def _adding_up(earlier: Sequence[Decimal], total: Decimal) -> Sequence[Decimal]:
    """Return the last two or more figures whose sum is `total`; none where there are no such."""
    if total == 100:
        return ()
    for count in range(2, len(earlier) + 1):
        if all(earlier[-count:]) and sum(earlier[-count:]) == total:
            return earlier[-count:]
    return ()


def _joint(parts: Sequence[Decimal]) -> int:
    left = Decimal(1)
    for part in parts:
        left *= 1 - part / 100
    return round((1 - left) * 100)


RULE = Rule(
    "EC011",
    "warning",
    "template",
    what="Percentages of saving are not added up in the text.",
    why="The second saving applies to what the first has left: 30 % and 20 % are 44 %, not 50 %.",
    how="State the joint saving that the replay gives, or multiply what each of them leaves.",
    check=_check,
    examples=(
        Example(wrong="30 % + 20 % = 50 % less input. It costs", right="It costs"),
        Example(
            given=(
                ("Saves input tokens only.", "- headers: 30 %\n- examples: 20 %\n\nBoth together save 44 % of input."),
            ),
            wrong="Both together save 50 %",
            right="Both together save 44 %",
        ),
    ),
)
