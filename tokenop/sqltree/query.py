"""SELECTs: one query over declared relations, every function of which is listed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from tokenop.sqltree import bench, functions, text
from tokenop.sqltree.expressions import Node, Walker, string
from tokenop.sqltree.functions import words
from tokenop.sqltree.problem import Problem, did_you_mean

MAX_LENGTH = 50_000
MAX_BRACKETS = 60
MAX_LAMBDAS = 3
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_FIX_TABLE = "read the collector's input, or a WITH query defined above"
_JOIN_DEFAULTS: dict[str, object] = {"nearest_count": 1, "nearest_order_type": "ASCENDING", "is_implicit": True}
_NESTED_OPERATORS = words("ARRAY_EXTRACT ARRAY_SLICE STRUCT_EXTRACT ARRAY_CONSTRUCTOR")
_WINDOW_KEYS = tuple(
    words(
        """
    function_name schema catalog partitions orders start end start_expr end_expr offset_expr default_expr
    ignore_nulls has_ignore_nulls filter_expr exclude_clause distinct arg_orders arguments
    """
    )
)


def check_select(
    sql: str,
    inputs: Mapping[str, Mapping[str, str]] | Collection[str],
    variables: Collection[str] | None = None,
) -> tuple[Problem, ...]:
    """Return why the query `sql` must not be run as a collector's `map.sql`; empty means that it may, in the child.

    Allowed are CTEs, joins, unions, sub-queries, UNNEST, windows, aggregates, JSON and lists, with lambdas in
    `list_filter` and `list_transform` (they run once per element that the data has). Not allowed is whatever reads
    something else than `inputs`, changes from run to run, or makes rows out of nothing. The data bounds the work,
    but it may be much of it (a join of joins; a struct of structs makes even the types large): it is bound and run by
    `tokenop.collect.confined` alone, which is where an unknown column or a wrong type is told.

    Args:
        sql: the text of `map.sql`; a semicolon at its end is welcome (cut it off with `statement`).
        inputs: the relations it may read, with their columns where these are known (or their names alone).
        variables: the settings that `getvariable` may name; None allows any.
    """
    found = tuple(text.problems(sql, MAX_LENGTH, MAX_BRACKETS, comments=True))
    if found:
        return found
    statements, problem = bench.parse(sql)
    if problem:
        return (problem,)
    typed = inputs if isinstance(inputs, Mapping) else {}
    walker = _SelectWalker(
        sql,
        relations={name.lower() for name in inputs},
        known_columns={column.lower() for columns in typed.values() for column in columns},
        variables=variables,
    )
    if len(statements) != 1 or statements[0].get("named_param_map"):
        return (Problem("more than one statement, or a parameter", 0, "write one SELECT"),)
    try:
        walker.query(statements[0]["node"], frozenset())
    except RecursionError:
        return (Problem("the query is nested too deeply", None, "use WITH queries after each other"),)
    return tuple(walker.problems)


@dataclass
class _SelectWalker(Walker):
    max_string: int = 4_000
    function_names: frozenset[str] = functions.SELECT_FUNCTIONS | functions.AGGREGATES
    operator_names: frozenset[str] = functions.SELECT_OPERATORS
    relations: Collection[str] = ()
    known_columns: Collection[str] = ()
    variables: Collection[str] | None = None
    visible: frozenset[str] = frozenset()
    lambdas: int = 0

    # Queries

    def query(self, node: Node, visible: frozenset[str]) -> None:
        """Check a query; `visible` are the WITH queries that it can see."""
        outer = self.visible
        self.visible = visible
        for entry in node.get("cte_map", {}).get("map", []):
            self._with(str(entry["key"]), entry["value"])
        kind = node.get("type")
        if kind == "SELECT_NODE":
            self._select(node)
        elif kind == "SET_OPERATION_NODE":
            self.only(node, "cte_map", "modifiers", "setop_type", "setop_all", "children", "left", "right")
            if node.get("setop_type") not in ("UNION", "UNION_BY_NAME", "EXCEPT", "INTERSECT"):
                self.refuse("this set operation is not allowed", "use UNION ALL")
            for child in [*node.get("children", []), node.get("left"), node.get("right")]:
                if child:
                    self.query(child, self.visible)
        else:
            self.refuse(f"{str(kind).lower().replace('_', ' ')} is not allowed", "write a plain SELECT")
        self._modifiers(node.get("modifiers", []))
        self.visible = outer

    def _with(self, name: str, value: Node) -> None:
        if not _PLAIN_NAME.match(name) or name.lower() in self.visible or name.lower() in self.relations:
            self.refuse(f"the WITH name {name!r} is taken or not plain", "use letters, digits and _, each name once")
        self.only(value, "aliases", "materialized", "query_node")
        body = value["query_node"]
        if "RECURSIVE" in str(body.get("type")):
            self.refuse(f"WITH RECURSIVE {name} could run for ever", "use UNNEST, or a list function with a lambda")
            return
        self.query(body, self.visible)
        self.visible |= {name.lower()}

    def _select(self, node: Node) -> None:
        self.only(
            node,
            *("select_list", "from_table", "where_clause", "group_expressions", "group_sets", "having", "qualify"),
            *("cte_map", "modifiers", "aggregate_handling"),
        )
        if node.get("aggregate_handling") not in ("STANDARD_HANDLING", "FORCE_AGGREGATES"):
            self.refuse("this way of grouping is not allowed", "use GROUP BY")
        self._from(node["from_table"])
        for column in node["select_list"]:
            self._star(column) if column.get("class") == "STAR" else self.walk(column)
        for expression in [*node.get("group_expressions", []), *map(node.get, ("where_clause", "having", "qualify"))]:
            if expression:
                self.walk(expression)

    def _modifiers(self, modifiers: list[Node]) -> None:
        ordered = any(modifier.get("type") == "ORDER_MODIFIER" for modifier in modifiers)
        for modifier in modifiers:
            kind = modifier.get("type")
            if kind == "ORDER_MODIFIER":
                self.only(modifier, "orders")
                self._orders(modifier["orders"])
            elif kind == "DISTINCT_MODIFIER":
                self.only(modifier, "distinct_on_targets")
                for target in modifier.get("distinct_on_targets", []):
                    self.walk(target)
                if modifier.get("distinct_on_targets") and not ordered:
                    self.refuse("DISTINCT ON without ORDER BY keeps any row", "add ORDER BY")
            elif kind == "LIMIT_MODIFIER":
                self.only(modifier, "limit", "offset", "limit_type")
                if not ordered:
                    self.refuse("LIMIT without ORDER BY keeps any rows", "add ORDER BY, or leave LIMIT out")
                for key in ("limit", "offset"):
                    if modifier.get(key):
                        self.walk(modifier[key])
            else:
                self.refuse(f"{kind} is not allowed", "leave it out")

    def _orders(self, orders: list[Node]) -> None:
        for order in orders:
            self.walk(order["expression"])

    # What is read

    def _from(self, node: Node) -> None:
        self._locations.append(node.get("query_location"))
        reader: dict[str, Callable[[Node], None]] = {
            "BASE_TABLE": self._table,
            "EMPTY": self.only,
            "EXPRESSION_LIST": self._values,
            "JOIN": self._join,
            "SUBQUERY": self._derived,
            "TABLE_FUNCTION": self._table_function,
        }
        kind = str(node.get("type"))
        if kind in reader:
            reader[kind](node)
        else:
            self.refuse(f"{kind.lower().replace('_', ' ')} is not allowed after FROM", _FIX_TABLE)
        self._locations.pop()

    def _table(self, node: Node) -> None:
        self.only(node, "schema_name", "catalog_name", "table_name", "column_name_alias")
        name = str(node.get("table_name", ""))
        known = {*self.relations, *self.visible}
        if node.get("schema_name") or node.get("catalog_name"):
            self.refuse(f"a relation through a schema: {name}", "unnest lists with UNNEST(relation.column)")
        elif name.lower() not in known:
            self.refuse(f"there is no relation {name!r} to read", f"{_FIX_TABLE}; {did_you_mean(name, known)}")

    def _values(self, node: Node) -> None:
        self.only(node, "values")
        for row in node.get("values", []):
            for value in row:
                self.walk(value)

    def _join(self, node: Node) -> None:
        self.only(
            node,
            *("left", "right", "condition", "join_type", "ref_type", "using_columns"),
            harmless=_JOIN_DEFAULTS,
        )
        if node.get("ref_type") not in ("REGULAR", "CROSS", "NATURAL", "ASOF"):
            self.refuse(f"a {str(node.get('ref_type')).lower()} join depends on the order of rows", "join ON a key")
        if node.get("join_type") not in ("INNER", "LEFT", "RIGHT", "OUTER", "SEMI", "ANTI"):
            self.refuse("this join is not allowed", "use INNER, LEFT, RIGHT or FULL JOIN")
        self._from(node["left"])
        self._from(node["right"])
        if node.get("condition"):
            self.walk(node["condition"])

    def _derived(self, node: Node) -> None:
        self.only(node, "subquery", "column_name_alias")
        self._nested_query(node["subquery"])

    def _nested_query(self, statement: Node) -> None:
        self.only(statement, "node")
        self.depth += 4
        if self.depth < self.max_depth:
            self.query(statement["node"], self.visible)
        else:
            self.refuse("queries are nested too deeply", "use WITH queries after each other")
        self.depth -= 4

    def _table_function(self, node: Node) -> None:
        self.only(node, "function", "column_name_alias", "with_ordinality")
        name = str(node["function"].get("function_name", "")).lower()
        if name != "unnest":
            reason = functions.why_refused(name)
            why = f" {reason[0]}" if reason else " is not allowed after FROM"
            self.refuse(f"{name}(){why}", f"only UNNEST(list) may stand there: {_FIX_TABLE}")
        else:
            self.walk(node["function"])

    # Expressions

    def handlers(self) -> dict[str, Callable[[Node], None]]:
        return {**super().handlers(), "LAMBDA": self._arrow, "SUBQUERY": self._subquery, "WINDOW": self._window}

    def operator_types(self) -> frozenset[str]:
        return super().operator_types() | _NESTED_OPERATORS

    def nested_types(self) -> bool:
        return True

    def pattern(self, name: str, arguments: list[Node]) -> None:
        """Leave patterns to the child's clock."""

    def call_keys(self, name: str) -> tuple[str, ...]:
        return ("distinct", "filter", "order_bys") if name in functions.AGGREGATES else ()

    def column(self, node: Node) -> None:
        super().column(node)
        names = [str(name).lower() for name in node.get("column_names", [])]
        if len(names) == 1 and names[0] in functions.VALUE_KEYWORDS and names[0] not in self.known_columns:
            self.refuse(f"{names[0]} is not a column of the input", "use a column; nothing else may decide the result")

    def function(self, node: Node) -> None:
        name = str(node.get("function_name", "")).lower()
        arguments = [argument["expression"] for argument in node.get("arguments", [])]
        orders = (node.get("order_bys") or {}).get("orders", [])
        if name in functions.ORDERED_AGGREGATES and not orders:
            self.refuse(f"{name}() without ORDER BY gives any order", f"write {name}(value ORDER BY column)")
        if name == "getvariable":
            self._variable(arguments)
        if name in functions.LAMBDA_FUNCTIONS and arguments and arguments[-1].get("class") == "LAMBDA":
            *plain, last = node["arguments"]
            super().function({**node, "arguments": plain})
            self._lambda(last["expression"])
        else:
            super().function(node)
        self._orders(orders)
        if node.get("filter"):
            self.walk(node["filter"])

    def _variable(self, arguments: list[Node]) -> None:
        name = string(arguments[0]) if len(arguments) == 1 else None
        if name is None:
            self.refuse("getvariable() takes one constant name", "write getvariable('setting')")
        elif self.variables is not None and name not in self.variables:
            self.refuse(f"there is no setting {name!r}", did_you_mean(name, self.variables))

    def _lambda(self, node: Node) -> None:
        self.only(node, "lhs", "expr", "syntax_type")
        if node.get("syntax_type") != "LAMBDA_KEYWORD":
            self.refuse("the arrow form of a lambda", "write lambda x: …")
        if self.lambdas >= MAX_LAMBDAS:
            self.refuse(f"more than {MAX_LAMBDAS} lambdas within each other", "use UNNEST")
            return
        left = node["lhs"]
        names = [left] if left.get("class") == "COLUMN_REF" else [a["expression"] for a in left.get("arguments", [])]
        if not all(name.get("class") == "COLUMN_REF" and len(name["column_names"]) == 1 for name in names):
            self.refuse("a lambda's parameters are plain names", "write lambda x: …")
        self.lambdas += 1
        self.walk(node["expr"])
        self.lambdas -= 1

    def _arrow(self, node: Node) -> None:
        """Check `json -> 'key'`, which the parser cannot tell from a lambda."""
        self.only(node, "lhs", "expr", "syntax_type")
        if node.get("syntax_type") != "SINGLE_ARROW":
            self.refuse("a lambda outside of list_filter() and list_transform()", "give it to one of these")
            return
        self.walk(node["lhs"])
        self.walk(node["expr"])

    def _subquery(self, node: Node) -> None:
        self.only(
            node, "subquery", "subquery_type", "child", "comparison_type", harmless={"comparison_type": "INVALID"}
        )
        if node.get("child"):
            self.walk(node["child"])
        self._nested_query(node["subquery"])

    def _window(self, node: Node) -> None:
        name = str(node.get("function_name", "")).lower()
        self.only(node, *_WINDOW_KEYS)
        if node.get("schema") or node.get("catalog"):
            self.refuse(f"a call through a dot or a schema: {name}", f"write {name}(value)")
        elif name not in functions.WINDOW_FUNCTIONS | functions.AGGREGATES:
            self.unknown_function(name)
        if name in functions.WINDOW_FUNCTIONS | functions.ORDERED_AGGREGATES and not node.get("orders"):
            self.refuse(f"{name}() over rows in any order", "add ORDER BY to OVER (…)")
        for argument in node.get("arguments", []):
            self.walk(argument["expression"])
        for expression in node.get("partitions", []):
            self.walk(expression)
        self._orders([*node.get("orders", []), *node.get("arg_orders", [])])
        for key in ("start_expr", "end_expr", "offset_expr", "default_expr", "filter_expr"):
            if node.get(key):
                self.walk(node[key])

    def _star(self, node: Node) -> None:
        if node.get("columns") or node.get("expr"):
            self.refuse("COLUMNS(…) hides which columns are read", "name them")
            return
        self.only(node, "relation_name", "exclude_list", "qualified_exclude_list", "replace_list", "rename_list")
        for entry in node.get("replace_list", []):
            self.walk(entry["value"])
