"""What an expression over facts is made of. Everything is frozen and compares by value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "whole", "real", "flag"]
Sign = Literal["=", "<>", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Column:
    """A fact."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is written in the rule; never null."""

    value: str | int | float | bool
    kind: Kind


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A sum, difference or product of whole numbers."""

    sign: Literal["+", "-", "*"]
    left: Expression
    right: Expression
    kind: Kind = "whole"


@dataclass(frozen=True, slots=True)
class Lower:
    """A text in small letters."""

    of: Expression
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Length:
    """The number of characters of a text."""

    of: Expression
    kind: Kind = "whole"


@dataclass(frozen=True, slots=True)
class First:
    """The first of several values that is known."""

    of: tuple[Expression, ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Compared:
    """Two values of one kind, compared; unknown where either is."""

    sign: Sign
    left: Expression
    right: Expression
    kind: Kind = "flag"


@dataclass(frozen=True, slots=True)
class Distinct:
    """Whether two values differ (`same`: whether they do not), null being a value like others."""

    left: Expression
    right: Expression
    same: bool = False
    kind: Kind = "flag"


@dataclass(frozen=True, slots=True)
class Listed:
    """Whether a value is one of several constants."""

    of: Expression
    values: tuple[Constant, ...]
    kind: Kind = "flag"


@dataclass(frozen=True, slots=True)
class Unknown:
    """Whether a value is null."""

    of: Expression
    kind: Kind = "flag"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; unknown stays unknown."""

    of: Expression
    kind: Kind = "flag"


@dataclass(frozen=True, slots=True)
class And:
    """Whether all hold."""

    of: tuple[Expression, ...]
    kind: Kind = "flag"


@dataclass(frozen=True, slots=True)
class Or:
    """Whether any holds."""

    of: tuple[Expression, ...]
    kind: Kind = "flag"


@dataclass(frozen=True, slots=True)
class Like:
    """LIKE and ILIKE (`any_case`) with a constant pattern."""

    of: Expression
    pattern: str
    any_case: bool = False
    kind: Kind = "flag"


@dataclass(frozen=True, slots=True)
class Matches:
    """A regular expression found anywhere in a text, or (`whole`) from its first to its last character."""

    of: Expression
    pattern: str
    whole: bool = False
    kind: Kind = "flag"


@dataclass(frozen=True, slots=True)
class Holds:
    """Whether a text begins with, ends with or contains a constant."""

    where: Literal["start", "end", "anywhere"]
    of: Expression
    text: str
    kind: Kind = "flag"


Expression = (
    Column
    | Constant
    | Arithmetic
    | Lower
    | Length
    | First
    | Compared
    | Distinct
    | Listed
    | Unknown
    | Not
    | And
    | Or
    | Like
    | Matches
    | Holds
)


def parts(expression: Expression) -> tuple[Expression, ...]:
    """Return the expressions that `expression` is made of."""
    if isinstance(expression, Arithmetic | Compared | Distinct):
        return expression.left, expression.right
    if isinstance(expression, First | And | Or):
        return expression.of
    if isinstance(expression, Column | Constant):
        return ()
    return (expression.of,)


def columns(expression: Expression) -> tuple[Column, ...]:
    """Return the facts that `expression` asks about, in order, each once."""
    return tuple(dict.fromkeys(one for one in walk(expression) if isinstance(one, Column)))


def walk(expression: Expression) -> Iterator[Expression]:
    """Yield `expression` and all below it."""
    yield expression
    for part in parts(expression):
        yield from walk(part)
