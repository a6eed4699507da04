"""The checks that run something: programs, queries, and what a task's own program says of an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.evals.checks.asking import ask
from tests.evals.walls import needs_walls
from tokenop.evals.sandbox import running

pytestmark = needs_walls

TWO_BLOCKS = """Sure:
```python
def add(a, b):
    return a + b
```
Use it:
```python
print(add(1, 2))
```"""
SWALLOWS = """def add(a, b):
    try:
        return a + b
    except TypeError:
        return 0"""
PEEKS = """def add(a, b):
    try:
        open('/etc/passwd')
    except OSError:
        pass
    return a + b"""
COUNTING = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
ADD = {"kind": "program", "defines": ["add"], "cases": [
    {"call": "add", "arguments": [1, 2], "returns": 3},
    {"call": "add", "arguments": [[1], [2]], "returns": [1, 2]},
    {"call": "add", "arguments": [0.1, 0.2], "returns": 0.3},
    {"call": "add", "arguments": [1, "x"], "raises": "TypeError"},
]}  # fmt: skip
QUERY = {"kind": "sql", "tables": {"t": {"a": "INTEGER", "b": "TEXT"}}, "cases": [
    {"rows": {"t": [[1, "x"], [2, None], [3, "x"]]}, "returns": [["x", 4], [None, 2]]},
    {"rows": {"t": []}, "returns": []},
]}  # fmt: skip
GROUPED = "SELECT b, SUM(a) AS total FROM t GROUP BY b"


@pytest.mark.parametrize(
    ("spec", "text", "said"),
    [
        (ADD, "def add(a, b): return a + b", None),
        (ADD, TWO_BLOCKS, None),
        (ADD, "```python\nadd = lambda a, b: a + b\n```", None),
        (ADD, "def add(a, b): return tuple(a) + tuple(b) if isinstance(a, list) else a + b", None),
        (ADD, "def add(a, b): return 3", "add([1], [2]): the result is 3, not [1, 2]"),
        (ADD, "def add(a, b): return a - b", "add(1, 2): the result is -1, not 3"),
        (ADD, "def add(a, b): return str(a + b)", 'add(1, 2): the result is "3", not 3'),
        (ADD, "def add(a): return a", "add(1, 2): raises TypeError"),
        (ADD, "def plus(a, b): return a + b", "does not define add"),
        (ADD, "# def add", "the program does not run: does not define add"),
        (ADD, "def add(a, b) return a + b", "the program does not run: SyntaxError"),
        (ADD, SWALLOWS, "where it must raise TypeError"),
        (ADD, "import os\nos.fork()\ndef add(a, b): return a + b", "start a process"),
        (ADD, PEEKS, "tried to open /etc/passwd"),
        (QUERY, f"```sql\n{GROUPED};\n```", None),
        (QUERY, GROUPED + " ORDER BY b DESC", None),
        ({**QUERY, "columns": ["B", "TOTAL"]}, GROUPED, None),
        ({**QUERY, "columns": ["b", "sum"]}, GROUPED, "the columns"),
        ({**QUERY, "ordered": True}, GROUPED, "the result[0][0] is null"),
        (QUERY, GROUPED + " HAVING b IS NOT NULL", "on set 1 of tables: the query gives 1 rows, not 2"),
        (QUERY, "SELECT 'x', 4 FROM t UNION SELECT NULL, 2 FROM t", None),
        (QUERY, "SELECT 'x', 4 UNION SELECT NULL, 2 FROM (SELECT 1)", "on set 2"),
        (QUERY, "SELECT missing FROM t", "no such column"),
        (QUERY, f"{GROUPED}; DROP TABLE t", "one statement at a time"),
        (QUERY, "DELETE FROM t", "not authorized"),
        (QUERY, "INSERT INTO t SELECT * FROM t", "not authorized"),
        (QUERY, "ATTACH '/etc/passwd' AS x; -- from", "not authorized"),
        (QUERY, "PRAGMA table_info('t') -- from", "not authorized"),
        (QUERY, "SELECT load_extension('x') FROM t", "not authorized"),
        (QUERY, f"{COUNTING} SELECT i, i FROM n", "more than 5000 rows"),
        (QUERY, "SELECT randomblob(1000000000), 1 FROM t", "fails"),
    ],
)  # fmt: skip
def test_programs_and_queries(spec: dict[str, Any], text: str, said: str | None) -> None:
    found = ask(spec, text)
    assert found.result == ("fail" if said else "pass"), found
    assert said is None or said in found.detail


@pytest.mark.thorough  # the same limit stops a loop in test_attacks
def test_a_query_without_end_is_stopped() -> None:
    endless = f"{COUNTING} SELECT COUNT(*), 1 FROM n"
    given = {"sql": endless, "tables": {}, "rows": [{}]}
    assert running.run("sql", given, seconds=1).stopped == "used more than 1 s of processor time"


def test_where_no_program_can_be_run_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "trouble", lambda: "there is no Landlock here")
    for spec, text in ((ADD, "def add(a, b): return a + b"), (QUERY, GROUPED)):
        found = ask(spec, text)
        assert found.result == "infrastructure"
        assert "no Landlock" in found.detail
    # What is wrong without running it stays wrong.
    assert ask(ADD, "I cannot").result == "fail"


FORGED: list[Any] = [
    5, None, [1], {}, {"results": 5}, {"results": None}, {"results": "abcd"}, {"results": {"a": 1}},
    {"results": [3, [1, 2], 0.3, "TypeError"]}, {"results": [None] * 4}, {"results": [{}] * 4},
    {"results": [{"value": 3}]}, {"failed": {"a": ["\x1b[2J"]}},
    *({"results": [{"value": 3}, {"value": [1, 2]}, {"value": 0.3}, last]} for last in (
        {"raised": 5}, {"raised": "TypeError"}, {"raised": {"TypeError": 1}}, {"raised": ["Error"]}, {"value": 1}, {})),
]  # fmt: skip


def test_a_program_can_write_its_results_itself_and_gains_nothing() -> None:
    line = json.dumps({"gave": FORGED[-1]}).encode() + b"\n"
    found = ask(ADD, f"import os\nos.write(3, {line!r})\nos._exit(0)\ndef add(a, b): pass")
    assert found.detail == 'add(1, "x"): returns, where it must raise TypeError'


@pytest.mark.parametrize("gave", FORGED, ids=str)
def test_results_that_a_program_writes_itself_are_read_as_what_they_are(
    gave: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "run", lambda *_, **__: running.Ended(gave=gave))
    assert ask(ADD, "def add(a, b): pass").result == "fail"
    assert ask(QUERY, GROUPED).result == "fail"
    assert ask(CONSTRAINTS, "[3]").result != "pass"


SUM = "def problems(answer):\n    return [] if sum(answer) == 3 else ['no']"
CONSTRAINTS = {"kind": "constraints", "read": "json", "program": SUM}
STARTS = "import os\ndef problems(answer):\n    os.system('true')\n    return []"


@pytest.mark.parametrize(
    ("spec", "text", "result"),
    [
        (CONSTRAINTS, "[1, 2]", "pass"),
        (CONSTRAINTS, "[1, 1]", "fail"),
        (CONSTRAINTS, '["x"]', "fail"),
        (CONSTRAINTS, "words", "fail"),
        ({**CONSTRAINTS, "label": "PLAN"}, "I think.\nPLAN:\n```json\n[3]\n```", "pass"),
        ({**CONSTRAINTS, "label": "PLAN"}, "I think.\n```\nPLAN: [3]\n```", "pass"),
        ({**CONSTRAINTS, "label": "PLAN"}, "```\nx\n```\n```text\nPLAN: [1,\n2]\n```\n", "pass"),
        ({**CONSTRAINTS, "label": "PLAN"}, "```\nPLAN: [3]\n```\nThat is all.", "fail"),
        ({**CONSTRAINTS, "schema": {"type": "array", "minItems": 2}}, "[3]", "fail"),
        ({**CONSTRAINTS, "program": "def problems(answer): return 'no'"}, "[3]", "infrastructure"),
        ({**CONSTRAINTS, "program": "def problems(answer) return []"}, "[3]", "infrastructure"),
        ({**CONSTRAINTS, "program": STARTS}, "[3]", "fail"),
    ],
)  # fmt: skip
def test_constraints(spec: dict[str, Any], text: str, result: str) -> None:
    assert ask(spec, text).result == result
