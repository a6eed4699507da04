"""Drawn facts and predicates, and what DuckDB says of them: the judge of the compiled functions."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import duckdb
from hypothesis import strategies as st

from tokenop.routing.facts import COLUMNS

WORDS = ("", "a", "ab", "sql", "Extract", "extract-x", "İs", "ΑΣ", "ß", "a\nb", "50%_", "T1", "x" * 40, "code review")
texts = st.one_of(st.sampled_from(WORDS), st.text(alphabet="abAB_%1 -é\n", max_size=6))
wholes = st.one_of(st.sampled_from([0, 1, 2, 128, 700, 8000, 32000, 10**9]), st.integers(0, 10**9))
reals = st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0, 2.0, 1 / 3])
_BY_TYPE: Mapping[str, st.SearchStrategy[object]] = {
    "VARCHAR": texts,
    "BIGINT": wholes,
    "DOUBLE": reals,
    "BOOLEAN": st.booleans(),
}
facts = st.fixed_dictionaries({name: st.none() | _BY_TYPE[kind] for name, kind in COLUMNS.items()})

_TEXT = ("intent", "model", "lower(intent)", "coalesce(intent, model)", "coalesce(department, 'ab')")
_WHOLE = (
    "input_tokens",
    "output_tokens_limit",
    "tool_count",
    "length(intent)",
    "coalesce(tool_count, 0)",
    "input_tokens + output_tokens_limit",
    "30 * output_tokens_limit",
    "input_tokens - 2 * tool_count",
    "-tool_count",
)
_REAL = ("temperature", "coalesce(temperature, 1)", "coalesce(temperature, 0.5)")
_FLAG = ("has_tools", "batch", "stream", "coalesce(batch, false)")
_ASKED = ("IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE", "= true", "<> stream")
_PATTERNS = ("sql|code", "^a", "b$", "(^|[^a-z])a", "a.b", "[^a-z]+", "x{3,}", "é", r"\d|\s", "(a|ab)*b?", r"50%\_", "")
_LIKES = ("a%", "%b", "%a%", "_", "a_b", "%", "", "a%b%", "_%_", "%50\\%%", "İ%", "ΑΣ", "aς", "%e_x%")


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_text = st.sampled_from(_TEXT)
_constant_text = st.sampled_from(["a", "ab", "sql", "extract-x", "T1", ""]).map(quoted)
_number = st.sampled_from(["0", "1", "128", "700", "8000", "0.3", "0.5", "1.0", "1000000000"])
_sign = st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"])


def _of(kind: str) -> tuple[st.SearchStrategy[str], st.SearchStrategy[str]]:
    """Return values of one kind, and what they may be compared with."""
    if kind == "text":
        return _text, _text | _constant_text
    if kind == "whole":
        return st.sampled_from(_WHOLE), st.sampled_from(_WHOLE) | _number
    return st.sampled_from(_REAL), st.sampled_from(_REAL) | _number


def _atoms() -> st.SearchStrategy[str]:
    found: list[st.SearchStrategy[str]] = []
    for kind in ("text", "whole", "real"):
        left, right = _of(kind)
        constants = _constant_text if kind == "text" else _number
        found += [
            st.tuples(left, _sign, right).map(" ".join),
            st.tuples(left, st.sampled_from(["BETWEEN", "NOT BETWEEN"]), right, right).map(
                lambda parts: f"{parts[0]} {parts[1]} {parts[2]} AND {parts[3]}"
            ),
            st.tuples(left, st.sampled_from(["IN", "NOT IN"]), st.lists(constants, min_size=1, max_size=3)).map(
                lambda parts: f"{parts[0]} {parts[1]} ({', '.join(parts[2])})"
            ),
            st.tuples(left, st.sampled_from(["IS NULL", "IS NOT NULL"])).map(" ".join),
        ]
    flag = st.sampled_from(_FLAG)
    found += [
        flag,
        st.tuples(flag, st.sampled_from(_ASKED)).map(" ".join),
        st.tuples(_text, st.sampled_from(["LIKE", "ILIKE", "NOT LIKE", "NOT ILIKE"]), st.sampled_from(_LIKES)).map(
            lambda parts: f"{parts[0]} {parts[1]} {quoted(parts[2])}"
        ),
        st.tuples(st.sampled_from(["regexp_matches", "regexp_full_match"]), _text, st.sampled_from(_PATTERNS)).map(
            lambda parts: f"{parts[0]}({parts[1]}, {quoted(parts[2])})"
        ),
        st.tuples(
            st.sampled_from(["starts_with", "ends_with", "contains", "prefix", "suffix"]), _text, _constant_text
        ).map(lambda parts: f"{parts[0]}({parts[1]}, {parts[2]})"),
    ]
    return st.one_of(found)


atoms = _atoms()


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        several.map(lambda parts: "(" + " AND ".join(parts) + ")"),
        several.map(lambda parts: "(" + " OR ".join(parts) + ")"),
        inner.map(lambda part: f"NOT ({part})"),
        inner.map(lambda part: f"({part}) IS NOT TRUE"),
    )


predicates = st.recursive(atoms, grown, max_leaves=4)


@functools.cache
def _judge() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    declared = ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())
    connection.execute(f"CREATE TABLE facts (place INTEGER, {declared})")
    return connection


def judged(sql: str, rows: Sequence[Mapping[str, object]]) -> list[bool | None]:
    """Return what DuckDB says of each row."""
    places = ", ".join("?" for _ in range(len(COLUMNS) + 1))
    rest = [[place, *(row[name] for name in COLUMNS)] for place, row in enumerate(rows)]
    _judge().execute("DELETE FROM facts")
    _judge().execute(
        "INSERT INTO facts VALUES " + ", ".join(f"({places})" for _ in rest), [value for row in rest for value in row]
    )
    found = _judge().execute(f"SELECT (\n{sql}\n) FROM facts ORDER BY place").fetchall()
    return [row[0] for row in found]
