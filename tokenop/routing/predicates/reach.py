"""Whether any call can reach a rule: a proof that none can, a call that does, or neither.

Each fact is cut into a few cells in which nothing that the rules ask changes: for a number the constants and what lies
between them, for a text the constants, any other text, and nothing known. What is asked of "any other text" (a pattern,
a comparison of two facts) may then be true or false, and both are tried. So the cells cover every call there is: where
no combination lets the rule decide, none ever will. A combination that does may still be empty (a text that fits one
pattern and not another): only a real call, on which the compiled functions agree, counts as a witness.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tokenop.routing.facts import LARGEST
from tokenop.routing.model import Facts
from tokenop.routing.predicates import regex
from tokenop.routing.predicates.compiling import Asked, compiled
from tokenop.routing.predicates.tree import (
    And,
    Column,
    Compared,
    Constant,
    Distinct,
    Expression,
    First,
    Holds,
    Like,
    Listed,
    Matches,
    Not,
    Or,
    Unknown,
    columns,
    walk,
)

TRUE, FALSE, NULL = 1, 2, 4
MOST_STEPS = 2_000
MOST_EFFORT = 100_000
_MOST_TRIED = 400


class _Other:
    """Any text that is none of the constants."""


OTHER = _Other()
# Longer than any constant may be.
_NO_CONSTANT = "x" * 1_000


@dataclass(frozen=True, slots=True)
class Reached:
    """What is known: `proven` that no call comes through, or a `witness` that does; neither where it stays open."""

    proven: bool
    witness: Facts | None = None


@dataclass
class Effort:
    """How many conditions may still be looked at: shared by searches, so that no file takes minutes to check."""

    left: int = MOST_EFFORT


def reached(wanted: Expression, before: Sequence[Expression] = (), effort: Effort | None = None) -> Reached:
    """Return whether a call can exist for which `wanted` holds and none of `before` does.

    Where `effort` (None: as much as one search may take) is used up, it stays open.
    """
    search = _Search(wanted, tuple(before), effort or Effort())
    found = next(search.run(), None)
    if found is None:
        return Reached(proven=not search.tired)
    return Reached(proven=False, witness=search.witness())


@dataclass
class _Search:
    wanted: Expression
    before: tuple[Expression, ...]
    effort: Effort
    steps: int = 0
    tired: bool = False
    said: dict[Any, Any] = field(default_factory=dict)  # column → its cell; free atom → TRUE or FALSE

    def __post_init__(self) -> None:
        everything = (self.wanted, *self.before)
        asked = [column for one in everything for column in columns(one)]
        # What `wanted` asks about comes first: it decides most.
        self.columns = list(dict.fromkeys(asked))
        self.atoms = list(dict.fromkeys(atom for one in everything for atom in _atoms(one)))
        self.cells = {column: _cells(column, self.atoms) for column in self.columns}
        self.free = [atom for atom in self.atoms if not _exact(atom)]
        self.functions: tuple[Asked, tuple[Asked, ...]] = (
            _function(self.wanted),
            tuple(_function(one) for one in self.before),
        )

    def run(self) -> Iterator[Mapping[Any, Any]]:
        """Yield combinations of cells in which the wanted may hold, and the others need not."""
        yield from self._choose(0)

    def _choose(self, place: int) -> Iterator[Mapping[Any, Any]]:
        self.steps += 1
        self.effort.left -= 1 + len(self.before)
        if self.steps > MOST_STEPS or self.effort.left < 0:
            self.tired = True
            return
        if not self._hopeful():
            return
        order: list[Any] = [*self.columns, *self.free]
        if place == len(order):
            yield dict(self.said)
            return
        one = order[place]
        for cell in self.cells[one] if isinstance(one, Column) else (TRUE, FALSE):
            self.said[one] = cell
            yield from self._choose(place + 1)
            del self.said[one]
            if self.tired:
                return

    def _hopeful(self) -> bool:
        if not self._may(self.wanted) & TRUE:
            return False
        return all(self._may(one) & (FALSE | NULL) for one in self.before)

    def _may(self, expression: Expression) -> int:
        """Return what an expression may be, of TRUE, FALSE and NULL together."""
        if isinstance(expression, And | Or):
            return _all([self._may(one) for one in expression.of], any_one=isinstance(expression, Or))
        if isinstance(expression, Not):
            inner = self._may(expression.of)
            return (inner & NULL) | (TRUE if inner & FALSE else 0) | (FALSE if inner & TRUE else 0)
        if isinstance(expression, Constant):
            return TRUE if expression.value else FALSE
        inside = _inside(expression)
        if inside is None:
            return self._atom(expression)
        each = {one: _of_value(expression, one) for one in (TRUE, FALSE, NULL)}
        return sum({each[one] for one in each if self._may(inside) & one})

    def _atom(self, atom: Expression) -> int:
        asked = columns(atom)
        if any(column not in self.said for column in asked):
            return TRUE | FALSE | NULL
        if _exact(atom) or all(_single(column, self.said[column]) for column in asked):
            return _known(atom, self.said)
        if any(self.said[column] is None for column in asked):
            return NULL if _strict(atom) else TRUE | FALSE | NULL
        chosen: int = self.said.get(atom, TRUE | FALSE)
        return chosen

    def witness(self) -> Facts | None:
        """Return a call for which the wanted holds and none of the others; None where none of those tried does."""
        self.steps = 0
        pools = _pools(self.columns, self.atoms)
        tried = 0
        for combination in self.run():
            for facts in _calls(self.columns, combination, pools):
                tried += 1
                if self.functions[0](facts) is True and not any(one(facts) is True for one in self.functions[1]):
                    return facts
                if tried > _MOST_TRIED:
                    return None
        return None


def _all(parts: Iterable[int], *, any_one: bool) -> int:
    """Return what AND (`any_one`: OR) of independent parts may be; a little more than it really may."""
    decides, otherwise = (TRUE, FALSE) if any_one else (FALSE, TRUE)
    may_decide = False
    may_null = False
    may_other = True
    for part in parts:
        if part == decides:
            return decides
        may_decide = may_decide or bool(part & decides)
        may_null = may_null or bool(part & NULL)
        may_other = may_other and bool(part & otherwise)
    return (decides if may_decide else 0) | (NULL if may_null else 0) | (otherwise if may_other else 0)


def _atoms(expression: Expression) -> Iterator[Expression]:
    """Yield what an expression asks, below AND, OR and NOT."""
    if isinstance(expression, And | Or):
        for one in expression.of:
            yield from _atoms(one)
    elif isinstance(expression, Not):
        yield from _atoms(expression.of)
    elif (inside := _inside(expression)) is not None:
        yield from _atoms(inside)
    elif not isinstance(expression, Constant):
        yield expression


def _inside(expression: Expression) -> Expression | None:
    """Return the condition about which `(…) IS NOT TRUE` or `(…) IS NULL` asks; None for any other expression."""
    if isinstance(expression, Distinct) and isinstance(expression.right, Constant):
        inside = expression.left
    elif isinstance(expression, Unknown):
        inside = expression.of
    else:
        return None
    return None if inside.kind != "flag" or isinstance(inside, Column | Constant | First) else inside


def _of_value(expression: Expression, inner: int) -> int:
    """Return what `(…) IS NOT TRUE` or `(…) IS NULL` says where its condition is `inner`."""
    if isinstance(expression, Unknown):
        return TRUE if inner == NULL else FALSE
    assert isinstance(expression, Distinct)
    assert isinstance(expression.right, Constant)
    equal = inner == (TRUE if expression.right.value else FALSE)
    return TRUE if equal is expression.same else FALSE


def _plain(expression: Expression) -> Column | None:
    """Return the fact that a value is, also where an unknown one counts as a constant; None for any other value."""
    if isinstance(expression, Column):
        return expression
    if isinstance(expression, First) and all(isinstance(one, Constant) for one in expression.of[1:]):
        return expression.of[0] if isinstance(expression.of[0], Column) else None
    return None


@cache
def _exact(atom: Expression) -> bool:
    """Return whether one cell of the one fact that `atom` asks about has one answer to it."""
    if isinstance(atom, Column):
        return True
    if isinstance(atom, Unknown):
        return isinstance(atom.of, Column)
    if isinstance(atom, Listed):
        return _plain(atom.of) is not None
    if isinstance(atom, Compared | Distinct):
        sides = (atom.left, atom.right)
        values = [one for one in sides if not isinstance(one, Constant)]
        if len(values) != 1 or _plain(values[0]) is None:
            return False
        # "Any other text" has no place in the order of texts.
        return values[0].kind != "text" or isinstance(atom, Distinct) or atom.sign in ("=", "<>")
    return False


def _single(column: Column, cell: object) -> bool:
    """Return whether a cell is one value and no more: a number stands for all numbers between two constants."""
    return cell is None or (cell is not OTHER and column.kind in ("text", "flag"))


def _known(atom: Expression, said: Mapping[Any, Any]) -> int:
    """Return the one answer that all calls of the cells have; a text that is OTHER equals no constant."""
    cells = {column.name: said[column] for column in columns(atom)}
    value = _function(atom)({name: _NO_CONSTANT if cell is OTHER else cell for name, cell in cells.items()})
    return NULL if value is None else TRUE if value else FALSE


@cache
def _function(atom: Expression) -> Asked:
    return compiled(atom)


@cache
def _strict(atom: Expression) -> bool:
    """Return whether `atom` is unknown as soon as one of its facts is."""
    return not any(isinstance(one, First | Distinct | Unknown | And | Or | Not) for one in walk(atom))


def _cells(column: Column, atoms: Iterable[Expression]) -> list[Any]:
    """Return the cells of a fact: values that stand for all others, OTHER, and None for unknown."""
    if column.kind == "flag":
        return [True, False, None]
    constants = {
        one.value for atom in atoms if column in columns(atom) for one in _constants(atom) if _fits(one, column)
    }
    if column.kind == "text":
        return [*sorted(str(value) for value in constants), OTHER, None]
    numbers = sorted({float(value) for value in constants if not isinstance(value, str)})
    if column.kind == "whole":
        wanted = {0, LARGEST}
        for number in numbers:
            wanted |= {math.floor(number) - 1, math.floor(number), math.ceil(number), math.ceil(number) + 1}
        return [*sorted(value for value in wanted if 0 <= value <= LARGEST), None]
    edges = [0.0, *(number for number in numbers if 0 <= number <= LARGEST), float(LARGEST)]
    between = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    return [*sorted({*edges, *between}), None]


def _fits(constant: Constant, column: Column) -> bool:
    return (constant.kind == "text") == (column.kind == "text") and constant.kind != "flag"


def _constants(atom: Expression) -> Iterator[Constant]:
    for one in walk(atom):
        if isinstance(one, Constant):
            yield one
        elif isinstance(one, Listed):
            yield from one.values


def _pools(asked: Iterable[Column], atoms: Sequence[Expression]) -> dict[Column, list[Any]]:
    """Return for each text texts to try in the place of OTHER: samples of the patterns, alone and together."""
    return {column: _texts(column, atoms) for column in asked if column.kind == "text"}


def _texts(column: Column, atoms: Sequence[Expression]) -> list[str]:
    samples = ["zzz", "z", "Z z"]
    for atom in atoms:
        if column not in columns(atom):
            continue
        for one in walk(atom):
            if isinstance(one, Matches):
                samples += _of_pattern(one.pattern)
            elif isinstance(one, Like):
                samples.append(one.pattern.replace("%", "").replace("_", "x"))
            elif isinstance(one, Holds):
                samples.append(one.text)
            elif isinstance(one, Constant) and isinstance(one.value, str):
                samples += [one.value, f"{one.value}z"]
    kept = list(dict.fromkeys(samples))[:40]
    return [*kept, *(f"{first} {second}" for first in kept[:12] for second in kept[:12] if first != second)]


def _of_pattern(pattern: str) -> list[str]:
    node = regex.parse(pattern)
    branches = node.of if isinstance(node, regex.Either) else (node,)
    return [regex.sample(branch) for branch in branches]


def _calls(
    asked: Sequence[Column], combination: Mapping[Any, Any], pools: Mapping[Column, list[Any]]
) -> Iterator[Facts]:
    """Yield calls in the cells of `combination`; texts that are free are tried in turn."""
    fixed = {column.name: combination[column] for column in asked if combination[column] is not OTHER}
    open_ones = [column for column in asked if combination[column] is OTHER]
    known = {name: value for name, value in fixed.items() if value is not None}
    if not open_ones:
        yield known
        return
    longest = max(len(pools[column]) for column in open_ones)
    for place in range(longest):
        yield {**known, **{column.name: pools[column][place % len(pools[column])] for column in open_ones}}
