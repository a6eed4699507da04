"""docs/routing.md lists the facts and rules that there are."""

from __future__ import annotations

from tests.conftest import ROOT
from tokenop.routing import lint
from tokenop.routing.declared import OF_RULES, TOP
from tokenop.routing.facts import FACTS

PAGE = (ROOT / "docs/routing.md").read_text(encoding="utf-8")
TYPES = {"VARCHAR": "text", "BIGINT": "whole number", "DOUBLE": "number", "BOOLEAN": "true or false"}


def test_the_table_of_facts_is_in_step() -> None:
    rows = [f"| `{name}` | {TYPES[kind]} | {what} |" for name, (kind, what) in FACTS.items()]
    assert "\n".join(rows) in PAGE


def test_the_table_of_rules_is_in_step() -> None:
    assert "\n".join(f"| {rule.id} | {rule.level} | {rule.what} | {rule.why} |" for rule in lint.RULES.values()) in PAGE


def test_what_is_carried_only_is_listed() -> None:
    part = PAGE.split("## What is carried and not done yet")[1]
    assert [name for name in (*OF_RULES, *TOP) if f"`{name}" not in part] == []
