"""The example of a limit in templates/README.md is a sound lever, and does what the text says."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tokenop import settings
from tokenop.catalogue import load


@pytest.fixture(scope="module")
def month(small_month: Path) -> Path:
    return small_month


@pytest.fixture(scope="module")
def example() -> str:
    text = (settings.content("templates") / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```yaml\n(- kind: budget\n.*?)```", text, re.DOTALL)
    assert found
    return found[1]


def template(folder: Path, lever: str) -> Path:
    """Write a template of the catalogue with this lever in the place of its own."""
    shipped = load().get("output-length-control")
    assert shipped is not None
    text = shipped.path.read_text(encoding="utf-8")
    text = re.sub(r"(  levers:\n).*?(  claim:)", rf"\g<1>{textwrap.indent(lever, '    ')}\g<2>", text, flags=re.DOTALL)
    text = re.sub(r'applies_when: ".*?"', 'applies_when: "calls > 0"', text)
    target = folder / "templates" / shipped.layer / shipped.path.name
    target.parent.mkdir(parents=True)
    target.write_text(text, encoding="utf-8")
    return folder / "templates"


def planned(run_cli: Callable[..., Ran], folder: Path, lever: str, month: Path) -> dict[str, object]:
    named = ("--templates-dir", template(folder, lever), "--events", month, "--draws", 20, "--json")
    ran = run_cli("plan", *named, cwd=folder)
    assert ran.exit_code == 0, ran.stderr
    plan: dict[str, object] = json.loads(ran.stdout)
    return plan


def test_the_example_degrades_calls_and_says_so(
    run_cli: Callable[..., Ran], tmp_path: Path, example: str, month: Path
) -> None:
    plan = planned(run_cli, tmp_path, example, month)
    limited = plan["limited"]
    assert isinstance(limited, dict)
    assert limited["calls_rejected"] == 0
    assert limited["calls_degraded"] > 1000
    assert limited["spend_degraded_usd"] > plan["savings_monthly_usd"]["expected"] > 0
    assert "cheaper model" in limited["note"]
    ran = run_cli("report", "--events", month, cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr
    page = (tmp_path / "reports" / "report.html").read_text(encoding="utf-8")
    assert "because a limit is reached, whatever they ask" in page


def test_refusing_the_same_calls_saves_all_that_they_cost(
    run_cli: Callable[..., Ran], tmp_path: Path, example: str, month: Path
) -> None:
    lever = re.sub(r"    tokeniser_ratio: .*\n", "", example)
    lever = re.sub(r"action: downgrade, to: \{.*?\}", "action: reject", lever)
    plan = planned(run_cli, tmp_path, lever, month)
    limited, saved = plan["limited"], plan["savings_monthly_usd"]
    assert isinstance(limited, dict)
    assert isinstance(saved, dict)
    assert limited["calls_rejected"] > 1000
    assert limited["spend_rejected_usd"] == pytest.approx(saved["expected"], abs=0.05)
    assert "work not done" in limited["note"]
    text = run_cli("plan", "--templates-dir", tmp_path / "templates", "--events", month, cwd=tmp_path)
    assert "Part of this is a limit" in text.stdout
