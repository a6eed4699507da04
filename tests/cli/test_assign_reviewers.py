"""`tokenop assign-reviewers` from the outside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TEMPLATE = "---\nid: semantic-caching\nlayer: application-layer\ncategory: caching\nauthors: [Bea]\n---\n"
PEOPLE = "# Reviewers\n" + "".join(
    f"\n## {name}\n\n- {name} layers: application-layer\n" for name in ("ada", "bea", "cy", "dan", "eve", "fay")
)


@pytest.fixture
def run(run_cli: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    (tmp_path / "template.md").write_text(TEMPLATE, encoding="utf-8")
    (tmp_path / "community").mkdir()
    (tmp_path / "community" / "reviewers.md").write_text(PEOPLE, encoding="utf-8")

    def call(*arguments: object) -> Any:
        return run_cli(
            "assign-reviewers", "--template", "template.md", "--today", "2026-11-22", *arguments, cwd=tmp_path
        )

    return call


def test_three_are_chosen_with_reasons_and_the_author_is_not(run: Callable[..., Any]) -> None:
    ran = run("--author", "Fay")
    assert ran.exit_code == 0
    assert ran.stdout.count("knows the application layer") == 3
    assert "not bea: wrote it" in ran.stderr
    assert "not fay: wrote it" in ran.stderr
    assert ran.stdout.splitlines()[-1].startswith("3 reviewers for semantic-caching, due 2026-11-27: ")


def test_the_same_files_give_the_same_people_and_a_reroll_others(run: Callable[..., Any]) -> None:
    first, again, others = run("--json"), run("--json"), run("--json", "--reroll", "1")
    assert first.stdout == again.stdout
    chosen = [{one["handle"] for one in json.loads(ran.stdout)["chosen"]} for ran in (first, others)]
    assert len(chosen[0]) == 3
    assert not chosen[0] & chosen[1]
    assert json.loads(others.stdout)["missing"] == 1


def test_load_and_exclusions_count(run: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "load.json").write_text('{"ada": 3}', encoding="utf-8")
    told = json.loads(run("--json", "--load", "load.json", "--exclude", "@Cy").stdout)
    assert {p["handle"]: p["reason"] for p in told["passed_over"]} == {"ada": "full", "bea": "author", "cy": "asked"}


@pytest.mark.parametrize("text", ["[]", "{", '{"ada": -1}', '{"ada": "2"}', '{"ada": true}'])
def test_a_load_that_is_none_is_refused(run: Callable[..., Any], tmp_path: Path, text: str) -> None:
    (tmp_path / "load.json").write_text(text, encoding="utf-8")
    ran = run("--load", "load.json")
    assert ran.exit_code == 1
    assert "load.json: " in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_list_with_a_mistake_is_refused_with_its_place(run: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "community" / "reviewers.md"
    path.write_text(
        PEOPLE.replace("- ada layers: application-layer", "- ada layers: aplication-layer"), encoding="utf-8"
    )
    ran = run()
    assert ran.exit_code == 1
    assert "reviewers.md:5" in ran.stderr
    assert "application-layer" in ran.stderr


def test_nobody_to_ask_is_no_success(run: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "community" / "reviewers.md").write_text("# Reviewers\n", encoding="utf-8")
    assert run().exit_code == 3
    assert json.loads(run("--json").stdout)["missing"] == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [("no frontmatter", "no frontmatter"), (TEMPLATE.replace("application-layer", "x\\e[31m"), "names no layer")],
)
def test_a_template_that_says_no_layer_is_refused(
    run: Callable[..., Any], tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "template.md").write_text(text, encoding="utf-8")
    ran = run()
    assert ran.exit_code == 1
    assert "template.md:" in ran.stderr
    assert said in ran.stderr


def test_files_that_are_not_there_are_said_so(run: Callable[..., Any]) -> None:
    ran = run("--reviewers-file", "nobody.md")
    assert ran.exit_code == 1
    assert "nobody.md" in ran.stderr
