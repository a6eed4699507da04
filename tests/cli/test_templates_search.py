"""`tokenop templates search`: words that are worth something, and what applies to one's own usage."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.applying.making import template
from tests.applying.repositories import template as written
from tokenop import sample
from tokenop.catalogue.search import search
from tokenop.planning.applicability import failing


def found(*words: str, **filters: str) -> list[str]:
    templates = [
        template("prompt-caching"),
        replace(template("semantic"), body="A cache of answers. Cached twice."),
        replace(template("model-routing"), category="routing", body="Nothing of the kind."),
    ]
    return [hit.template.id for hit in search(templates, words, **filters)]


def test_a_word_in_the_id_is_worth_more_than_in_the_text_and_endings_do_not_count() -> None:
    assert found("caches") == ["prompt-caching", "semantic"]
    assert found("ROUTER", "routes") == ["model-routing"]


def test_templates_with_more_of_the_words_come_first() -> None:
    assert found("answers", "cache") == ["semantic", "prompt-caching"]


def test_without_words_all_of_a_category_are_found() -> None:
    assert found(category="routing") == ["model-routing"]
    assert found() == ["model-routing", "prompt-caching", "semantic"]
    assert found("?!") == []


def test_conditions_that_do_not_hold_are_told_apart() -> None:
    asking = replace(
        template("x"),
        applies_when="calls > 10 AND (batch_share < 0.5 OR gpu_count > 1)\n AND warm_share > 0.1 AND calls < 99",
    )
    missing = failing(asking, {"calls": 5, "batch_share": 0.9, "gpu_count": 0})
    assert [(one.condition, one.unknown) for one in missing] == [
        ("calls > 10", False),
        ("(batch_share < 0.5) OR (gpu_count > 1)", False),
        ("warm_share > 0.1", True),
    ]
    assert str(missing[0]) == "calls > 10 (calls = 5)"
    assert failing(asking, {"calls": 50, "batch_share": 0.1, "warm_share": 0.5}) == ()


def test_the_command_says_where_words_were_found(run_cli: Callable[..., Any]) -> None:
    ran = run_cli("templates", "search", "prompt", "cache", "xyzzy", "--json")
    first = json.loads(ran.stdout)["templates"][0]
    assert first["id"] == "prompt-caching"
    assert first["missing"] == ["xyzzy"]
    assert first["applies"] is None
    assert {one["word"] for one in first["found"]} == {"prompt", "cache"}


def test_a_profile_says_what_applies_and_why_the_rest_does_not(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    profile = tmp_path / "profile.yaml"
    profile.write_text("schema_version: 1\nscalars: {calls: 10, monthly_cost_usd: '0.5'}\n", encoding="utf-8")
    ran = run_cli("templates", "search", "prompt-caching", "--profile", profile, "--json")
    by_id = {one["id"]: one for one in json.loads(ran.stdout)["templates"]}
    assert by_id["prompt-caching"]["applies"] is False
    assert any("monthly_cost_usd" in one["values"] for one in by_id["prompt-caching"]["failing"])
    shown = run_cli("templates", "search", "prompt-caching", "--profile", profile)
    assert "0 of them apply" in shown.stdout


@pytest.mark.parametrize("text", ["a: [", "[]", "scalars: {calls: many}", "scalars: &x {}\nb: *x", "a: 2026-99-99"])
def test_a_profile_that_is_none_is_refused(run_cli: Callable[..., Any], tmp_path: Path, text: str) -> None:
    profile = tmp_path / "profile.yaml"
    profile.write_text(text, encoding="utf-8")
    ran = run_cli("templates", "search", "--profile", profile)
    assert ran.exit_code == 1
    assert str(profile) in ran.stderr


def test_events_and_inventory_are_asked_as_well(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text(
        '{"id":"1","ts":"2026-01-01T00:00:00.000Z","intent":"a","provider":"openai","model":"gpt-4o","input_tokens":10,'
        '"output_tokens":1,"latency_ms":null,"cost_usd":null,"endpoint":"x","region":"x","tenant":"x"}\n',
        encoding="utf-8",
    )
    ran = run_cli("templates", "search", "commit", "--events", events, "--inventory", sample.inventory(), "--json")
    assert ran.exit_code == 0, ran.stderr
    applying = {one["id"]: one["applies"] for one in json.loads(ran.stdout)["templates"]}
    assert applying["reserved-instance-planning"] is True
    assert run_cli("templates", "search", "--events", events, "--profile", events).exit_code == 2


def test_nothing_found_is_said(run_cli: Callable[..., Any]) -> None:
    said = run_cli("templates", "search", "--category", "xyzzy").stdout
    assert said.startswith("No template matches. Categories: agents, ")


def test_a_file_name_cannot_repaint_the_terminal(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "application-layer"
    folder.mkdir()
    (folder / "a\x1b[31mb.md").write_text("nothing", encoding="utf-8")
    for words in (
        ("templates", "list"),
        ("templates", "search", "x"),
        ("templates", "info", "x"),
        ("template-apply", "x"),
    ):
        ran = run_cli(*words, "--templates-dir", tmp_path)
        assert "\x1b" not in ran.stdout + ran.stderr, words


def test_an_escape_in_a_quoted_text_cannot_either(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "application-layer"
    folder.mkdir()
    text = written("esc").replace('blast_radius: "', 'blast_radius: "\\e]0;x\\a')
    text = text.replace('source: "', 'source: "\\e[2J')
    (folder / "esc.md").write_text(text, encoding="utf-8")
    shown = run_cli("templates", "info", "esc", "--templates-dir", tmp_path)
    assert shown.exit_code == 0, shown.stderr
    assert "<U+001B>[2J" in shown.stdout
    assert "\x1b" not in shown.stdout


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_no_id_is_cut_in_a_narrow_terminal(
    run_cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = run_cli("templates", "search", "spot").stdout
    found = json.loads(run_cli("templates", "search", "spot", "--json").stdout)["templates"]
    assert all(f"{one['id'][:columns]}" in shown for one in found)
    listed = run_cli("templates", "list").stdout
    assert all(f"  {one['id']}"[:columns] in listed for one in found)
