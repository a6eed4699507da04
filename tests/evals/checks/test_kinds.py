"""What each kind of check accepts, what it refuses, and what it says."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evals.checks.asking import ask
from tokenop.evals.checks import numeric
from tokenop.evals.checks.answer import UnreadableError, fenced, parsed
from tokenop.evals.checks.values import difference

EXACT = {"kind": "exact", "values": ["New York", "NYC"]}
LINES = {"kind": "exact", "values": ["A: 1\nB: 2"], "normalise": ["fence", "case", "spaces", "blank-lines"]}
NUMBER = {"kind": "numeric", "value": 1234.5, "absolute": 0.01, "units": ["USD", "$"]}
SHARE = {"kind": "numeric", "value": 40, "relative": 0.05, "units": ["%"], "unit_required": True}
LABELLED = {"kind": "numeric", "value": 7, "label": "ANSWER"}
FRUIT = {"kind": "set", "required": ["apple", "pear"], "allowed": ["fig"], "normalise": ["bullets", "case"]}
JSON = {
    "kind": "json_schema",
    "schema": {"type": "object", "required": ["a"]},
    "fields": {
        "a": {"equals": {"x": 1, "y": [True, None]}},
        "b[1].c": {"near": 3.0, "absolute": 0.5},
        "d": {"same_items": [1, "two", {"three": 3}]},
        "e": {"one_of": ["x", None]},
        "f": {"mentions": ["red", "blue"]},
    },
}  # fmt: skip
GOOD = (
    '{"a": {"y": [true, null], "x": 1.0}, "b": [0, {"c": 3.4}], "d": [{"three": 3}, 1, "two"], '
    '"e": null, "f": "Blue, red"}'
)


@pytest.mark.parametrize(
    ("spec", "text", "result"),
    [
        (EXACT, "New York", "pass"),
        (EXACT, "  NYC\n", "pass"),
        (EXACT, "new york", "fail"),
        (EXACT, "New York City", "fail"),
        (EXACT, "", "fail"),
        (LINES, "```\na:  1\n\nb: 2\n```", "pass"),
        (LINES, "B: 2\nA: 1", "fail"),
        ({"kind": "exact", "values": ["café"]}, "cafe\u0301", "pass"),
        ({"kind": "exact", "values": ["yes"], "normalise": ["quotes", "final-stop", "case"]}, "“Yes”.", "fail"),
        ({"kind": "exact", "values": ["yes"], "normalise": ["quotes", "final-stop", "case"]}, "“Yes.”", "pass"),
        ({"kind": "regex", "pattern": "a|b"}, "b", "pass"),
        ({"kind": "regex", "pattern": "a|b"}, "ab", "fail"),
        ({"kind": "regex", "pattern": "[0-9]+"}, "12\n13", "fail"),
        (NUMBER, "1234.5", "pass"),
        (NUMBER, "$1,234.51", "pass"),
        (NUMBER, "1 234.5 usd", "pass"),
        (NUMBER, "**1'234.50**", "pass"),
        (NUMBER, "1234.52", "fail"),
        (NUMBER, "-1234.5", "fail"),
        (NUMBER, "1.234,50", "fail"),
        (NUMBER, "12,34.5", "fail"),
        (NUMBER, "It is 1234.5", "fail"),
        (NUMBER, "1234.5 EUR", "fail"),
        (NUMBER, "1234.5 1234.5", "fail"),
        (SHARE, "41.9 %", "pass"),
        (SHARE, "41.9", "fail"),
        (SHARE, "42.1%", "fail"),
        (LABELLED, "First 3, then 4.\n**ANSWER:** 7", "pass"),
        (LABELLED, "ANSWER: 3\nNo.\n> answer: 7.0", "pass"),
        (LABELLED, "ANSWER: 7\nANSWER: 8", "fail"),
        (LABELLED, "The ANSWER: 7", "fail"),
        (FRUIT, "Pear\napple", "pass"),
        (FRUIT, "- apple\n- pear\n- fig", "pass"),
        (FRUIT, "apple\napple\npear", "pass"),
        (FRUIT, "apple", "fail"),
        (FRUIT, "apple\npear\nplum", "fail"),
        (FRUIT, "apple, pear", "fail"),
        ({**FRUIT, "form": "commas"}, "pear, apple", "pass"),
        ({**FRUIT, "form": "json"}, '["pear", "apple"]', "pass"),
        ({**FRUIT, "form": "json"}, '{"pear": 1, "apple": 2}', "fail"),
        ({**FRUIT, "form": "json"}, '["pear", ["apple"]]', "fail"),
        ({"kind": "contains", "all": ["a", "b"], "absent": ["c"]}, "b and a", "pass"),
        ({"kind": "contains", "all": ["a", "b"], "absent": ["c"]}, "bac", "fail"),
        ({"kind": "contains", "any": ["x", "y"]}, "y", "pass"),
        ({"kind": "contains", "any": ["x", "y"]}, "z", "fail"),
        ({"kind": "contains", "absent": ["x"]}, "", "fail"),
        (JSON, GOOD, "pass"),
        (JSON, f"Here you are:\n```json\n{GOOD}\n```\nAnything else?", "pass"),
        (JSON, f"Here you are: {GOOD}", "fail"),
        (JSON, f"```json\n{GOOD}\n```\n```json\n{GOOD}\n```", "fail"),
        (JSON, GOOD.replace("1.0", "true"), "fail"),
        (JSON, GOOD.replace("1.0", '"1"'), "fail"),
        (JSON, GOOD.replace("3.4", "3.6"), "fail"),
        (JSON, GOOD.replace("3.4", '"3.0"'), "fail"),
        (JSON, GOOD.replace('1, "two"', '1, 1, "two"'), "fail"),
        (JSON, GOOD.replace('1, "two"', '1, 1'), "fail"),
        (JSON, GOOD.replace('"e": null', '"e": "y"'), "fail"),
        (JSON, GOOD.replace('"e": null, ', ""), "fail"),
        (JSON, GOOD.replace("Blue, red", "Blueish, red"), "fail"),
        (JSON, "[]", "fail"),
    ],
)  # fmt: skip
def test_texts(spec: dict[str, Any], text: str, result: str) -> None:
    assert ask(spec, text).result == result


TOOLS = {
    "go": {"type": "object", "properties": {"to": {"type": "string"}, "fast": {"type": "boolean"}}},
    "stop": {"type": "object"},
}
GO = {"name": "go", "arguments": {"to": "Rome"}}
STOP = {"name": "stop", "arguments": {}}


@pytest.mark.parametrize(
    ("spec", "calls", "result"),
    [
        ({"calls": [GO]}, (GO,), "pass"),
        ({"calls": [GO]}, ({"name": "go", "arguments": {"to": "Rome", "fast": True}},), "fail"),
        ({"calls": [{**GO, "match": "subset"}]}, ({"name": "go", "arguments": {"to": "Rome", "fast": True}},), "pass"),
        ({"calls": [{**GO, "match": "subset"}]}, ({"name": "go", "arguments": {"fast": True}},), "fail"),
        ({"calls": [{**GO, "normalise": ["case"]}]}, ({"name": "go", "arguments": {"to": "ROME"}},), "pass"),
        ({"calls": [GO]}, ({"name": "go", "arguments": {"to": 1}},), "fail"),
        ({"calls": [GO]}, ({"name": "fly", "arguments": {"to": "Rome"}},), "fail"),
        ({"calls": [GO]}, (), "fail"),
        ({"calls": [GO, STOP]}, (STOP, GO), "pass"),
        ({"calls": [GO, STOP], "order": "given"}, (STOP, GO), "fail"),
        ({"calls": [GO, STOP], "order": "given"}, (GO, STOP), "pass"),
        ({"calls": [GO, STOP], "order": "given", "others": "allowed"}, (STOP, GO, GO, STOP), "pass"),
        ({"calls": [GO]}, (GO, GO), "fail"),
        ({"calls": [GO, GO]}, (GO,), "fail"),
        ({"calls": [GO], "others": "allowed"}, (STOP, GO), "pass"),
        ({"calls": [GO], "others": "allowed", "never": ["stop"]}, (STOP, GO), "fail"),
        ({"calls": []}, (), "pass"),
        ({"calls": []}, (STOP,), "fail"),
        # The first wanted call fits both, the second only the first one given: neither may take the other's place.
        (
            {"calls": [{"name": "go", "arguments": {}, "match": "subset"}, GO]},
            (GO, {"name": "go", "arguments": {"to": "Oslo"}}),
            "pass",
        ),
    ],
)
def test_tool_calls(spec: dict[str, Any], calls: tuple[Any, ...], result: str) -> None:
    assert ask({"kind": "tool_call", **spec}, "", calls, TOOLS).result == result


PASS, FAIL = {"kind": "contains", "all": ["x"]}, {"kind": "contains", "all": ["y"]}
UNKNOWN = {"kind": "constraints", "read": "text", "program": "def problems(answer): return 1"}


@pytest.mark.parametrize(
    ("kind", "inner", "result"),
    [
        ("all", [PASS, PASS], "pass"),
        ("all", [PASS, FAIL], "fail"),
        ("all", [PASS, UNKNOWN], "infrastructure"),
        ("all", [UNKNOWN, FAIL], "fail"),
        ("any", [FAIL, PASS], "pass"),
        ("any", [FAIL, FAIL], "fail"),
        ("any", [FAIL, UNKNOWN], "infrastructure"),
        ("any", [UNKNOWN, PASS], "pass"),
        ("none", [FAIL, FAIL], "pass"),
        ("none", [FAIL, PASS], "fail"),
        ("none", [FAIL, UNKNOWN], "infrastructure"),
        ("all", [{"kind": "any", "checks": [FAIL, PASS]}, {"kind": "none", "checks": [FAIL]}], "pass"),
    ],
)
def test_composed_checks(kind: str, inner: list[dict[str, Any]], result: str) -> None:
    assert ask({"kind": kind, "checks": inner}, "x").result == result


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text("ab1", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=6,
)


def strict(value: Any) -> Any:
    """Return a value that equals another one only where both are the same JSON."""
    if isinstance(value, dict):
        return ("object", frozenset((key, strict(one)) for key, one in value.items()))
    if isinstance(value, list):
        return ("list", tuple(strict(one) for one in value))
    return (type(value).__name__, value)


@given(PLAIN, PLAIN)
def test_values_differ_exactly_where_their_json_does(one: Any, two: Any) -> None:
    assert difference(one, one) is None
    assert (difference(one, two) is None) == (strict(one) == strict(two))
    assert (difference(one, two) is None) == (difference(two, one) is None)


@given(st.decimals(-(10**9), 10**9, places=2), st.sampled_from([",", " ", "'", ""]))
def test_numbers_are_read_with_any_separator_of_thousands(value: Any, separator: str) -> None:
    written = f"{value:,.2f}".replace(",", separator)
    assert numeric.number(written) == value


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("```python\nx = 1\n```", [("python", "x = 1\n")]),
        ("a\n```\nb\n```\nc\n```SQL \nd\n```\n", [("", "b\n"), ("sql", "d\n")]),
        ("````md\n```\nx\n```\n````", [("md", "```\nx\n```\n")]),
        ("```\nnot closed", []),
        ("```\n```python\nx\n```", [("", "```python\nx\n")]),
        ("   ```\r\nx\r\n   ```", [("", "x\n")]),
        ("in `code` and ```code```", []),
    ],
)
def test_fenced_blocks_are_found(text: str, blocks: list[tuple[str, str]]) -> None:
    assert fenced(text) == blocks


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 2}', "NaN", "[1e999]", "[-Infinity]", "", "01", "[1,]", "{'a': 1}", "nul"]
)
def test_what_is_no_json_is_not_guessed_at(text: str) -> None:
    with pytest.raises(UnreadableError):
        parsed(text)


def test_whole_numbers_of_json_keep_all_digits() -> None:
    assert parsed("9007199254740993") == 9007199254740993
    assert difference(9007199254740993, 9007199254740992) is not None
    assert difference(1, 10**400) is not None
    assert difference(1.5, math.pi) is not None
