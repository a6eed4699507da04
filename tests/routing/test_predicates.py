"""A compiled predicate says of every call what DuckDB says of the same row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.routing import drawn
from tokenop.routing.facts import COLUMNS
from tokenop.routing.predicates import compiled, read
from tokenop.routing.predicates.writing import written

NOTHING: Mapping[str, object] = dict.fromkeys(COLUMNS)


def asked(sql: str, **known: object) -> bool | None:
    tree, problems = read(sql)
    assert tree is not None, problems
    answer: bool | None = compiled(tree)(known)
    return answer


def held_against_duckdb(sql: str, rows: Sequence[Mapping[str, object]]) -> None:
    tree, problems = read(sql)
    assert tree is not None, (sql, problems)
    function = compiled(tree)
    assert [function(row) for row in rows] == drawn.judged(sql, rows)


@settings(max_examples=60, deadline=None)
@given(drawn.predicates, st.lists(drawn.facts, min_size=3, max_size=3))
def test_the_compiled_function_and_duckdb_agree_on_everything_that_is_allowed(
    sql: str, rows: Sequence[Mapping[str, object]]
) -> None:
    held_against_duckdb(sql, rows)


@pytest.mark.thorough
@settings(max_examples=1_000, deadline=None)
@given(drawn.predicates, st.lists(drawn.facts, min_size=3, max_size=6))
def test_the_compiled_function_and_duckdb_agree_on_thousands_of_predicates(
    sql: str, rows: Sequence[Mapping[str, object]]
) -> None:
    held_against_duckdb(sql, rows)


@settings(max_examples=60, deadline=None)
@given(drawn.predicates)
def test_a_tree_written_as_sql_is_the_same_tree_again(sql: str) -> None:
    tree, _ = read(sql)
    assert tree is not None
    assert read(written(tree))[0] == tree, written(tree)


def test_small_letters_are_duckdbs_for_every_character() -> None:
    import duckdb

    from tokenop.routing.predicates.compiling import lowered

    letters = [chr(code) for code in range(1, 0x3000)] + [chr(code) for code in range(0xA640, 0xAC00)]
    letters += [chr(code) for code in range(0x10400, 0x11000)] + ["ΑΣ", "Σ", "İX"]
    found = duckdb.connect().execute("SELECT lower(text) FROM (SELECT unnest($1::VARCHAR[]) AS text)", [letters])
    assert [row[0] for row in found.fetchall()] == [lowered(letter) for letter in letters]


def test_a_fact_that_is_not_known_matches_nothing() -> None:
    for sql in ("intent = 'a'", "intent <> 'a'", "NOT has_tools", "input_tokens < 5", "intent LIKE '%'"):
        assert asked(sql) is None
    assert asked("intent IS NULL") is True
    assert asked("batch IS NOT TRUE") is True


def test_a_false_part_decides_and_an_unknown_one_does_not() -> None:
    assert asked("input_tokens > 10 AND intent = 'a'", input_tokens=5) is False
    assert asked("input_tokens > 10 OR intent = 'a'", input_tokens=50) is True
    assert asked("input_tokens > 10 AND intent = 'a'", input_tokens=50) is None


@pytest.mark.parametrize(
    ("sql", "message", "fix"),
    [
        ("intents = 'a'", "there is no column intents", "intent"),
        ("input_tokens", "gives", "compare"),
        ("input_tokens / 2 > 3", "/ is not read in rules", "AND"),
        ("temperature * 2 > 1", "other than whole numbers", "multiply both sides"),
        ("upper(intent) = 'A'", "upper() is not read in rules", "lower()"),
        ("CASE WHEN has_tools THEN true END", "case is not read", "AND"),
        ("regexp_matches(intent, '(?i)a')", "use lower()", "characters"),
        ("regexp_matches(intent, '(a+)+$') AND regexp_matches(intent, 'a**')", "bad repetition operator", ""),
        ("regexp_matches(intent, '((a{60}){60}){9}')", "", ""),
        ("has_tools < true", "no order", "NOT"),
        ("intent IN ('a', NULL)", "NULL is not read", "IS NULL"),
        ("getenv('HOME') = 'x'", "getenv", "columns"),
        ("(SELECT true)", "sub-query", "columns"),
        ("coalesce(tool_count, 0.5) > 0", "whole numbers and others", "one kind"),
        ("input_tokens > 0.1234567890123456", "more than 15 digits", "round"),
    ],
)
def test_what_means_another_thing_in_python_is_refused_with_a_fix(sql: str, message: str, fix: str) -> None:
    tree, problems = read(sql)
    assert tree is None
    assert message in problems[0].message
    assert fix in problems[0].fix


def test_a_refusal_says_where() -> None:
    _, problems = read("has_tools AND upper(intent) = 'A'")
    assert problems[0].position == len("has_tools AND ")
