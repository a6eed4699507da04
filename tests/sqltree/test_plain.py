"""What is taken for plain is plain: DuckDB, when asked, finds nothing wrong with it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenop.sqltree import bench, predicate
from tokenop.sqltree.plain import plain

COLUMNS = {"n": "BIGINT", "i": "INTEGER", "x": "DOUBLE", "d": "DECIMAL(38,12)", "s": "VARCHAR", "b": "BOOLEAN",
           "t": "TIMESTAMP WITH TIME ZONE", "l": "VARCHAR[]"}  # fmt: skip
constants = st.one_of(
    st.integers(-(10**13), 10**13).map(str),
    st.decimals(-1000000, 1000000, places=4).map(str),
    st.sampled_from(
        ["'a'", "''", "'5'", "true", "false", "NULL", "1e3", "0.000000000001", "'2026-01-01'", "1.5::FLOAT"]
    ),
)
names = st.sampled_from(sorted(COLUMNS))
texts = st.text("ab%_|[]-^$*0 é\\", max_size=6).map(lambda text: "'" + text + "'")
operands = st.one_of(names, names.map(lambda name: f"lower({name})"), names.map(lambda name: f"upper(lower({name}))"))
atoms = st.one_of(
    st.tuples(names, st.sampled_from(["=", "<>", "<", ">=", "IS DISTINCT FROM"]), constants).map(" ".join),
    st.tuples(constants, st.sampled_from(["=", "<"]), names).map(" ".join),
    st.tuples(names, st.sampled_from(["IS NULL", "IS NOT NULL", "IS TRUE", "IS NOT TRUE", "IS NOT FALSE", ""])).map(
        " ".join
    ),
    st.tuples(names, st.lists(constants, min_size=1, max_size=3)).map(lambda p: f"{p[0]} IN ({', '.join(p[1])})"),
    st.tuples(operands, st.sampled_from(["LIKE", "NOT ILIKE", "=", "~"]), texts).map(" ".join),
    st.tuples(operands, texts).map(lambda p: f"regexp_matches({p[0]}, {p[1]})"),
    st.tuples(names, constants, constants).map(lambda p: f"{p[0]} BETWEEN {p[1]} AND {p[2]}"),
)
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda p: f"({p[0]}) {p[1]} ({p[2]})"),
        inner.map(lambda text: f"NOT ({text})"),
    ),
    max_leaves=4,
)


def is_plain(sql: str) -> bool:
    """Return what is said of an expression that parses."""
    statements, problem = bench.parse(sql, "SELECT ")
    return problem is None and plain(statements[0]["node"]["select_list"][0], COLUMNS)


@settings(max_examples=300, deadline=None)
@given(sql=expressions)
def test_duckdb_has_nothing_to_say_of_what_is_plain(sql: str) -> None:
    if is_plain(sql):
        assert predicate._evaluate([sql], tuple(COLUMNS.items())) == [None]


@pytest.mark.parametrize(
    "sql",
    [
        "n >= 1000",
        "b IS NOT TRUE",
        "s IS NULL AND NOT b",
        "s IN ('a', 'b') OR d BETWEEN 0.5 AND 2",
        "5 < x",
        "N = 1",
        "regexp_matches(lower(s), 'normali[sz]e|to-do')",
        "upper(s) ILIKE '%x_'",
    ],
)
def test_comparisons_with_constants_are_plain(sql: str) -> None:
    assert is_plain(sql)


@pytest.mark.parametrize(
    "sql",
    ["n = s", "s > 5", "n = 'a'", "n", "n LIKE 'a'", "regexp_matches(s, '[')",
     "regexp_matches(s, 'a*')", "regexp_matches(n, 'a')",
     "s LIKE s", "n / 0 > 1", "l = 'a'", "t > '2026-01-01'", "b = 1", "n IN (s)",
     "d = 99999999999999999999999999999999999999", "CASE WHEN b THEN 1 END", "TRY_CAST(s AS INT) > 5", "missing = 1"],
)  # fmt: skip
def test_all_else_is_left_to_duckdb(sql: str) -> None:
    assert not is_plain(sql)
