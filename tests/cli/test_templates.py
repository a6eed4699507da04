from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.catalogue.conftest import SOUND
from tests.conftest import Ran

Run = Callable[..., Ran]


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """Return a catalogue with one sound template."""
    path = tmp_path / "templates" / "application-layer" / "shorter.md"
    path.parent.mkdir(parents=True)
    path.write_text(SOUND)
    return tmp_path / "templates"


def test_list_shows_claim_and_next_step(run_cli: Run, content: Path) -> None:
    ran = run_cli("templates", "list", "--templates-dir", content)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert "application-layer" in ran.stdout
    assert "2 (-1 to 3.5)" in ran.stdout
    assert "tokenop templates info shorter" in ran.stdout


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ([], 1),
        (["--layer", "application-layer"], 1),
        (["--layer", "cross-layer"], 0),
        (["--category", "prompting"], 1),
        (["--category", "caching"], 0),
    ],
)
def test_list_filters_by_layer_and_category(run_cli: Run, content: Path, options: list[str], count: int) -> None:
    ran = run_cli("templates", "list", "--templates-dir", content, "--json", *options)
    assert len(json.loads(ran.stdout)["templates"]) == count
    text = run_cli("templates", "list", "--templates-dir", content, *options).stdout
    assert ("No template matches. Categories: prompting." in text) == (count == 0)


def test_list_says_on_stderr_what_is_left_out(run_cli: Run, content: Path) -> None:
    (content / "application-layer" / "broken.md").write_text("no frontmatter")
    ran = run_cli("templates", "list", "--templates-dir", content)
    assert ran.exit_code == 0
    assert "1 template left out, see `tokenop templates lint`" in ran.stderr
    assert "broken" not in ran.stdout


def test_list_of_a_folder_that_is_not_there_says_so(run_cli: Run, tmp_path: Path) -> None:
    ran = run_cli("templates", "list", "--templates-dir", tmp_path / "nowhere")
    assert ran.exit_code == 1
    assert "is not a folder" in ran.stderr


def test_info_shows_summary_evidence_and_body(run_cli: Run, content: Path) -> None:
    ran = run_cli("templates", "info", "shorter", "--templates-dir", content)
    assert ran.exit_code == 0
    for text in ("Shorter prompts", "monthly_cost_usd >= 100", "0.6 (0.5 to 0.7), assumed", "A guess.", "Rollback"):
        assert text in ran.stdout


def test_info_as_json_carries_everything(run_cli: Run, content: Path) -> None:
    shown = json.loads(run_cli("templates", "info", "shorter", "--templates-dir", content, "--json").stdout)
    assert shown["levers"][0]["parameters"]["share"] == {
        "low": 0.5, "expected": 0.6, "high": 0.7, "evidence": "assumed", "source": "A guess.",
    }  # fmt: skip
    assert shown["patches"] == [
        {"target": "tokenop/router.yaml", "kind": "router-config", "merge": "yaml", "content": "a: 1"}
    ]
    assert shown["created"] == "2026-01-01"
    assert shown["body"].startswith("## Problem")


def test_info_of_an_unknown_id_suggests_the_nearest(run_cli: Run, content: Path) -> None:
    ran = run_cli("templates", "info", "shorte", "--templates-dir", content)
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "no template 'shorte'; did you mean shorter?" in ran.stderr


def test_help_has_examples_and_the_line_of_the_main_help(run_cli: Run) -> None:
    from tokenop.cli.main import COMMANDS

    text = run_cli("templates", "--help").stdout
    assert COMMANDS["templates"][1] in text
    for name in ("list", "info", "lint"):
        assert "Example" in run_cli("templates", name, "--help").stdout
