"""EC011: savings multiply, they do not add up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.economics import prose
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_NUMBER = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:\.[0-9]{1,3})? ?\Z")
_TOGETHER = re.compile(
    r"\b(?:combined|together|altogether|in total|totals?|sum|overall|adds? up|stacks?)\b", re.IGNORECASE
)
# Parts of one whole do add up.
_PARTS = re.compile(r"\bof (?:all |the |its |our )*(?:calls|traffic|requests|tokens|bill|cost|hours|users|documents)\b")
_LONGEST, _GAP, _NEAR, _BACK, _MOST = 8, 70, 60, 700, 8

Figure = tuple[int, int, Decimal]  # where the number begins, where its sign ends, and what it is


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    document = draft.document
    start = len(document.text.rstrip()) - len(document.body)
    text = document.text.replace("percent", "%      ") if "percent" in document.body else document.text
    figures = _figures(text, start)
    told: set[int] = set()
    for number, figure in enumerate(figures):
        parts = _written_out(text, figures, number) or _total(text, figures, number)
        line = document.text.count("\n", 0, figure[0]) if parts else 0
        # Code is looked at only where something would be said.
        if not parts or line in told or prose.prose(text)[figure[0]].isspace():
            continue
        told.add(line)
        named = " and ".join(f"{part:f} %" for part in parts)
        message = f"{named} are added up: savings multiply, and come to {_joint(parts)} % at best"
        fix = "state the joint saving of the replay, or say that each applies to what the one before left"
        yield RULE.found(document, "body", message, fix, place=prose.place(draft, figure[0]))


def _figures(text: str, start: int) -> list[Figure]:
    """Return the percentages of the body, in order."""
    found: list[Figure] = []
    at = text.find("%", start)
    while at >= 0:
        number = _NUMBER.search(text, max(start, at - _LONGEST), at)
        if number:
            found.append((number.start(), at + 1, Decimal(number[0].strip())))
        at = text.find("%", at + 1)
    return found


def _written_out(text: str, figures: Sequence[Figure], first: int) -> Sequence[Decimal]:
    """Return the parts of a sum that begins with a figure, such as `30 % + 20 %`; none where there is no such sum."""
    parts = [figures[first][2]]
    end = figures[first][1]
    for start, after, number in figures[first + 1 : first + _MOST]:
        between = text[end:start]
        if "+" not in between or "=" in between or "\n" in between or len(between) > _GAP:
            break
        parts.append(number)
        end = after
    whole = sum(parts) == 100 or _PARTS.search(text, end, end + _NEAR)
    return () if len(parts) < 2 or whole else parts


def _total(text: str, figures: Sequence[Figure], number: int) -> Sequence[Decimal]:
    """Return the figures before one that is called their total and is their sum; none where it is not."""
    at, end, total = figures[number]
    earlier = [figure for where, _, figure in figures[max(0, number - _MOST) : number] if where >= at - _BACK]
    parts = _adding_up(earlier, total)
    if not parts:
        return ()
    line = text.rfind("\n", 0, at) + 1
    after = text.find("\n", end)
    around = text[max(line, at - _NEAR) : min(after if after >= 0 else len(text), end + _NEAR)]
    return () if not _TOGETHER.search(around) or _PARTS.search(text, end, end + _NEAR) else parts


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
