"""Retired models: a strict, sourced list."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tokenop.errors import FindingsError
from tokenop.prices import book, retirements

ENTRY = """\
  - provider: anthropic
    model: claude-x
    spellings: [claude-x-20250101]
    retired_on: "2026-05-01"
    replacement: claude-y
    source: https://example.org/deprecations
    verified_on: "2026-04-01"
"""
HEAD = "schema_version: 1\nretirements:\n"


def listed(folder: Path, text: str) -> retirements.Retirements:
    path = folder / "retirements.yaml"
    path.write_text(text, encoding="utf-8")
    return retirements.load(path)


def test_a_model_is_found_by_any_of_its_names(tmp_path: Path) -> None:
    known = listed(tmp_path, HEAD + ENTRY)
    for name in ("claude-x", "Claude-X-20250101"):
        entry = known.of("anthropic", name)
        assert entry
        assert (entry.retired_on, entry.replacement, entry.line) == (date(2026, 5, 1), "claude-y", 3)
    assert known.of("aws", "claude-x") is None
    assert known.due(date(2026, 4, 1), 30) == known.entries
    assert known.due(date(2026, 4, 1), 29) == known.due(date(2026, 5, 2), 90) == ()


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("    model: claude-x\n", "", "retirements[0]"),
        ('"2026-05-01"', '"2026-05-41"', "retirements[0].retired_on"),
        ('"2026-05-01"', '"soon"', "retirements[0].retired_on"),
        ("https://", "http://", "retirements[0].source"),
        ("replacement", "successor", "retirements[0]"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, field: str) -> None:
    with pytest.raises(FindingsError) as caught:
        listed(tmp_path, HEAD + ENTRY.replace(old, new))
    assert field in {found.field for found in caught.value.findings}
    assert all(found.line >= 3 for found in caught.value.findings)


def test_one_name_has_one_day(tmp_path: Path) -> None:
    with pytest.raises(FindingsError, match="stands in line 3 already"):
        listed(tmp_path, HEAD + ENTRY + ENTRY.replace("model: claude-x\n", "model: claude-z\n"))


def test_the_shipped_list_is_sound_and_names_what_the_price_book_names() -> None:
    known, prices = retirements.shipped(), book.load()
    assert len(known.entries) > 40
    for entry in known.entries:
        assert entry.verified_on.year >= 2026
        key = prices.resolve(entry.provider, entry.model)
        assert key is not None, entry.model
        assert known.of(key.provider, key.model) is entry, entry.model
