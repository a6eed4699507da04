"""`sql`: the answer's query gives the right rows on every set of tables, run by SQLite in the sandbox."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tokenop.evals.checks import programs
from tokenop.evals.checks.answer import Answer, failed, passed, shown
from tokenop.evals.checks.kind import Asked, Complaint, Kind, Spec
from tokenop.evals.checks.values import difference
from tokenop.evals.model import Checked
from tokenop.evals.sandbox import running

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,40}\Z")
_MUST = re.compile(r"\bfrom\b", re.IGNORECASE)  # without it no table is read: nothing to try
_NEAR = 1e-6


def _check(spec: Spec, answer: Answer, asked: Asked) -> Checked:
    query = programs.sql(answer)
    if not _MUST.search(query):
        return failed("is no query")
    if blocked := programs.blocked():
        return blocked
    given = {"sql": query, "tables": spec["tables"], "rows": [case["rows"] for case in spec["cases"]]}
    ended = running.run("sql", given, **programs.limits(spec, asked))
    if verdict := programs.unsound(ended):
        return verdict
    results = programs.results(ended, len(spec["cases"]))
    if isinstance(results, str):
        return failed(f"the query {results}")
    for number, (case, result) in enumerate(zip(spec["cases"], results, strict=True), 1):
        if found := _differs(spec, case["returns"], result):
            return failed(f"on set {number} of tables: {found}")
    return passed(f"the right rows on {len(results)} sets of tables")


def _differs(spec: Spec, wanted: list[list[Any]], result: Mapping[str, Any]) -> str | None:
    """Return how the result of one query is not what it must be."""
    if "failed" in result:
        return f"the query {result['failed']}"
    given, names = result["rows"], [str(name).casefold() for name in result["columns"]]
    if "columns" in spec and names != [name.casefold() for name in spec["columns"]]:
        return f"the query gives the columns {shown(result['columns'])}, not {shown(spec['columns'])}"
    if len(given) != len(wanted):
        return f"the query gives {len(given)} rows, not {len(wanted)}"
    if not spec.get("ordered", False):
        given, wanted = sorted(given, key=_sortable), sorted(wanted, key=_sortable)
    return difference(wanted, given, (), "the result", spec.get("absolute", _NEAR))


def _sortable(row: list[Any]) -> list[tuple[int, float, str]]:
    """Return a key that puts near rows side by side: numbers are rounded, so that 0.1 + 0.2 sorts like 0.3."""
    return [
        (0, 0.0, "")
        if one is None
        else (1, round(float(one), 4), "")
        if isinstance(one, int | float)
        else (2, 0.0, str(one))
        for one in row
    ]


def _lint(spec: Spec) -> Iterator[Complaint]:
    for name, columns in spec["tables"].items():
        for word in (name, *columns):
            if not _NAME.match(word):
                yield f"tables.{name}", f"{shown(word)} is no plain name", "use small letters, digits and _"
    for index, case in enumerate(spec["cases"]):
        for name, rows in case["rows"].items():
            if name not in spec["tables"]:
                yield f"cases[{index}].rows.{name}", "is no table of this check", "declare it under tables"
            elif any(len(row) != len(spec["tables"][name]) for row in rows):
                yield f"cases[{index}].rows.{name}", "has rows of another width than the table", "give each column"
    if all(case["returns"] == spec["cases"][0]["returns"] for case in spec["cases"]):
        yield "cases", "all give the same rows: constants would pass", "let one give other rows"


KIND = Kind("sql", _check, _lint, runs=True)
