"""GitHub's expressions, read as GitHub documents them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rehearsal.expressions import Contexts

VALUES = {"github": {"event_name": "Schedule", "event": {"n": 7, "off": False}}, "needs": {"a": {"result": "success"}}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("github.event_name == 'schedule'", True),
        ("github.event.n != 7", False),
        ("github.event.absent.more", None),
        ("github['event'].n", 7),
        ("!cancelled() && (github.event.off || needs.a.result == 'success')", True),
        ("github.event.absent || 'it''s not there'", "it's not there"),
        ("contains(github.event_name, 'CHED')", True),
        ("toJSON(needs.a)", '{\n  "result": "success"\n}'),
    ],
)
def test_an_expression_has_its_value(text: str, expected: Any) -> None:
    assert Contexts(VALUES).value(text) == expected


@pytest.mark.parametrize(
    ("condition", "failed", "cancelled", "runs"),
    [
        (None, False, False, True),
        (None, True, False, False),
        ("${{ github.event_name == 'schedule' }}", True, False, False),
        ("${{ always() }}", True, True, True),
        ("${{ !cancelled() }}", True, False, True),
        ("!cancelled()", False, True, False),
        ("failure()", True, False, True),
    ],
)
def test_what_runs_after_a_failure_says_so(condition: str | None, failed: bool, cancelled: bool, runs: bool) -> None:
    assert Contexts(VALUES, failed, cancelled).holds(condition) is runs


def test_text_is_filled_in_as_text() -> None:
    assert Contexts(VALUES).filled("#${{ github.event.n }} ${{ github.event.off }}${{ github.x }}") == "#7 false"


@pytest.mark.parametrize("text", ["hashFiles('x')", "secrets.KEY", "a b", "github.event_name ="])
def test_what_is_not_known_is_an_error(text: str) -> None:
    with pytest.raises((AssertionError, KeyError)):
        Contexts(VALUES).value(text)
