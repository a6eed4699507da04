"""Checks that are wrong themselves are told, with the field that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tokenop.evals import checks
from tokenop.evals.checks import schemas

NONE: dict[str, Any] = {"rows": {}, "returns": []}
ONE: dict[str, Any] = {"rows": {}, "returns": [[1]]}
CALL = {"call": "f", "returns": 1}
FINE = "def problems(answer): return []"
GOOD, BAD = {"kind": "regex", "pattern": "x"}, {"kind": "regex", "pattern": "("}
GO = {"name": "go", "arguments": {"to": "Rome"}}


def sql(tables: dict[str, Any], *cases: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "sql", "tables": tables, "cases": list(cases)}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "txt"},
        {"pattern": "("},
        {"pattern": r"(a)\1"},
        {"pattern": "(?=a)"},
        {"$ref": "https://example.com/x"},
        {"$ref": "file:///etc/passwd"},
    ],
)
def test_unsound_schemas_are_told(schema: dict[str, Any]) -> None:
    assert schemas.problem(schema)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"kind": "exact", "values": ["yes", " "]}, "values[1]"),
        ({"kind": "exact", "values": ["."], "normalise": ["final-stop"]}, "values[0]"),
        ({"kind": "regex", "pattern": "("}, "pattern"),
        ({"kind": "regex", "pattern": "a)|(?:.*"}, "pattern"),
        ({"kind": "regex", "pattern": "a*"}, "pattern"),
        ({"kind": "regex", "pattern": "(?=a)a"}, "pattern"),
        ({"kind": "json_schema", "schema": {"type": 1}}, "schema"),
        ({"kind": "json_schema", "schema": {}, "fields": {"a..b": {"equals": 1}}}, "fields.a..b"),
        ({"kind": "numeric", "value": 1, "absolute": 1}, "absolute"),
        ({"kind": "numeric", "value": 1, "unit_required": True}, "unit_required"),
        ({"kind": "set", "required": ['""'], "normalise": ["quotes"]}, "required[0]"),
        ({"kind": "contains", "any": [" "]}, "any[0]"),
        ({"kind": "program", "defines": ["f"], "cases": [CALL, CALL]}, "cases"),
        ({"kind": "constraints", "read": "text", "program": "pass"}, "program"),
        ({"kind": "constraints", "read": "json", "schema": {"type": 1}, "program": FINE}, "schema"),
        (sql({"T x": {"a": "TEXT"}}, NONE, ONE), "tables.T x"),
        (sql({"t": {"a": "TEXT"}}, {"rows": {"u": []}, "returns": []}, ONE), "cases[0].rows.u"),
        (sql({"t": {"a": "TEXT"}}, {"rows": {"t": [[1, 2]]}, "returns": []}, ONE), "cases[0].rows.t"),
        (sql({"t": {"a": "TEXT"}}, NONE, NONE), "cases"),
        ({"kind": "tool_call", "calls": [GO], "never": ["go"]}, "calls[0].name"),
        ({"kind": "all", "checks": [GOOD, {"kind": "any", "checks": [BAD]}]}, "checks[1].checks[0].pattern"),
    ],
)  # fmt: skip
def test_wrong_checks_are_told_with_their_field(spec: dict[str, Any], field: str) -> None:
    assert [found[0] for found in checks.lint(spec)][:1] == [field]
