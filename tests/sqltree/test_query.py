from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenop.sqltree import check_select, check_type, statement
from tokenop.sqltree.functions import words

SOUND = {
    "json": """SELECT id, TRY_CAST(ts AS TIMESTAMPTZ) AS ts, usage->>'$.a' AS x, (usage->'k')->>'v' = 'v' AS y
        FROM source;""",
    "ranked duplicates": """-- the largest usage of a message
        WITH lines AS (SELECT *, message.usage.input_tokens AS tokens FROM source WHERE message IS NOT NULL),
        ranked AS (SELECT *, row_number() OVER (PARTITION BY message.id ORDER BY tokens DESC, _file, _line) AS place
                   FROM lines)
        SELECT message.id, tokens AS input_tokens, CASE WHEN place > 1 THEN 'dup' END AS _reject,
               md5(id || '/' || coalesce(model, '')) AS digest, getvariable('tenant') AS tenant
        FROM ranked; -- done""",
    "attribute lists": """SELECT list_filter(tags, lambda tag: tag = 'a')[1] AS a,
        [tag || 'x' FOR tag IN tags IF tag <> 'b'], list_transform(json_keys(usage), lambda key: key || 'x'),
        tags[1:2], usage['a'], {'a': 1, 'b': n} FROM source""",
    "unnest": "SELECT s.id, u.x, u.i FROM source AS s, unnest(s.tags) WITH ORDINALITY AS u(x, i)",
    "aggregates": """SELECT model, count(*) FILTER (WHERE n > 1), sum(n), quantile_cont(n, 0.5),
        string_agg(id, ',' ORDER BY id) FROM source GROUP BY ALL HAVING count(*) > 1""",
    "joins and sub-queries": """SELECT a.id FROM source a LEFT JOIN source b ON a.id = b.id
        WHERE a.id IN (SELECT id FROM source) AND EXISTS (SELECT 1 FROM source c WHERE c.id = a.id)
        AND a.n < (SELECT max(n) FROM source)""",
    "star": """SELECT * EXCLUDE (usage) REPLACE (lower(model) AS model) RENAME (n AS m) FROM source
        QUALIFY row_number() OVER (PARTITION BY id ORDER BY _line) = 1""",
    "union": "SELECT id FROM source UNION ALL SELECT model FROM source ORDER BY 1 LIMIT 5",
    "a table of names": "SELECT m.p FROM source JOIN (VALUES ('a', 'b'), ('c', 'd')) m(k, p) ON m.k = model",
    "times": """SELECT strptime(ts, '%Y-%m-%d'), epoch_ms(n), to_timestamp(n), make_timestamptz(n), INTERVAL 5 MINUTE,
        date_trunc('hour', try_strptime(ts, '%Y')), CAST(ts AS TIMESTAMP) AT TIME ZONE 'UTC' FROM source""",
    "windows": """SELECT sum(n) OVER w, lag(ts) OVER w FROM source
        WINDOW w AS (PARTITION BY model ORDER BY _line ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)""",
    "nested types": """SELECT from_json(usage, '["JSON"]'), CAST(usage AS STRUCT(a BIGINT)[]), unnest(tags)
        FROM source""",
    "a column called user": 'SELECT user, "user" FROM source',
    "distinct on": "SELECT DISTINCT ON (id) id, model FROM source ORDER BY id, _line",
}


@pytest.mark.parametrize("sql", SOUND.values(), ids=SOUND)
def test_what_collectors_need_is_accepted(sql: str, source: dict[str, dict[str, str]]) -> None:
    assert check_select(sql, source, {"tenant"}) == ()
    assert check_select(sql, set(source)) == ()


def test_a_hostile_query_is_refused_with_a_fix(hostile_select: str, source: dict[str, dict[str, str]]) -> None:
    problems = check_select(hostile_select, source, {"tenant"})
    assert problems
    assert all(problem.message and problem.fix for problem in problems)
    assert all(problem.position is None or 0 <= problem.position <= len(hostile_select) for problem in problems)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "1+" * 2_000 + "1",
        "SELECT " + "(" * 5_000,
        "SELECT " + "(SELECT " * 50 + "1" + ")" * 50,
        "SELECT " + "NOT " * 2_000 + "true",
        "SELECT '" + "x" * 60_000 + "'",
        " ",
    ],
    ids=lambda sql: f"{sql[:12]} {len(sql)}",
)
def test_endless_text_is_refused(sql: str, source: dict[str, dict[str, str]]) -> None:
    assert check_select(sql, source)


# Every place of a query where an expression can stand.
PLACES = """
SELECT {} FROM source
SELECT -{} FROM source
SELECT coalesce(id, {}) FROM source
SELECT CASE WHEN {} IS NULL THEN 1 END FROM source
SELECT CASE {} WHEN 1 THEN 1 END FROM source
SELECT CASE WHEN true THEN {} ELSE NULL END FROM source
SELECT CASE WHEN true THEN NULL ELSE {} END FROM source
SELECT CAST({} AS VARCHAR) FROM source
SELECT TRY({}) FROM source
SELECT {} IN (1, 2) FROM source
SELECT 1 IN (2, {}) FROM source
SELECT {} BETWEEN 1 AND 2 FROM source
SELECT 1 BETWEEN {} AND 2 FROM source
SELECT 1 BETWEEN 0 AND {} FROM source
SELECT true AND NOT ({} = 1) FROM source
SELECT [1, {}] FROM source
SELECT {'a': {}} FROM source
SELECT MAP {'a': {}} FROM source
SELECT tags[{}] FROM source
SELECT tags[1:{}] FROM source
SELECT usage -> {} FROM source
SELECT usage ->> {} FROM source
SELECT list_transform(tags, lambda t: {}) FROM source
SELECT list_filter([{}], lambda t: true) FROM source
SELECT [t FOR t IN tags IF {} = 1] FROM source
SELECT (SELECT {}) FROM source
SELECT EXISTS (SELECT 1 FROM source WHERE {} = 1)
SELECT 1 IN (SELECT {} FROM source) FROM source
SELECT {} IN (SELECT 1) FROM source
SELECT sum({}) FROM source
SELECT sum(n ORDER BY {}) FROM source
SELECT sum(n) FILTER (WHERE {} = 1) FROM source
SELECT sum({}) OVER () FROM source
SELECT sum(n) OVER (PARTITION BY {}) FROM source
SELECT sum(n) OVER (ORDER BY {}) FROM source
SELECT sum(n) FILTER (WHERE {} = 1) OVER () FROM source
SELECT sum(n) OVER (ORDER BY n ROWS BETWEEN {} PRECEDING AND CURRENT ROW) FROM source
SELECT lag(id, 1, {}) OVER (ORDER BY n) FROM source
SELECT * REPLACE ({} AS id) FROM source
SELECT INTERVAL ({}) DAY FROM source
SELECT extract(hour FROM {}) FROM source
SELECT ts AT TIME ZONE {} FROM source
SELECT id FROM source WHERE {} = 1
SELECT id FROM source WHERE id LIKE {}
SELECT id FROM source GROUP BY id, {}
SELECT id FROM source GROUP BY GROUPING SETS ((id), ({}))
SELECT id FROM source GROUP BY id HAVING {} = 1
SELECT id FROM source QUALIFY {} = 1
SELECT id FROM source ORDER BY {}
SELECT DISTINCT ON ({}) id FROM source ORDER BY id
SELECT id FROM source ORDER BY id LIMIT {}
SELECT id FROM source ORDER BY id LIMIT 1 OFFSET {}
SELECT 1 FROM source a JOIN source b ON a.id = {}
SELECT 1 FROM source a ASOF JOIN source b ON a.n >= {}
SELECT 1 FROM source, unnest([{}]) AS u(x)
SELECT unnest([{}]) FROM source
SELECT 1 FROM (SELECT {} FROM source) AS s
SELECT 1 FROM source, LATERAL (SELECT {}) AS l(x)
SELECT 1 FROM (VALUES (1), ({})) AS v(x)
SELECT id FROM source UNION ALL SELECT {} FROM source
(SELECT id FROM source EXCEPT SELECT {} FROM source)
WITH a AS (SELECT {} AS x FROM source) SELECT x FROM a
WITH a AS (WITH b AS (SELECT {} AS x) FROM b) SELECT x FROM a
FROM source SELECT {}
VALUES ({})
""".strip().splitlines()
FRAGMENTS = [
    "getenv('HOME')",
    "random()",
    "len(range(2000000000))",
    "(SELECT content FROM read_text('x'))",
    "(FROM 'x.csv')",
    "current_date",
    "query('SELECT 1')",
    "list_aggregate(tags, 'sum')",
    "main.md5('x')",
    "CAST(1 AS foo)",
    "getvariable('secret')",
    "#1",
]


@pytest.mark.parametrize("place", PLACES)
def test_no_place_of_a_query_lets_a_forbidden_expression_through(place: str, source: dict[str, dict[str, str]]) -> None:
    harmless = check_select(place.replace("{}", "n"), source, set())
    assert harmless == (), "the place itself must be fine, or the test says nothing"
    for fragment in FRAGMENTS:
        assert check_select(place.replace("{}", fragment), source, set()), fragment


@pytest.mark.parametrize(
    ("sql", "wrong", "says"),
    [
        ("SELECT id\nFROM sorce", "sorce", "did you mean source?"),
        ("SELECT 'ä', lowr(id) FROM source", "lowr", "did you mean lower"),
        ("SELECT id\nFROM source\nWHERE random() > 0", "random", "use a column"),
        ("SELECT getvariable('tennant') FROM source", "getvariable", "did you mean tenant?"),
        ("SELECT list_filter(tags, lambda t: read_text('x')) FROM source", "read_text", "columns only"),
    ],
)
def test_a_problem_points_at_the_place(sql: str, wrong: str, says: str, source: dict[str, dict[str, str]]) -> None:
    (problem,) = check_select(sql, source, {"tenant"})
    assert problem.position == sql.index(wrong)
    assert says in problem.fix


# `current_date` can also be the name that a column is given.
_FORBIDDEN = frozenset(FRAGMENTS) - {"current_date"}
_WORDS = _FORBIDDEN | words("SELECT FROM source ( ) , id n = lambda x: [ ] WITH AS a ; WHERE UNION ALL CASE WHEN END")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(sorted(_WORDS))))
def test_no_mixture_of_words_breaks_the_check(mixture: list[str]) -> None:
    sql = "SELECT " + " ".join(mixture)
    problems = check_select(sql, {"source"}, set())
    assert all(problem.position is None or 0 <= problem.position <= len(sql) for problem in problems)
    if set(mixture) & _FORBIDDEN:
        assert problems


@pytest.mark.parametrize(
    ("sql", "bare"),
    [
        ("SELECT 1;", "SELECT 1 "),
        ("SELECT 1 ; -- done\n", "SELECT 1   -- done\n"),
        ("SELECT ';' -- ;\n", "SELECT ';' -- ;\n"),
        ("SELECT 1", "SELECT 1"),
    ],
)
def test_a_semicolon_after_the_last_word_is_cut_off(sql: str, bare: str) -> None:
    assert statement(sql) == bare


@pytest.mark.parametrize("name", ["VARCHAR", "bigint", "DECIMAL(38, 12)", "STRUCT(a BIGINT, b VARCHAR[])[]", "JSON"])
def test_a_plain_or_nested_type_may_be_declared(name: str) -> None:
    assert check_type(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "foo",
        "main.foo",
        "ENUM('a')",
        "INT) , (1",
        "INT) FROM read_text('x'",
        "INT); DROP TABLE x",
        "INT) --",
        "((((",
    ],
)
def test_a_type_that_is_not_one_is_refused(name: str) -> None:
    assert check_type(name)
