"""Overrides: named, dated, for one state of one config, and for nothing that fails."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tokenop.errors import FindingsError
from tokenop.evals.overrides import applying, load

SHA = "a" * 64
ENTRY = {
    "by": '"@ines"',
    "date": '"2026-03-01"',
    "expires": '"2026-03-15"',
    "config": "templates/routing/default.yaml",
    "config_sha256": SHA,
    "reason": "Groq has no key here yet; compared by hand on 40 prompts.",
}


def written(folder: Path, *entries: dict[str, str]) -> Path:
    path = folder / "overrides.yaml"
    text = "".join(
        "  - " + "\n    ".join(f"{name}: {value}" for name, value in entry.items()) + "\n" for entry in entries
    )
    path.write_text(f"schema_version: 1\noverrides:\n{text}", encoding="utf-8")
    return path


def test_no_file_is_no_override(tmp_path: Path) -> None:
    assert load(tmp_path / "overrides.yaml") == ()


@pytest.mark.parametrize(
    ("today", "counts"), [("2026-02-28", False), ("2026-03-01", True), ("2026-03-15", True), ("2026-03-16", False)]
)
def test_it_counts_from_its_date_to_its_last_day(tmp_path: Path, today: str, counts: bool) -> None:
    found, others = applying(load(written(tmp_path, ENTRY)), SHA, date.fromisoformat(today))
    assert (found is not None) == counts
    assert bool(others) != counts


def test_it_counts_for_one_state_of_the_config_alone(tmp_path: Path) -> None:
    found, others = applying(load(written(tmp_path, ENTRY)), "b" * 64, date(2026, 3, 2))
    assert found is None
    assert others == ("line 3, by @ines: is for another state of templates/routing/default.yaml",)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("by", '"Ines"', "by"),
        ("by", '"@ines--"', "by"),
        ("by", '"@\u0456nes"', "by"),
        ("by", '"@ines\\n"', "by"),
        ("reason", '"                              "', "gives no reason"),
        ("reason", '"..............................."', "gives no reason"),
        (
            "reason",
            '"aaa\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b"',
            "gives no reason",
        ),
        ("expires", '"2026-04-02"', "too long after it"),
        ("expires", '"2026-02-28"', "before the date"),
        ("expires", '"2026-02-30"', "no day of the calendar"),
        ("config_sha256", "abc", "config_sha256"),
        ("reason", "because", "reason"),
        ("approve", "true", "unknown key"),
    ],
)
def test_whatever_is_wrong_in_it_is_told_with_its_line(tmp_path: Path, field: str, value: str, message: str) -> None:
    with pytest.raises(FindingsError, match=message) as raised:
        load(written(tmp_path, {**ENTRY, field: value}))
    assert raised.value.findings[0].line >= 3


@pytest.mark.parametrize("field", ENTRY)
def test_every_field_must_be_there(tmp_path: Path, field: str) -> None:
    entry = {name: value for name, value in ENTRY.items() if name != field}
    with pytest.raises(FindingsError, match=f"{field}: OVERRIDE: is missing"):
        load(written(tmp_path, entry))
