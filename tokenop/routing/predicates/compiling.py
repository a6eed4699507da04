"""From a tree to a Python function of the facts: True, False or None, as SQL has it. Nothing is evaluated as code."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from tokenop.routing.model import Facts
from tokenop.routing.predicates.automaton import Automaton
from tokenop.routing.predicates.tree import (
    And,
    Arithmetic,
    Column,
    Compared,
    Constant,
    Distinct,
    Expression,
    First,
    Holds,
    Length,
    Like,
    Listed,
    Lower,
    Matches,
    Not,
    Or,
    Unknown,
)

Asked = Callable[[Facts], Any]

_SIGNS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}
# Intents come in few spellings: what a pattern said of one is remembered, so that a rule costs a look-up.
_REMEMBERED = 1_024


def compiled(expression: Expression) -> Asked:
    """Return `expression` as a function of the facts of a call."""
    if isinstance(expression, And | Or):
        return _joined(tuple(compiled(one) for one in expression.of), decides=isinstance(expression, Or))
    if isinstance(expression, Not):
        return _opposite(compiled(expression.of))
    if isinstance(expression, Compared):
        return _compared(expression)
    if isinstance(expression, Distinct):
        return _distinct(compiled(expression.left), compiled(expression.right), expression.same)
    if isinstance(expression, First):
        return _first(tuple(compiled(one) for one in expression.of))
    if isinstance(expression, Unknown):
        return _unknown(compiled(expression.of))
    if isinstance(expression, Column):
        name = expression.name
        return lambda facts: facts.get(name)
    if isinstance(expression, Constant):
        value = expression.value
        return lambda facts: value  # noqa: ARG005
    if isinstance(expression, Arithmetic):
        return _of_two(_SIGNS[expression.sign], compiled(expression.left), compiled(expression.right))
    return _of_text(compiled(expression.of), _test(expression))


def lowered(text: str) -> str:
    """Return `text` in small letters, each character for itself: DuckDB looks at no neighbours (Greek's last sigma)."""
    if text.isascii():
        return text.lower()
    return "".join("i" if character == "İ" else character.lower() for character in text)


def _joined(parts: tuple[Asked, ...], *, decides: bool) -> Asked:
    """Return AND (`decides` False: one false part is enough) or OR (`decides` True)."""
    otherwise = not decides

    def ask(facts: Facts) -> Any:
        unknown = False
        for part in parts:
            said = part(facts)
            if said is decides:
                return decides
            if said is None:
                unknown = True
        return None if unknown else otherwise

    return ask


def _opposite(of: Asked) -> Asked:
    def ask(facts: Facts) -> bool | None:
        said = of(facts)
        return None if said is None else not said

    return ask


def _unknown(of: Asked) -> Asked:
    return lambda facts: of(facts) is None


def _compared(expression: Compared) -> Asked:
    sign = _SIGNS[expression.sign]
    left, right = expression.left, expression.right
    if isinstance(left, Column) and isinstance(right, Constant):  # most comparisons, and so quicker
        name, value = left.name, right.value

        def ask(facts: Facts) -> Any:
            known = facts.get(name)
            return None if known is None else sign(known, value)

        return ask
    return _of_two(sign, compiled(left), compiled(right))


def _of_two(sign: Callable[[Any, Any], Any], left: Asked, right: Asked) -> Asked:
    def ask(facts: Facts) -> Any:
        first, second = left(facts), right(facts)
        return None if first is None or second is None else sign(first, second)

    return ask


def _distinct(left: Asked, right: Asked, same: bool) -> Asked:
    def ask(facts: Facts) -> bool:
        first, second = left(facts), right(facts)
        # `0 == False` in Python: only values of one kind come here, None aside.
        return (first == second if first is not None and second is not None else first is second) is same

    return ask


def _first(parts: tuple[Asked, ...]) -> Asked:
    def ask(facts: Facts) -> Any:
        return next((said for part in parts if (said := part(facts)) is not None), None)

    return ask


def _of_text(of: Asked, test: Callable[[Any], Any]) -> Asked:
    def ask(facts: Facts) -> Any:
        value = of(facts)
        return None if value is None else test(value)

    return ask


def _test(expression: Lower | Length | Listed | Like | Matches | Holds) -> Callable[[Any], Any]:
    """Return what is asked of a value that is known."""
    if isinstance(expression, Lower):
        return lowered
    if isinstance(expression, Length):
        return len
    if isinstance(expression, Listed):
        values = frozenset(one.value for one in expression.values)
        return values.__contains__
    if isinstance(expression, Matches):
        return lru_cache(_REMEMBERED)(Automaton(expression.pattern, whole=expression.whole).matches)
    if isinstance(expression, Like):
        return _like(expression.pattern, expression.any_case)
    wanted = expression.text
    if expression.where == "start":
        return lambda text: text.startswith(wanted)
    return (lambda text: text.endswith(wanted)) if expression.where == "end" else (lambda text: wanted in text)


def _like(pattern: str, any_case: bool) -> Callable[[str], bool]:
    """Return LIKE: `%` is any text, `_` any one character. What stands between two `%` is sought from the left."""
    pieces = (lowered(pattern) if any_case else pattern).split("%")

    def test(text: str) -> bool:
        text = lowered(text) if any_case else text
        first, last = pieces[0], pieces[-1]
        if len(pieces) == 1:
            return len(text) == len(first) and _at(text, first, 0)
        end = len(text) - len(last)
        if end < len(first) or not _at(text, first, 0) or not _at(text, last, end):
            return False
        begin = len(first)
        for piece in pieces[1:-1]:
            begin = _found(text, piece, begin, end)
            if begin < 0:
                return False
        return True

    return test


def _at(text: str, piece: str, begin: int) -> bool:
    if "_" not in piece:
        return text.startswith(piece, begin)
    return all(wanted in ("_", text[begin + offset]) for offset, wanted in enumerate(piece))


def _found(text: str, piece: str, begin: int, end: int) -> int:
    """Return where `piece`, found at `begin` or later and ending by `end`, ends; -1 where it is not found."""
    if "_" not in piece:
        place = text.find(piece, begin, end)
        return place + len(piece) if place >= 0 else -1
    places = range(begin, end - len(piece) + 1)
    return next((place + len(piece) for place in places if _at(text, piece, place)), -1)
