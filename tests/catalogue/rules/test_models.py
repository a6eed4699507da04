"""Models that levers and patches name: known, by one name, and there for some time."""

from __future__ import annotations

from datetime import date

import pytest

from tests.catalogue.rules.specimen import crossing, draft, mended, said

GOAL = "{provider: anthropic, model: claude-haiku-4-5}"


def to(provider: str, model: str) -> tuple[str, str]:
    return GOAL, f"{{provider: {provider}, model: {model}}}"


@pytest.mark.parametrize("rule", ["MD001", "MD002"])
def test_a_sound_specimen_is_left_alone(rule: str) -> None:
    assert said(rule, crossing()) == []


def test_an_unknown_model_is_told_with_what_is_near() -> None:
    checked = crossing(to("anthropic", "claude-haiku-4.55"))
    (found,) = said("MD001", checked)
    assert found.severity == "error"
    assert "anthropic/claude-haiku-4-5" in found.fix
    assert (found.line, found.column) == checked.document.line("economics.levers[0].options.to")
    assert mended("MD001", checked) == checked.document.text


@pytest.mark.parametrize(
    ("provider", "model", "written"),
    [
        ("anthropic", "claude-haiku-4-5-20251001", GOAL),
        ("claude", "claude-haiku-4-5", GOAL),
        ("bedrock", "'anthropic.claude-haiku-4-5-20251001-v1:0'", None),
        ("openai", '"gpt-4o-2024-08-06"', '{provider: openai, model: "gpt-4o"}'),
    ],
)
def test_another_name_is_replaced_by_the_one_of_the_price_book(provider: str, model: str, written: str | None) -> None:
    checked = crossing(to(provider, model))
    (found,) = said("MD001", checked)
    assert found.severity == "warning"
    once = mended("MD001", checked)
    assert said("MD001", draft(once)) == []
    assert mended("MD001", draft(once)) == once
    if written:
        assert once == checked.document.text.replace(to(provider, model)[1], written)


def test_any_model_of_a_local_runner_will_do() -> None:
    assert said("MD001", crossing(to("ollama", '"gpt-oss:20b"'))) == []


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("model = 'claude-opsu-5'", ["claude-opsu-5"]),
        ("model IN ('claude-opus-5', 'claude-opsu-5')", ["claude-opsu-5"]),
        ("model NOT IN ('claude-opsu-5','gpt-50')", ["claude-opsu-5", "gpt-50"]),
        ("model LIKE 'claude-opsu%'", []),
        ("lower(intent) = 'claude-opsu-5'", []),
        ("model = 'llama-3.3-70b-versatile'", []),
        ("priced_model <> 'gpt-4o-2024-08-06'", []),
    ],
)
def test_names_in_conditions_are_looked_up(condition: str, names: list[str]) -> None:
    checked = crossing(("model = 'claude-opus-5'", condition))
    listed = said("MD001", checked)
    assert [one.severity for one in listed] == ["warning"] * len(names)
    lines = checked.document.text.split("\n")
    for one, name in zip(listed, names, strict=True):
        assert lines[one.line - 1][one.column - 1 :].startswith(name)


@pytest.mark.parametrize(
    ("today", "severities"),
    [
        (date(2026, 9, 11), []),
        (date(2026, 9, 12), ["warning"]),
        (date(2026, 12, 10), ["warning"]),
        (date(2026, 12, 11), ["error"]),
    ],
)
def test_a_retiring_model_is_told_before_and_after(today: date, severities: list[str]) -> None:
    listed = said("MD002", crossing(to("openai", "gpt-5-mini-2025-08-07")), today=today)
    assert [one.severity for one in listed] == severities
    for one in listed:
        assert "2026-12-11" in one.message
        assert "https://developers.openai.com/" in one.message
        assert "gpt-6.1-terra" in one.fix


def test_a_retired_model_in_a_patch_is_told_at_its_place() -> None:
    checked = crossing(
        ('        match: ["nightly_*"]\n', "        to: {provider: groq, model: llama-3.1-8b-instant}\n"),
    )
    (found,) = said("MD002", checked)
    assert found.field == "patches[1].content"
    line = checked.document.text.split("\n")[found.line - 1]
    assert line[found.column - 1 :].startswith("llama-3.1-8b-instant")
