"""A tree as SQL again, for people to read."""

from __future__ import annotations

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

_WHERE = {"start": "starts_with", "end": "ends_with", "anywhere": "contains"}


def written(expression: Expression) -> str:
    """Return SQL that means the same as `expression`."""
    if isinstance(expression, Not):
        return _opposite(expression.of)
    if isinstance(expression, And | Or):
        word = " AND " if isinstance(expression, And) else " OR "
        return word.join(f"({written(one)})" if isinstance(one, And | Or) else written(one) for one in expression.of)
    if isinstance(expression, Compared | Arithmetic):
        return f"{_inner(expression.left)} {expression.sign} {_inner(expression.right)}"
    if isinstance(expression, Distinct):
        return f"{_inner(expression.left)} IS {'NOT ' * expression.same}DISTINCT FROM {_inner(expression.right)}"
    if isinstance(expression, Column):
        return expression.name
    if isinstance(expression, Constant):
        return _constant(expression)
    return _asked(expression)


def _asked(expression: Lower | Length | First | Listed | Unknown | Like | Matches | Holds) -> str:
    if isinstance(expression, First):
        return f"coalesce({', '.join(written(one) for one in expression.of)})"
    of = written(expression.of)
    if isinstance(expression, Listed):
        return f"{_inner(expression.of)} IN ({', '.join(_constant(one) for one in expression.values)})"
    if isinstance(expression, Unknown):
        return f"{_inner(expression.of)} IS NULL"
    if isinstance(expression, Like):
        return f"{of} {'I' * expression.any_case}LIKE {_quoted(expression.pattern)}"
    if isinstance(expression, Matches):
        return f"{'regexp_full_match' if expression.whole else 'regexp_matches'}({of}, {_quoted(expression.pattern)})"
    if isinstance(expression, Holds):
        return f"{_WHERE[expression.where]}({of}, {_quoted(expression.text)})"
    return f"{'lower' if isinstance(expression, Lower) else 'length'}({of})"


def _opposite(of: Expression) -> str:
    if isinstance(of, Unknown):
        return f"{_inner(of.of)} IS NOT NULL"
    return f"NOT {_inner(of)}"


def _inner(expression: Expression) -> str:
    if isinstance(expression, Column | Constant | Lower | Length | First | Matches | Holds):
        return written(expression)
    return f"({written(expression)})"


def _constant(constant: Constant) -> str:
    value = constant.value
    if isinstance(value, str):
        return _quoted(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
