"""The guide in collectors/README.md is whole and true; tests/test_docs.py follows it block by block."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.test_docs import Block, blocks, runnable
from tokenop.settings import content

GUIDE = content("collectors") / "README.md"
PARTS = ["README.md", "map.sql", "sample.jsonl"]


@pytest.fixture(scope="module")
def steps() -> list[Block]:
    return list(blocks(GUIDE))


@pytest.fixture
def followed(steps: list[Block], tmp_path: Path) -> Path:
    """Return the folder that someone has who wrote down all files of the guide."""
    (tmp_path / "acme-gateway").mkdir()
    for block in steps:
        if "file" in block.keys:
            (tmp_path / block.keys["file"]).write_text(block.text, encoding="utf-8")
    return tmp_path


def test_the_guide_is_followed_word_by_word_and_shows_what_each_step_prints(steps: list[Block]) -> None:
    assert GUIDE in runnable()
    assert not any("not-run" in block.keys for block in steps)
    assert sorted(Path(block.keys["file"]).name for block in steps if "file" in block.keys) == PARTS
    commands = [line for block in steps if block.language == "sh" for line in block.text.splitlines()]
    assert commands[0] == "mkdir acme-gateway"
    assert "tokenop collectors check ./acme-gateway" in commands
    assert commands[-1].startswith("tokenop discover --collectors ./acme-gateway")
    assert sum("output" in block.flags for block in steps) == 4


def test_the_files_of_the_guide_give_the_events_that_it_shows(
    steps: list[Block], followed: Path, run_cli: Callable[..., Any]
) -> None:
    (shown,) = [block.text for block in steps if block.language == "json" and "output" in block.flags]
    expected = followed / "acme-gateway" / "expected.jsonl"
    expected.write_text(shown, encoding="utf-8")
    ran = run_cli("collectors", "check", "./acme-gateway", cwd=followed)
    assert ran.exit_code == 0, ran.stdout


def test_a_change_of_the_mapping_fails_with_minus_and_plus_as_the_guide_says(
    steps: list[Block], followed: Path, run_cli: Callable[..., Any]
) -> None:
    (shown,) = [block.text for block in steps if block.language == "json" and "output" in block.flags]
    (followed / "acme-gateway" / "expected.jsonl").write_text(shown, encoding="utf-8")
    mapping = followed / "acme-gateway" / "map.sql"
    text = mapping.read_text(encoding="utf-8")
    mapping.write_text(text.replace("usage.output AS output_tokens", "usage.cached AS output_tokens"), encoding="utf-8")
    ran = run_cli("collectors", "check", "./acme-gateway", cwd=followed)
    assert ran.exit_code == 1
    assert "acme-gateway/expected.jsonl:1: COLLECTOR-EXPECTED: c-1 differs" in ran.stdout
    assert "    - output_tokens: 85\n    + output_tokens: 1024\n" in ran.stdout
