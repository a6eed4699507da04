"""Walking the tree of an expression against allow-lists: what is not listed is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tokenop.sqltree import functions, typenames
from tokenop.sqltree.bench import offset
from tokenop.sqltree.functions import words
from tokenop.sqltree.problem import Problem, did_you_mean

Node = dict[str, Any]

_COMMON = frozenset({"class", "type", "alias", "query_location", "query_location_length", "qualified_name"})
_NOTHING: tuple[object, ...] = (None, "", False, [], {}, {"map": []}, {"type": "ORDER_MODIFIER", "orders": []})
_COMPARISONS = words(
    """
    COMPARE_EQUAL COMPARE_NOTEQUAL COMPARE_LESSTHAN COMPARE_GREATERTHAN COMPARE_LESSTHANOREQUALTO
    COMPARE_GREATERTHANOREQUALTO COMPARE_DISTINCT_FROM COMPARE_NOT_DISTINCT_FROM
    """
)
_OPERATORS = words(
    """
    COMPARE_IN COMPARE_NOT_IN OPERATOR_NOT OPERATOR_IS_NULL OPERATOR_IS_NOT_NULL OPERATOR_COALESCE OPERATOR_NULLIF
    OPERATOR_TRY
    """
)
_PATTERNS = words("~~ !~~ ~~* !~~* like_escape not_like_escape ilike_escape not_ilike_escape")
# How the parser calls what people write.
_WRITTEN = {
    "~~": "LIKE",
    "!~~": "NOT LIKE",
    "~~*": "ILIKE",
    "!~~*": "NOT ILIKE",
    "~~~": "GLOB",
    "like_escape": "LIKE … ESCAPE",
    "not_like_escape": "NOT LIKE … ESCAPE",
    "ilike_escape": "ILIKE … ESCAPE",
    "not_ilike_escape": "NOT ILIKE … ESCAPE",
}
_REGULAR = frozenset({"regexp_matches", "regexp_full_match"})
_NOT_FINITE = frozenset({"nan", "inf", "infinity", "epsilon"})
_MOST_WILDCARDS = 3
_LARGEST = 1e18


def spare(node: Node, known: frozenset[str] | set[str], harmless: Mapping[str, object] | None = None) -> list[str]:
    """Return the keys of `node` that say something and that the caller does not know of."""
    # Most nodes have nothing but what is known, which is quickly seen.
    left = node.keys() - _COMMON - known
    if not left:
        return []
    harmless = harmless or {}
    return [
        key for key in node if key in left and node[key] not in _NOTHING and harmless.get(key, _NOTHING) != node[key]
    ]


@dataclass
class Walker:
    """The checks that predicates and SELECTs share; `problems` fills while the tree is walked.

    `whole` is the text that DuckDB parsed, which starts with `prefix`; positions are told without it.
    """

    whole: str
    prefix: str = ""
    max_depth: int = 100
    max_string: int = 500
    function_names: frozenset[str] = functions.PREDICATE_FUNCTIONS
    operator_names: frozenset[str] = functions.PREDICATE_OPERATORS
    problems: list[Problem] = field(default_factory=list)
    depth: int = 0
    _locations: list[object] = field(default_factory=list)

    def refuse(self, message: str, fix: str) -> None:
        """Note a problem at the innermost node that has a place."""
        places = (offset(self.whole, location, self.prefix) for location in reversed(self._locations))
        place = next((place for place in places if place is not None), None)
        self.problems.append(Problem(message, place, fix))

    def walk(self, node: Node) -> None:
        """Check one expression and all below it."""
        if self.depth >= self.max_depth:
            if not any("deeply" in problem.message for problem in self.problems):
                self.refuse("the expression is nested too deeply", "split it; shorten chains of operators")
            return
        self.depth += 1
        self._locations.append(node.get("query_location"))
        handler = self._handlers.get(str(node.get("class")))
        if handler is None:
            self.unlisted(node)
        else:
            handler(node)
        self._locations.pop()
        self.depth -= 1

    @cached_property
    def _handlers(self) -> dict[str, Callable[[Node], None]]:
        return self.handlers()

    def handlers(self) -> dict[str, Callable[[Node], None]]:
        """Return what checks each class of node."""
        return {
            "BETWEEN": self._between,
            "CASE": self._case,
            "CAST": self._cast,
            "COLUMN_REF": self.column,
            "COMPARISON": self._comparison,
            "CONJUNCTION": self._conjunction,
            "CONSTANT": self._constant,
            "FUNCTION": self.function,
            "OPERATOR": self.operator,
        }

    def unlisted(self, node: Node) -> None:
        """Refuse a class of node that no handler is for."""
        kind = str(node.get("class", "?"))
        message, fix = _UNLISTED.get(kind, (f"{kind.lower()} is not allowed", "use columns, constants and functions"))
        self.refuse(message, fix)

    def only(self, node: Node, *known: str, harmless: Mapping[str, object] | None = None) -> None:
        """Refuse whatever else than `known` the node says."""
        for key in spare(node, frozenset(known), harmless):
            self.refuse(f"{key.replace('_', ' ')} is not allowed here", "leave it out")

    def column(self, node: Node) -> None:
        """Check a reference to a column."""
        self.only(node, "column_names")

    def function(self, node: Node) -> None:
        """Check a call of a function or the use of an operator sign."""
        name = str(node.get("function_name", "")).lower()
        if node.get("schema") or node.get("catalog"):
            self.refuse(f"a call through a dot or a schema: {name}", f"write {name}(value)")
        elif node.get("is_operator"):
            if name not in self.operator_names:
                written = _WRITTEN.get(name, name)
                fix = did_you_mean(written, [_WRITTEN.get(known, known) for known in self.operator_names])
                self.refuse(f"the operator {written} is not allowed", fix)
        elif name not in self.function_names:
            self.unknown_function(name)
        self.only(node, "function_name", "schema", "catalog", "is_operator", "arguments", *self.call_keys(name))
        for argument in node.get("arguments", []):
            if argument.get("name") and name not in functions.NAMED_ARGUMENTS:
                self.refuse(f"{name} takes no named argument", "give the values in their order")
            self.walk(argument["expression"])
        if name in _PATTERNS or name in _REGULAR:
            self.pattern(name, [argument["expression"] for argument in node.get("arguments", [])])

    def call_keys(self, name: str) -> tuple[str, ...]:
        """Return what else a call of `name` may carry (ORDER BY, FILTER, DISTINCT)."""
        del name
        return ()

    def unknown_function(self, name: str) -> None:
        """Refuse a function that is not listed, with the reason if there is a particular one."""
        reason = functions.why_refused(name)
        if reason:
            self.refuse(f"{name}() {reason[0]}", reason[1])
        else:
            self.refuse(f"the function {name}() is not allowed here", did_you_mean(name, self.function_names))

    def pattern(self, name: str, arguments: list[Node]) -> None:
        """Refuse a pattern that is computed or costly; predicates ask it of LIKE and of regular expressions."""
        wanted = arguments[1] if len(arguments) > 1 else {}
        text = string(wanted)
        if text is None:
            self.refuse("a pattern that is not a constant", "write it as '…'; compare columns with starts_with()")
        elif name in _PATTERNS and text.count("%") > _MOST_WILDCARDS:
            self.refuse(f"more than {_MOST_WILDCARDS} % in one pattern", "use regexp_matches(), which stays quick")
        elif len(text) > 200:
            self.refuse("a pattern of more than 200 characters", "compare with IN, or shorten it")

    def operator(self, node: Node) -> None:
        """Check an operator that has a node type of its own."""
        kind = str(node.get("type", ""))
        if kind not in self.operator_types():
            self.refuse(f"{kind.lower().replace('_', ' ')} is not allowed here", "use columns, constants and functions")
        self.only(node, "children")
        for child in node.get("children", []):
            self.walk(child)

    def operator_types(self) -> frozenset[str]:
        """Return the node types of operators that are allowed."""
        return _OPERATORS

    def _comparison(self, node: Node) -> None:
        if node.get("type") not in _COMPARISONS:
            self.refuse("this comparison is not allowed", "use = <> < <= > >= or IS DISTINCT FROM")
        self.only(node, "left", "right")
        sides = [node["left"], node["right"]]
        if "DISTINCT" not in str(node.get("type")) and any(kind_of(side) == "NULL_LITERAL" for side in sides):
            self.refuse("a comparison with NULL is never true", "write IS NULL or IS NOT NULL")
        for side in sides:
            self.walk(side)

    def _conjunction(self, node: Node) -> None:
        if node.get("type") not in ("CONJUNCTION_AND", "CONJUNCTION_OR"):
            self.refuse("this conjunction is not allowed", "use AND and OR")
        self.only(node, "children")
        for child in node["children"]:
            self.walk(child)

    def _between(self, node: Node) -> None:
        if node.get("type") not in ("COMPARE_BETWEEN", "COMPARE_NOT_BETWEEN"):
            self.refuse("this form of BETWEEN is not allowed", "write value BETWEEN low AND high")
        self.only(node, "input", "lower", "upper")
        for key in ("input", "lower", "upper"):
            self.walk(node[key])

    def _case(self, node: Node) -> None:
        self.only(node, "case_checks", "else_expr")
        for check in node["case_checks"]:
            self.walk(check["when_expr"])
            self.walk(check["then_expr"])
        if node.get("else_expr"):
            self.walk(node["else_expr"])

    def _cast(self, node: Node) -> None:
        self.only(node, "child", "try_cast", "type_expr")
        if problem := typenames.refused(node["type_expr"], self.nested_types()):
            self.refuse(problem.message, problem.fix)
        text = string(node["child"])
        if text is not None and text.strip(" +-").lower() in _NOT_FINITE:
            self.refuse(f"{text!r} is not a finite value", "write a number or a date")
        self.walk(node["child"])

    def nested_types(self) -> bool:
        """Return whether a CAST may name lists, structs, maps and JSON."""
        return False

    def _constant(self, node: Node) -> None:
        self.only(node, "literal")
        literal = node.get("literal", {})
        kind, text = literal.get("kind"), str(literal.get("text", ""))
        if kind in ("INTEGER", "NUMERIC"):
            try:
                fits = abs(float(text)) <= _LARGEST
            except ValueError:
                fits = False
            if not fits:
                self.refuse(f"the number {text[:40]} is too large", "write one below 1e18")
        elif kind == "STRING":
            if len(text) > self.max_string:
                self.refuse(f"a string of {len(text)} characters", f"keep it within {self.max_string}")
        elif kind not in ("BOOLEAN", "NULL_LITERAL"):
            self.refuse(f"a constant of the kind {kind} is not allowed", "write a number, a '…' string, TRUE or NULL")


def string(node: Node) -> str | None:
    """Return the text of a string constant; None for any other node."""
    literal = node.get("literal") or {}
    return str(literal.get("text", "")) if literal.get("kind") == "STRING" else None


def kind_of(node: Node) -> str:
    """Return the kind of a constant (`INTEGER`, `STRING`, `NULL_LITERAL` …); empty for any other node."""
    return str((node.get("literal") or {}).get("kind", ""))


_UNLISTED = {
    "SUBQUERY": ("a sub-query in an expression", "compare columns and constants only"),
    "LAMBDA": ("a lambda or a JSON arrow", "compare columns and constants only"),
    "WINDOW": ("a window function looks at other rows", "compare columns of the row itself"),
    "STAR": ("* is not a value", "name the columns"),
    "PARAMETER": ("a parameter", "write the value itself"),
    "POSITIONAL_REFERENCE": ("a column by number", "name the column"),
    "DEFAULT": ("DEFAULT is not a value", "write the value itself"),
    "COLLATE": ("COLLATE is not allowed", "compare lower(column), or use ILIKE"),
}
