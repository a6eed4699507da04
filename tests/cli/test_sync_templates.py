"""`tokenop sync-templates`: what it prints, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.applying.repositories import commit, path, template


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
