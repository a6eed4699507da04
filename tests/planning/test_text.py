"""A plan in the terminal."""

from __future__ import annotations

import io

from rich.console import Console

from tokenop.planning import text


def shown(*rejected: tuple[str, str]) -> str:
    console = Console(width=100, file=io.StringIO(), record=True)
    entries = [{"id": name, "code": "predicate", "reason": reason} for name, reason in rejected]
    text._rejected(console, entries)
    return console.export_text()


def test_a_reason_that_was_given_is_not_given_again() -> None:
    said = shown(("one", "needs an inventory"), ("two", "costs more"), ("three", "needs an inventory"))
    assert said.count("needs an inventory") == 1
    assert "as one" in said
    assert "costs more" in said


def test_a_reason_shorter_than_the_name_is_repeated() -> None:
    said = shown(("a-template-with-a-long-name", "too late"), ("other", "too late"))
    assert said.count("too late") == 2
