"""The statistics script on scratch repositories: the same bytes, `--check` for drift, nothing without a reason."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

from tests.community.world import implementation, repository, review
from tests.conftest import ROOT

DAY = "2026-11-22"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("update_statistics")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return repository(tmp_path, [implementation("semantic-caching"), review("semantic-caching")])


def pages(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.*") if path.is_file()}


def test_writing_twice_gives_the_same_bytes_and_then_nothing_is_out_of_step(
    script: ModuleType, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["--root", str(root), "--today", DAY]) == 0
    first = pages(root)
    assert {"community/statistics.md", "community/contributors.md", "community/dashboard.html",
            "validations/semantic-caching/metrics.md"} <= set(first)  # fmt: skip
    capsys.readouterr()
    assert script.main(["--root", str(root), "--today", DAY]) == 0
    assert capsys.readouterr().err.startswith("0 of ")
    assert pages(root) == first
    # Another day alone is no drift.
    assert script.main(["--root", str(root), "--check"]) == 0


def test_check_shows_what_is_out_of_step_and_writes_nothing(
    script: ModuleType, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["--root", str(root), "--today", DAY]) == 0
    page = root / "community" / "statistics.md"
    page.write_text(page.read_text(encoding="utf-8").replace("1 review", "9 reviews"), encoding="utf-8")
    before = pages(root)
    capsys.readouterr()
    assert script.main(["--root", str(root), "--check"]) == 1
    told = capsys.readouterr()
    assert "-As of 2026-11-22: " in told.out
    assert "community/statistics.md: out of step" in told.err
    assert pages(root) == before


def test_figures_for_programs_hold_amounts_as_text_and_unknown_as_null(
    script: ModuleType, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["--root", str(root), "--today", DAY, "--json", "--check"]) == 1
    figures = json.loads(capsys.readouterr().out)
    assert figures["saved_usd"] == "30.000000000000"
    assert figures["target"]["verdict"] == "undecided"
    assert {metric["name"]: metric["value"] for metric in figures["metrics"]}["monthlyActiveUsers"] is None


def test_a_folder_without_templates_is_said_so(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["--root", str(tmp_path)]) == 1
    assert "templates: is not a folder" in capsys.readouterr().err
