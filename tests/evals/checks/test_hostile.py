"""Answers that would hurt who reads them: each check says fail, quickly, in one line that steers no terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from tests.evals.checks.asking import ask, task
from tokenop.evals import checks
from tokenop.evals.checks.values import NORMALISATIONS
from tokenop.providers.model import Response, Text, ToolCall

SPECS: dict[str, dict[str, Any]] = {
    "exact": {"kind": "exact", "values": ["yes\nno"], "normalise": list(NORMALISATIONS)},
    "labelled": {"kind": "exact", "values": ["yes"], "label": "ANSWER"},
    "regex": {"kind": "regex", "pattern": "(a+)+b|(x|x)*y"},
    "json_schema": {"kind": "json_schema", "schema": {"patternProperties": {"^(a+)+$": {}}}, "equals": {"a": 1}},
    "numeric": {"kind": "numeric", "value": 12.5, "units": ["EUR"]},
    "set": {"kind": "set", "required": ["a", "b"], "normalise": ["fence", "bullets", "spaces", "case"]},
    "set of JSON": {"kind": "set", "required": ["a", "b"], "form": "json"},
    "contains": {"kind": "contains", "all": ["needle"], "normalise": ["case", "spaces"]},
    "program": {"kind": "program", "defines": ["f"], "cases": [{"call": "f", "returns": 1}]},
    "constraints": {"kind": "constraints", "read": "json", "program": "def problems(answer): return ['no']"},
    "sql": {"kind": "sql", "tables": {"t": {"a": "INTEGER"}}, "cases": [{"rows": {"t": [[1]]}, "returns": [[1]]}]},
    "tool_call": {"kind": "tool_call", "calls": [{"name": "go", "arguments": {"a": 1}}]},
    "all": {"kind": "all", "checks": [{"kind": "contains", "all": ["x"]}, {"kind": "numeric", "value": 1}]},
    "any": {"kind": "any", "checks": [{"kind": "exact", "values": ["xyz"]}, {"kind": "numeric", "value": 1}]},
}  # fmt: skip
ANSWERS = {
    "10 MB": "a" * 10_000_000,
    "just short enough": "a" * 199_999,
    "deep lists": "[" * 100_000,
    "deep lists that close": "[" * 90_000 + "]" * 90_000,
    "deep objects": '{"a":' * 30_000 + "1" + "}" * 30_000,
    "deep in strings": '{"a": "' + "[" * 100_000 + '"}',
    "unclosed string": '{"a": "' + "\\" * 100_001,
    "control characters": "\x1b]0;owned\x07\x1b[2J\u202e\x00\x9b31m::add-mask::x\r\n" * 10,
    "a billion digits, nearly": "9" * 199_000,
    "digits in JSON": '{"a": ' + "9" * 150_000 + "}",
    "a small text for a large number": '{"a": 1e999999999}',
    "a large exponent": "1e999999999",
    "a large exponent, short": "1e99",
    "not a number": '{"a": NaN}',
    "endless": '{"a": -Infinity}',
    "for patterns": "a" * 60_000 + "!",
    "for other patterns": "x" * 60_000,
    "fences that do not close": "```a\n" * 35_000,
    "fences": "```\n" * 45_000,
    "labels": "ANSWER:\n" * 20_000,
    "bullets": "- " * 90_000,
    "spaces": " " * 199_000,
    "spaces and a letter": " " * 198_000 + "x",
    "lines": "\n" * 199_000,
    "thoughts": "<think>" * 25_000,
    "half a surrogate pair": "\ud800" * 100,
    "half a surrogate pair in JSON": '{"a": "\\ud800"}',
    "half a surrogate pair as a key": '{"\\ud800": 1}',
    "half a surrogate pair in code": "def f(): return '\ud800' from",
    "repeated keys": '{"a": 1, "a": 1}',
    "many items": "[" + "1," * 90_000 + "1]",
    "other digits": "١٢٫٥",
    "other digits in thousands": "١,٢٣٤",
    "other digits behind a right one": "1,٢٣٤",
    "wide digits": "１２.５",
    "JSON in disguise": '\ufeff{"a": 2}',
    "brackets of Python": "f" + "(" * 50_000,
    "units": "EUR" * 60_000,
}


@pytest.mark.parametrize("kind", SPECS)
def test_hostile_answers_fail_quickly_and_in_one_clean_line(kind: str) -> None:
    for name, answer in ANSWERS.items():
        before = time.process_time()
        found = ask(SPECS[kind], answer)
        assert time.process_time() - before < 2, name
        assert found.result == "fail", name
        assert found.detail.replace("\ufffd", "").isprintable(), name
        assert 0 < len(found.detail) <= 240, name
        assert not found.detail.startswith("::"), name


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "arguments",
    [
        None,
        {},
        {"a": deep(100_000)},
        {"a": "x" * 10_000_000},
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": 10**4_000},
        {"a": [0] * 1_000_000},
        {"a": True},
        {"a": "1"},
        {"\x1b[2J": 1},
        {"a": 1, "b": 2},
    ],
    ids=lambda value: repr(value)[:20] if not isinstance(value, dict) else str(list(value))[:20],
)
def test_hostile_arguments_fail(arguments: Mapping[str, Any] | None) -> None:
    response = Response("", (ToolCall("1", "go", arguments, "…"),), "tool_calls")
    found = checks.check(task(SPECS["tool_call"], {"go": {"type": "object"}}), response)
    assert found.result == "fail"
    assert len(found.detail) <= 240


def test_many_calls_fail() -> None:
    response = Response("", tuple(ToolCall(str(i), "go", {"a": 1}) for i in range(10_000)), "tool_calls")
    assert checks.check(task(SPECS["tool_call"], {"go": {}}), response).result == "fail"


def test_many_parts_are_one_text() -> None:
    spec = {"kind": "exact", "values": ["yes"]}
    assert checks.check(task(spec), Response("", (Text("y"), Text("es")), "stop")).result == "pass"
    parts = tuple(Text("a" * 1_000) for _ in range(10_000))
    assert checks.check(task(spec), Response("", parts, "stop")).result == "fail"


def test_what_was_thought_is_no_answer() -> None:
    spec = {"kind": "exact", "values": ["yes"]}
    assert ask(spec, "<think>\nIs it no? No.\n</think>\n\nyes").result == "pass"
    assert ask(spec, "<thinking>hm</thinking>yes").result == "pass"
    assert ask(spec, "<think>yes").result == "fail"
    assert ask(spec, "no <think>hm</think> yes").result == "fail"
