"""`docs/events.md` says what the schema says."""

from __future__ import annotations

import re
from pathlib import Path

from tokenop.events import docs, schema

PAGE = Path(__file__).resolve().parents[2] / "docs" / "events.md"
SOURCES = Path(docs.__file__).parent


def test_the_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == docs.markdown(), "python -m tokenop.events.docs > docs/events.md"


def test_every_field_and_every_rule_of_the_schema_is_on_the_page() -> None:
    page = docs.markdown()
    assert [f"| `{column.name}` |" in page for column in schema.columns()] == [True] * len(schema.columns())
    assert all(f"| {rule.rule} |" in page for rule in schema.invariants())


def test_every_rule_that_the_code_can_tell_is_on_the_page() -> None:
    told = {rule for path in SOURCES.glob("*.py") for rule in re.findall(r'"(EV-[A-Z0-9-]+)"', path.read_text())}
    named = set(re.findall(r"EV-[A-Z0-9-]+", docs.markdown()))
    assert told - named == set()
