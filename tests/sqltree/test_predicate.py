from __future__ import annotations

import contextlib

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenop.sqltree import Problem, check_predicate, check_predicates, functions

SOUND = """
true
cached IS NOT TRUE
NOT cached
model = 'gpt-4o' AND input_tokens > 1000
MODEL = 'gpt-4o'
"model" = 'gpt-4o'
model IN ('a', 'b') OR tenant NOT IN ('x')
model IN ['a', 'b']
input_tokens BETWEEN 1 AND 10 AND latency_ms NOT BETWEEN 0.5 AND 1
model LIKE 'gpt-%' AND model NOT ILIKE '%mini%'
model LIKE 'a!%' ESCAPE '!'
model SIMILAR TO 'gpt-[45].*'
hour(ts) < 6
date_part('hour', ts AT TIME ZONE 'Europe/Berlin') >= 22
extract(dow FROM ts) IN (0, 6)
ts >= TIMESTAMP '2026-01-01' AND ts < DATE '2026-02-01'
len(prefix_hashes) > 3
list_contains(prefix_hashes, 'x')
coalesce(cached, false) IS FALSE
CASE WHEN model = 'x' THEN input_tokens > 5 ELSE false END
regexp_matches(model, '^gpt-[45]')
starts_with(lower(trim(model)), 'claude')
input_tokens + output_tokens * 2 > 100 AND cost_usd / nullif(input_tokens, 0) > 0.001
output_tokens % 2 = 0
TRY_CAST(model AS BIGINT) > 5
TRY(input_tokens // output_tokens) > 3
cost_usd * 0.5 > 1.0
input_tokens::DOUBLE / output_tokens > 2
greatest(input_tokens, output_tokens) > 10
model IS DISTINCT FROM 'x' AND tenant IS NOT NULL
tenant || '/' || model = 'a/b'
tenant = 'it''s; -- 50 % (really'
tenant = 'München'
-input_tokens < -5
round(cost_usd, 2) >= 0.01
""".strip().splitlines()


@pytest.mark.parametrize("sql", SOUND)
def test_an_ordinary_predicate_is_accepted(sql: str, columns: dict[str, str]) -> None:
    assert check_predicate(sql, columns) == ()


def test_a_hostile_predicate_is_refused_with_a_fix(hostile_predicate: str, columns: dict[str, str]) -> None:
    problems = check_predicate(hostile_predicate, columns)
    assert problems
    assert all(problem.message and problem.fix for problem in problems)
    assert all(problem.position is None or 0 <= problem.position <= len(hostile_predicate) for problem in problems)


@pytest.mark.parametrize(
    "sql",
    [
        "1+" * 900 + "1 > 0",
        "NOT " * 400 + "true",
        "(" * 1_000 + "true" + ")" * 1_000,
        "(" * 1_900,
        "abs(" * 39 * 10 + "1" + ")" * 39 * 10,
        "model = '" + "x" * 600 + "'",
        "model = 'x' OR " * 500 + "true",
        "",
        "   ",
    ],
    ids=lambda sql: f"{sql[:12]} {len(sql)}",
)
def test_endless_text_is_refused_before_it_costs_anything(sql: str, columns: dict[str, str]) -> None:
    assert check_predicate(sql, columns)


@pytest.mark.parametrize(
    ("sql", "wrong", "says"),
    [
        ("modell = 'x'", "modell", "did you mean model?"),
        ("tenant = 'ä' AND lowr(model) = 'x'", "lowr", "did you mean lower"),
        ("tenant = '😀😀' AND input_tokens > (SELECT 1)", "(SELECT", "compare columns"),
        ("model = 'x' AND\n  len(range(2000000000)) > 1", "range", "compute on the columns"),
        ("model = 'x' -- y", "--", "body"),
        ("input_tokens > 1 AND model = NULL", "model = NULL", "IS NULL"),
    ],
)
def test_a_problem_points_at_the_place_and_names_the_fix(
    sql: str, wrong: str, says: str, columns: dict[str, str]
) -> None:
    (problem,) = check_predicate(sql, columns)
    assert problem.position == sql.index(wrong)
    assert says in problem.fix


def test_all_problems_of_an_expression_are_told_at_once(columns: dict[str, str]) -> None:
    problems = check_predicate("modell = 'x' AND getenv('y') = random()", columns)
    assert [problem.position for problem in problems] == [0, 17, 31]


def test_a_problem_reads_as_one_sentence_with_its_place() -> None:
    assert str(Problem("there is no column a", 4, "name b")) == "there is no column a at character 5 (name b)"


def test_only_the_given_columns_can_be_named(columns: dict[str, str]) -> None:
    assert check_predicate("calls > 5", {"calls": "BIGINT"}) == ()
    assert check_predicate("calls > 5", columns)


def test_every_listed_function_exists_and_none_depends_on_the_clock_or_on_chance() -> None:
    rows = duckdb.connect().execute("SELECT function_name, stability FROM duckdb_functions()").fetchall()
    stability = dict(rows)
    syntax = {"epoch", "row", "struct_extract"}  # also written otherwise; listed by DuckDB under these names
    for name in functions.SELECT_FUNCTIONS | functions.AGGREGATES | syntax:
        assert name in stability, name
        assert stability[name] != "VOLATILE", name


def test_no_listed_predicate_function_is_an_aggregate() -> None:
    assert not functions.PREDICATE_FUNCTIONS & functions.AGGREGATES


_FORBIDDEN = functions.words("""
    SELECT range( repeat( read_text( getenv( sum( list_filter( query( now( lambda random( unnest(
    """)
_WORDS = _FORBIDDEN | functions.words("""
    model tenant input_tokens cost_usd ts cached prefix_hashes nowhere x * #1 ? $1 'x' '' 1 0 1e9 true NULL
    AND OR NOT IS IN BETWEEN LIKE CASE WHEN THEN ELSE END FROM AS DISTINCT BIGINT CAST( TRY_CAST( abs( len(
    = < > + - / % || -> ->> :: := , . ; : -- /* ( ) [ ] { }
    """)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(sorted(_WORDS)), min_size=1, max_size=14))
def test_no_mixture_of_words_breaks_the_check_or_carries_a_forbidden_one(
    columns: dict[str, str], words: list[str]
) -> None:
    sql = " ".join(words)
    problems = check_predicate(sql, columns)
    assert all(problem.position is None or 0 <= problem.position <= len(sql) for problem in problems)
    if any(word in _FORBIDDEN for word in words):
        assert problems


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_no_text_whatever_breaks_the_check(columns: dict[str, str], sql: str) -> None:
    assert all(problem.fix for problem in check_predicate(sql, columns))


_NUMBERS = st.sampled_from(
    sorted(functions.words("input_tokens output_tokens cost_usd latency_ms 1 0 1000 0.25 len(model)"))
)
_TEXTS = st.sampled_from(["model", "tenant", "'x'", "lower(model)", "coalesce(tenant, '')", "left(model, 3)"])
_CONDITIONS = st.recursive(
    st.one_of(
        st.builds(lambda a, op, b: f"{a} {op} {b}", _NUMBERS, st.sampled_from(["<", ">=", "=", "<>"]), _NUMBERS),
        st.builds(lambda a, op, b: f"{a} {op} {b}", _TEXTS, st.sampled_from(["=", "<>", "<"]), _TEXTS),
        st.builds(lambda a: f"{a} IS NULL", st.one_of(_TEXTS, _NUMBERS)),
        st.builds(lambda a: f"{a} LIKE 'g%'", _TEXTS),
        st.builds(lambda a, b, c: f"{a} + {b} * {c} > 7", _NUMBERS, _NUMBERS, _NUMBERS),
        st.just("cached"),
    ),
    lambda inner: st.one_of(
        st.builds(lambda a, op, b: f"({a}) {op} ({b})", inner, st.sampled_from(["AND", "OR"]), inner),
        st.builds(lambda a: f"NOT ({a})", inner),
        st.builds(lambda a, b, c: f"CASE WHEN {a} THEN {b} ELSE {c} END", inner, inner, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(_CONDITIONS, st.integers(0, 2_000_000), st.floats(0, 1e6), st.text(max_size=8).filter(lambda t: "\0" not in t))
def test_what_passes_gives_true_false_or_null_on_any_row(
    columns: dict[str, str], sql: str, tokens: int, number: float, text: str
) -> None:
    if check_predicate(sql, columns):
        return
    with contextlib.closing(duckdb.connect()) as connection:
        listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        connection.execute(f"CREATE TABLE events ({listed})")
        row = [text, text, None, tokens, tokens, number, number, "2026-01-01", True, [text]]
        connection.execute(f"INSERT INTO events VALUES ({', '.join('?' * len(row))})", row)
        ((value,),) = connection.execute(f"SELECT (\n{sql}\n) FROM events").fetchall()
    assert value in (True, False, None)


def test_many_at_a_time_are_told_what_each_alone_is_told(
    columns: dict[str, str], hostile_predicates: list[str]
) -> None:
    # What fails when it is evaluated stands beside what does not, what does not parse beside what is not listed.
    asked = [(sql, columns) for pair in zip(hostile_predicates, SOUND * 99, strict=False) for sql in pair]
    asked += [(sql, {"n": kind}) for kind in ("VARCHAR", "BIGINT") for sql in ("n > 1", "1 / n > 0", "n", "n IS NULL")]
    assert check_predicates(asked) == [check_predicate(sql, known) for sql, known in asked]
