"""Expressions so plain that they need no trial: true, false or unknown for any row, whatever it holds.

DuckDB binds and evaluates every other expression before it is trusted, which takes longer than all else that is
checked of it. Most expressions compare columns with constants, and of those nothing is to be learned.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Node = dict[str, Any]

_NUMBERS = frozenset({"BIGINT", "INTEGER", "DOUBLE", "DECIMAL(38,12)"})
_NUMERIC = frozenset({"INTEGER", "NUMERIC"})
_LIKE = frozenset({"~~", "!~~", "~~*", "!~~*"})
# Words, alternatives and sets of letters: nothing in it is a sign that could stand in a wrong place.
_TAME = re.compile(r"(?:[A-Za-z0-9 _|-]|\[[A-Za-z0-9]+\])+\Z")
# With so few digits a constant has a common type with every kind of number above.
_MOST_DIGITS = 12


def plain(node: Node, kinds: Mapping[str, str]) -> bool:
    """Return whether a tree that is on the allow-lists is boolean and cannot fail; False where that is not obvious.

    Args:
        node: the tree of the expression.
        kinds: DuckDB's types by column, column names in small letters.
    """
    name, kind = node.get("class"), node.get("type")
    children = node.get("children") or []
    if name == "COLUMN_REF":
        return _kind(node, kinds) == "BOOLEAN"
    if name == "CONJUNCTION" or kind == "OPERATOR_NOT":
        return bool(children) and all(plain(child, kinds) for child in children)
    if kind in ("OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL"):
        return len(children) == 1 and _kind(children[0], kinds) is not None
    if kind == "COMPARE_IN" and len(children) > 1:
        return _alike(_kind(children[0], kinds), children[1:])
    if kind == "COMPARE_BETWEEN":
        return _alike(_kind(node["input"], kinds), [node["lower"], node["upper"]])
    if name == "FUNCTION":
        return _matches(node, kinds)
    if name == "COMPARISON":
        return _alike(_kind(node["left"], kinds), [node["right"]]) or _alike(
            _kind(node["right"], kinds), [node["left"]]
        )
    return False


def _matches(node: Node, kinds: Mapping[str, str]) -> bool:
    """Return whether this is LIKE with a constant, or a regular expression that is one in any dialect."""
    arguments = [argument.get("expression", {}) for argument in node.get("arguments") or []]
    if len(arguments) != 2 or _kind(arguments[0], kinds) != "VARCHAR" or not _alike("VARCHAR", arguments[1:]):
        return False
    called = str(node.get("function_name")).lower()
    pattern = str(arguments[1]["literal"].get("text"))
    return called in _LIKE or (called == "regexp_matches" and _TAME.match(pattern) is not None)


def _kind(node: Node, kinds: Mapping[str, str]) -> str | None:
    """Return the type of a column; of a column in small letters, or of `flag IS TRUE`, which is cast to what it is."""
    if node.get("class") == "FUNCTION" and str(node.get("function_name")).lower() in ("lower", "upper"):
        arguments = node.get("arguments") or []
        inner = _kind(arguments[0].get("expression", {}), kinds) if len(arguments) == 1 else None
        return inner if inner == "VARCHAR" else None
    if node.get("class") == "CAST" and node.get("type_expr", {}).get("type_name") == "BOOLEAN":
        inner = _kind(node.get("child", {}), kinds)
        return inner if inner == "BOOLEAN" else None
    names = node.get("column_names") or []
    return kinds.get(str(names[0]).lower()) if node.get("class") == "COLUMN_REF" and len(names) == 1 else None


def _alike(kind: str | None, constants: list[Node]) -> bool:
    """Return whether all of these are constants that can be compared with a column of this type as they are."""
    for node in constants:
        literal = node.get("literal") if node.get("class") == "CONSTANT" else None
        if not literal:
            return False
        given, text = literal.get("kind"), str(literal.get("text"))
        number = given in _NUMERIC and kind in _NUMBERS and len(text) <= _MOST_DIGITS
        if not (number or (given == "STRING" and kind == "VARCHAR") or (given == "BOOLEAN" and kind == "BOOLEAN")):
            return False
    return True
