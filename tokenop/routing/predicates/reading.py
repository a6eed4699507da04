"""From the text of a `when` to a checked tree: what is not listed here is refused, with its place and what to write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from tokenop.routing.facts import COLUMNS
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
    Kind,
    Length,
    Like,
    Listed,
    Lower,
    Matches,
    Not,
    Or,
    Sign,
    Unknown,
)
from tokenop.sqltree import Problem, bench, check_predicate

_PREFIX = "SELECT "
_KINDS: Mapping[str, Kind] = {"VARCHAR": "text", "BIGINT": "whole", "DOUBLE": "real", "BOOLEAN": "flag"}
_SIGNS: Mapping[str, Sign] = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "<>",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
}
_WHERE = {"starts_with": "start", "prefix": "start", "ends_with": "end", "suffix": "end", "contains": "anywhere"}
_MOST_DIGITS = 15
_NUMBERS: frozenset[Kind] = frozenset({"whole", "real"})
_ALLOWED = "AND, OR, NOT, comparisons, IN, BETWEEN, IS NULL, LIKE, lower(), length(), coalesce() and regexp_matches()"

Node = dict[str, Any]


class _RefusedError(Exception):
    """What is wrong with an expression, at `node`."""

    def __init__(self, message: str, fix: str, node: Node | None = None) -> None:
        super().__init__(message)
        self.message, self.fix, self.node = message, fix, node


def read(sql: str) -> tuple[Expression | None, tuple[Problem, ...]]:
    """Return the tree of a `when`, or None and what is wrong with it."""
    problems = check_predicate(sql, COLUMNS)
    if problems:
        return None, problems
    statements, _ = bench.parse(sql, _PREFIX)
    try:
        return _flag(statements[0]["node"]["select_list"][0]), ()
    except _RefusedError as refused:
        place = None if refused.node is None else refused.node.get("query_location")
        position = bench.offset(_PREFIX + sql, place, _PREFIX)
        return None, (Problem(refused.message, position, refused.fix),)


def _flag(node: Node) -> Expression:
    found = _expression(node)
    if found.kind != "flag":
        raise _RefusedError("this gives a value, not true or false", "compare it with something, e.g. > 0", node)
    return found


def _expression(node: Node) -> Expression:
    handler = _handlers().get(str(node.get("class")))
    if handler is None:
        raise _RefusedError(f"{str(node.get('class')).lower()} is not read in rules", f"use {_ALLOWED}", node)
    return handler(node)


@cache
def _handlers() -> Mapping[str, Callable[[Node], Expression]]:
    return {
        "BETWEEN": _between,
        "CAST": _cast,
        "COLUMN_REF": _column,
        "COMPARISON": _comparison,
        "CONJUNCTION": _conjunction,
        "CONSTANT": _constant,
        "FUNCTION": _function,
        "OPERATOR": _operator,
    }


def _column(node: Node) -> Expression:
    name = str(node["column_names"][0]).lower()
    return Column(name, _KINDS[COLUMNS[name]])


def _constant(node: Node) -> Constant:
    literal = node["literal"]
    kind, text = literal["kind"], str(literal.get("text", ""))
    if kind == "STRING":
        return Constant(text, "text")
    if kind == "BOOLEAN":
        return Constant(text == "true", "flag")
    if kind not in ("INTEGER", "NUMERIC"):
        raise _RefusedError("NULL is not read here", "write IS NULL or IS NOT NULL", node)
    number = Decimal(text)
    if len(number.as_tuple().digits) > _MOST_DIGITS:
        raise _RefusedError(f"a number of more than {_MOST_DIGITS} digits", "round it", node)
    return Constant(int(text), "whole") if kind == "INTEGER" else Constant(float(number), "real")


def _cast(node: Node) -> Expression:
    child = _expression(node["child"])
    if node["type_expr"].get("type_name") == "BOOLEAN" and child.kind == "flag":  # `has_tools IS TRUE` is read so
        return child
    raise _RefusedError("CAST is not read in rules", "facts have their types: compare them as they are", node)


def _conjunction(node: Node) -> Expression:
    kind = And if node["type"] == "CONJUNCTION_AND" else Or
    children = [_flag(child) for child in node["children"]]
    # DuckDB joins `a AND (b AND c)` to one, but BETWEEN becomes an AND only here.
    flat = (one.of if isinstance(one, kind) else (one,) for one in children)
    return kind(tuple(part for parts in flat for part in parts))


def _comparison(node: Node) -> Expression:
    left, right = _expression(node["left"]), _expression(node["right"])
    _alike(node, left, right)
    sign = _SIGNS.get(node["type"])
    if sign is None:
        return Distinct(left, right, same=node["type"] == "COMPARE_NOT_DISTINCT_FROM")
    if left.kind == "flag" and sign not in ("=", "<>"):
        raise _RefusedError("true and false have no order", "write the fact alone, or NOT before it", node)
    return Compared(sign, left, right)


def _between(node: Node) -> Expression:
    value, low, high = (_expression(node[key]) for key in ("input", "lower", "upper"))
    _alike(node, value, low, high)
    if value.kind == "flag":
        raise _RefusedError("true and false have no order", "write the fact alone, or NOT before it", node)
    inside = And((Compared(">=", value, low), Compared("<=", value, high)))
    return Not(inside) if node["type"] == "COMPARE_NOT_BETWEEN" else inside


def _operator(node: Node) -> Expression:
    kind, children = node["type"], node["children"]
    if kind == "OPERATOR_NOT":
        return Not(_flag(children[0]))
    if kind == "OPERATOR_IS_NULL":
        return Unknown(_expression(children[0]))
    if kind == "OPERATOR_IS_NOT_NULL":
        return Not(Unknown(_expression(children[0])))
    if kind in ("COMPARE_IN", "COMPARE_NOT_IN"):
        listed = _in(node)
        return Not(listed) if kind == "COMPARE_NOT_IN" else listed
    if kind == "OPERATOR_COALESCE":
        values = tuple(_expression(child) for child in children)
        _alike(node, *values)
        return First(values, _one_kind(node, values))
    raise _RefusedError(f"{kind.removeprefix('OPERATOR_').lower()} is not read in rules", f"use {_ALLOWED}", node)


def _one_kind(node: Node, values: tuple[Expression, ...]) -> Kind:
    """Return the kind of the first known of `values`.

    A whole fact beside other numbers is refused: DuckDB makes a decimal of it, Python a float.
    """
    kinds = {value.kind for value in values}
    if len(kinds) == 1:
        return kinds.pop()
    if any(value.kind == "whole" and not isinstance(value, Constant) for value in values):
        raise _RefusedError("whole numbers and others in one value", "use numbers of one kind", node)
    return "real"


def _in(node: Node) -> Expression:
    of, *listed = node["children"]
    value = _expression(of)
    constants = []
    for one in listed:
        constant = _expression(one)
        if not isinstance(constant, Constant):
            raise _RefusedError("IN lists something that is no constant", "compare with = and OR", one)
        _alike(one, value, constant)
        constants.append(constant)
    return Listed(value, tuple(constants))


def _function(node: Node) -> Expression:
    name = str(node["function_name"]).lower()
    arguments = [argument["expression"] for argument in node["arguments"]]
    if name in ("+", "-", "*"):
        return _arithmetic(node, name, arguments)
    if name in ("lower", "length", "char_length") and len(arguments) == 1:
        text = _text(arguments[0])
        return Lower(text) if name == "lower" else Length(text)
    if name in ("~~", "!~~", "~~*", "!~~*"):
        found = Like(_text(arguments[0]), _written(node, arguments[1]), any_case=name.endswith("*"))
        return Not(found) if name.startswith("!") else found
    if name in ("regexp_matches", "regexp_full_match") and len(arguments) == 2:
        return _regular(node, arguments, whole=name == "regexp_full_match")
    if name in _WHERE:
        where: Any = _WHERE[name]
        return Holds(where, _text(arguments[0]), _written(node, arguments[1]))
    shown = name if node.get("is_operator") else f"{name}()"
    raise _RefusedError(f"{shown} is not read in rules", f"use {_ALLOWED}", node)


def _arithmetic(node: Node, sign: Any, arguments: list[Node]) -> Expression:
    values = [_expression(argument) for argument in arguments]
    if any(value.kind != "whole" for value in values):
        fix = "multiply both sides until the numbers are whole, such as 2 * a > 3 * b"
        raise _RefusedError("sums and products of other than whole numbers", fix, node)
    if len(values) == 1:
        only = values[0]
        if isinstance(only, Constant) and isinstance(only.value, int):
            return Constant(-only.value if sign == "-" else only.value, "whole")
        return Arithmetic("-", Constant(0, "whole"), only) if sign == "-" else only
    return Arithmetic(sign, values[0], values[1])


def _regular(node: Node, arguments: list[Node], *, whole: bool) -> Expression:
    pattern = _written(node, arguments[1])
    try:
        Automaton(pattern, whole=whole)
    except ValueError as error:
        raise _RefusedError(
            str(error), "write the pattern with characters, [a-z], |, groups and * + ? {n,m}", node
        ) from None
    return Matches(_text(arguments[0]), pattern, whole)


def _text(node: Node) -> Expression:
    value = _expression(node)
    if value.kind != "text":
        raise _RefusedError("this is no text", "ask this of a fact that is text, such as intent", node)
    return value


def _written(node: Node, argument: Node) -> str:
    constant = _expression(argument)
    if not isinstance(constant, Constant) or not isinstance(constant.value, str):
        raise _RefusedError("a pattern that is not a constant", "write it as '…'", node)
    return constant.value


def _alike(node: Node, *values: Expression) -> None:
    kinds = {value.kind for value in values}
    if len(kinds) > 1 and not kinds <= _NUMBERS:
        words = {"text": "text", "whole": "a number", "real": "a number", "flag": "true or false"}
        named = " with ".join(sorted({words[kind] for kind in kinds}))
        raise _RefusedError(f"{named} is compared", "compare values of one kind; quote texts, and only texts", node)
