"""`tokenop sync-templates`: what it prints, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.applying.repositories import commit, git, path, template
from tokenop import settings


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    folder = tmp_path / "origin.git"
    commit(folder, {path(): template()})
    return folder


def test_it_says_what_it_brought_and_what_changed(run_cli: Callable[..., Any], origin: Path) -> None:
    first = run_cli("sync-templates", "--from", origin)
    assert first.exit_code == 0, first.stderr
    assert "1 template at commit" in first.stdout
    assert "against what came with the program" in first.stdout
    made = commit(origin, {path(): template(version='"2.0.0"'), path("more"): template("more")})
    again = run_cli("sync-templates")
    assert "+ more\n~ shorter-prompts: version 1.0.0 to 2.0.0\n" in again.stdout
    assert f"2 templates at commit {made[:12]}: 1 new, 0 gone, 1 changed against the last sync." in again.stdout
    assert "this checkout" in again.stderr
    told = json.loads(run_cli("sync-templates", "--json").stdout)
    assert (told["commit"], told["added"], told["url"]) == (made, [], str(origin))
    assert sorted(told["templates"]) == ["more", "shorter-prompts"]


def test_without_an_address_it_says_what_is_used(run_cli: Callable[..., Any]) -> None:
    ran = run_cli("sync-templates")
    assert ran.exit_code == 2
    assert "TOKENOP_TEMPLATES_URL" in ran.stderr
    assert "In use: the templates of this checkout" in ran.stderr


def test_where_it_fails_it_says_what_is_used(run_cli: Callable[..., Any], origin: Path) -> None:
    commit(origin, {path(): template()}, {path("x"): ("120000", "/etc/passwd")})
    ran = run_cli("sync-templates", "--from", origin)
    assert ran.exit_code == 1
    assert "Nothing was changed. In use: the templates of this checkout" in ran.stderr
    assert f"{path('x')}: file: SYNC: is a link" in ran.stderr
    assert run_cli("sync-templates", "--from", "http://example.com").exit_code == 2


def test_what_is_left_out_is_said(run_cli: Callable[..., Any], origin: Path) -> None:
    commit(origin, {path(): template(), path("bad"): template("bad", title="'\x1b[31m'")})
    ran = run_cli("sync-templates", "--from", origin)
    assert ran.exit_code == 0
    assert f"left out: {path('bad')}" in ran.stderr
    assert "\x1b" not in ran.stderr


def test_a_branch_is_kept_and_named(run_cli: Callable[..., Any], origin: Path) -> None:
    git(origin, "branch", "v2")
    assert " of v2: " in run_cli("sync-templates", "--from", origin, "--ref", "v2").stdout
    assert " of v2: " in run_cli("sync-templates").stdout
    assert " of " not in run_cli("sync-templates", "--ref", "HEAD").stdout


@pytest.fixture
def synced(run_cli: Callable[..., Any], origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this an installed program that carries no template, and sync."""
    package = tmp_path / "site" / "tokenop"
    (package / "_content" / "templates").mkdir(parents=True)
    monkeypatch.setattr(settings, "PACKAGE", package)
    assert run_cli("sync-templates", "--from", origin).exit_code == 0


@pytest.mark.usefixtures("synced")
def test_whoever_works_on_synced_templates_is_told(run_cli: Callable[..., Any], origin: Path, tmp_path: Path) -> None:
    note = f"({origin} at "
    for words in (
        ("templates", "list"),
        ("templates", "info", "shorter-prompts"),
        ("templates", "search", "short"),
        ("templates", "lint"),
        ("template-apply", "shorter-prompts", "--dry-run", "--project", tmp_path),
        ("test-template", "--all", "--dry-run"),
    ):
        said = run_cli(*words).stderr
        assert said.startswith("note: using the templates synced on "), words
        assert note in said
    assert note not in run_cli("templates", "list", "--templates-dir", tmp_path).stderr


@pytest.mark.usefixtures("synced")
def test_what_was_synced_is_not_mended_in_its_place(run_cli: Callable[..., Any]) -> None:
    ran = run_cli("templates", "lint", "--fix")
    assert ran.exit_code == 2
    assert "name the files to mend" in ran.stderr
