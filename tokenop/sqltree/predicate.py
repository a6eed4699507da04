"""Predicates: one safe, total, boolean expression over named columns."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tokenop.database import identifier
from tokenop.sqltree import bench, text
from tokenop.sqltree.expressions import Node, Walker, spare
from tokenop.sqltree.functions import AGGREGATES
from tokenop.sqltree.plain import plain
from tokenop.sqltree.problem import Problem, did_you_mean

MAX_LENGTH = 2_000
MAX_BRACKETS = 40
_PREFIX = "SELECT "
_TOGETHER = 64
_Columns = tuple[tuple[str, str], ...]
_FIX_ONE = "write one expression, such as model = 'gpt-4o' AND input_tokens > 1000"


def check_predicate(sql: str, columns: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return why the expression `sql` must not be used as a filter over `columns`; empty means that it is safe.

    Safe means: it names only the given columns, allow-listed functions and operators; it is boolean; it fails on none
    of a few odd rows (nulls, zeros, a billion, empty and foreign text); it needs no more than a row's own size.
    Put it into brackets on lines of its own wherever it is used.

    Args:
        sql: one SQL expression as contributed.
        columns: the columns it may name → their DuckDB types. Trusted.
    """
    return check_predicates([(sql, columns)])[0]


def check_predicates(asked: Sequence[tuple[str, Mapping[str, str]]]) -> list[tuple[Problem, ...]]:
    """Return for each expression and its columns what `check_predicate` says; many at a time take far less time."""
    found: list[tuple[Problem, ...]] = [
        tuple(text.problems(sql, MAX_LENGTH, MAX_BRACKETS, comments=False)) for sql, _ in asked
    ]
    waiting = [place for place, problems in enumerate(found) if not problems]
    parsed = bench.parse_all([asked[place][0] for place in waiting], _PREFIX)
    keys = {id(columns): tuple(columns.items()) for columns in {id(one): one for _, one in asked}.values()}
    sound: dict[_Columns, list[int]] = {}
    for place, (statements, problem) in zip(waiting, parsed, strict=True):
        sql, columns = asked[place]
        key = keys[id(columns)]
        found[place] = (problem,) if problem else _listed(sql, key, statements)
        if not found[place] and not plain(statements[0]["node"]["select_list"][0], _lowered(key)):
            sound.setdefault(key, []).append(place)
    for key, places in sound.items():
        for start in range(0, len(places), _TOGETHER):
            some = places[start : start + _TOGETHER]
            for place, problem in zip(some, _evaluate([asked[one][0] for one in some], key), strict=True):
                found[place] = (problem,) if problem else ()
    return found


def _listed(sql: str, columns: _Columns, statements: list[Node]) -> tuple[Problem, ...]:
    """Return what in the tree of the expression is on no allow-list."""
    walker = _PredicateWalker(_PREFIX + sql, _PREFIX, columns=_spelled(columns))
    try:
        _one_expression(walker, statements)
    except RecursionError:
        return (Problem("the expression is nested too deeply", None, "split it; shorten chains of operators"),)
    return tuple(walker.problems)


@functools.lru_cache(maxsize=32)
def _spelled(columns: _Columns) -> Mapping[str, str]:
    return {name.lower(): name for name, _ in columns}


@dataclass
class _PredicateWalker(Walker):
    columns: Mapping[str, str] = field(default_factory=dict)

    def column(self, node: Node) -> None:
        super().column(node)
        names = [str(name) for name in node.get("column_names", [])]
        shown = ".".join(names)
        if len(names) != 1:
            self.refuse(f"{shown} is not a column", "write the column's name alone")
        elif names[0].lower() not in self.columns:
            self.refuse(f"there is no column {shown}", did_you_mean(shown, self.columns.values()))

    def unknown_function(self, name: str) -> None:
        if name in AGGREGATES:
            self.refuse(f"{name}() looks at many rows", "a predicate sees one row; use one of the columns")
        else:
            super().unknown_function(name)


def _one_expression(walker: _PredicateWalker, statements: list[Node]) -> None:
    if len(statements) != 1 or statements[0].get("named_param_map"):
        walker.refuse("more than one statement, or a parameter", _FIX_ONE)
        return
    node = statements[0].get("node", {})
    if node.get("type") != "SELECT_NODE" or node.get("from_table", {}).get("type") != "EMPTY":
        walker.refuse("more than an expression", _FIX_ONE)
        return
    extra = spare(node, {"select_list", "from_table"}, {"aggregate_handling": "STANDARD_HANDLING"})
    listed = node.get("select_list", [])
    if extra or len(listed) != 1:
        walker.refuse("more than one expression", _FIX_ONE)
        return
    if listed[0].get("alias"):
        walker.refuse("an expression cannot have a name", "leave out AS, or put an operator between the two words")
    walker.walk(listed[0])


def _evaluate(listed: Sequence[str], columns: _Columns) -> list[Problem | None]:
    """Bind expressions and evaluate them over the probe rows; each has passed the allow-lists."""
    import duckdb

    work = bench.bench()
    with work.lock:
        table = _probe(columns)
        # The line end keeps the text whole whatever it ends with; the brackets refuse `ALL x` and `DISTINCT x`.
        together = ", ".join(f"(\n{sql}\n)" for sql in listed)
        try:
            result = work.connection.execute(f"SELECT {together} FROM {table}")
            kinds = [str(column[1]) for column in result.description]
            result.fetchall()
        except duckdb.Error as error:
            if len(listed) == 1:
                return [_explain(error, listed[0])]
            kinds = []
    if not kinds:  # one of them fails: asked one by one, each answers for itself
        return [problem for sql in listed for problem in _evaluate([sql], columns)]
    return [None if kind == "BOOLEAN" else _no_boolean(kind) for kind in kinds]


def _no_boolean(kind: str) -> Problem:
    return Problem(f"the expression gives {kind}, not true or false", 0, "compare it with something, e.g. > 0")


def _explain(error: Exception, sql: str) -> Problem:
    problem = bench.explain(str(error), sql, lines_before=1)
    message = problem.message
    fix = "compare values of the same type; turn text into numbers with TRY_CAST(column AS BIGINT)"
    if "Cannot compare values" in problem.message:
        return Problem(problem.message, problem.position, fix)
    if "Conversion" in type(error).__name__:
        return Problem(f"it fails on some values: {message}", problem.position, fix)
    if "Division by zero" in message:
        return Problem("it fails where the divisor is 0", problem.position, "divide by nullif(divisor, 0)")
    if "OutOfRange" in type(error).__name__:
        return Problem(f"it fails on large values: {message}", problem.position, "cast one side to DOUBLE first")
    return problem if problem.fix else Problem(message, problem.position, "correct the expression")


@functools.lru_cache(maxsize=32)
def _lowered(columns: _Columns) -> Mapping[str, str]:
    return {name.lower(): kind for name, kind in columns}


@functools.lru_cache(maxsize=32)
def _probe(columns: _Columns) -> str:
    """Return the name of a table with `columns` and four odd rows; the caller holds the lock."""
    name = "probe_" + hashlib.sha256(repr(columns).encode()).hexdigest()[:16]
    rows = []
    for row in range(4):
        cells = []
        for column, kind in columns:
            value = _odd(kind)[row]
            cells.append(f"TRY_CAST({value} AS {kind}) AS {identifier(column)}")
        rows.append("SELECT " + ", ".join(cells))
    bench.bench().connection.execute(f"CREATE OR REPLACE TABLE {name} AS " + " UNION ALL ".join(rows))
    return name


def _odd(kind: str) -> tuple[str, str, str, str]:
    """Return four SQL values of the type `kind` that predicates tend to forget."""
    kind = kind.upper()
    if kind.endswith("]"):
        return "NULL", "[]", "['x']" if kind.startswith("VARCHAR") else "[]", "[NULL]"
    if kind.startswith(("TIMESTAMP", "DATE")):
        return "NULL", "'2000-01-01'", "'2026-11-21 12:34:56.789'", "'2037-12-31 23:59:59'"
    if kind.startswith(("VARCHAR", "TEXT", "STRING", "JSON")):
        return "NULL", "''", "'x'", "'Ünï%_ 1.5e3'"
    if kind == "BOOLEAN":
        return "NULL", "false", "true", "true"
    if kind.startswith(("DOUBLE", "FLOAT", "REAL", "DECIMAL")):
        return "NULL", "0", "0.5", "1000000"
    if kind.endswith(("INT", "INTEGER", "INT64", "INT32")):
        return "NULL", "0", "1", "1000000000"
    return "NULL", "NULL", "NULL", "NULL"
