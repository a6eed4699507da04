"""`tokenop test-template`: what people read, what programs read, and how it exits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema_rs
import pytest

from tests.conftest import ROOT, Ran
from tokenop.trials import model
from tokenop.trials.workloads import names

Run = Callable[..., Ran]
SHIPPED = ROOT / "templates" / "application-layer" / "semantic-caching.md"


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """A template that claims what it does not save."""
    path = tmp_path / "application-layer" / "semantic-caching.md"
    path.parent.mkdir()
    text = SHIPPED.read_text().replace("expected: 1.5", "expected: 1.6").replace("high: 1.7", "high: 17")
    path.write_text(text)
    return path


def test_a_claim_that_does_not_reproduce_exits_with_1_and_says_what_does(run_cli: Run, wrong: Path) -> None:
    ran = run_cli("test-template", "--template", wrong, "--dry-run", "--validate-economics")
    assert ran.exit_code == 1
    assert ran.stderr == ""
    assert (
        "✗ economics: claim: 1.3 | 1.6 | 17 % on sample-month does not reproduce: the replay says 1.3 | 1.5"
        in ran.stdout
    )
    assert "silent on coding-agent: applies_when does not hold: monthly_cost_usd >= 100 AND repeat_share" in ran.stdout
    assert "SAMPLE DATA" in ran.stdout
    last = ran.stdout.splitlines()[-2:]
    assert last[0].startswith("semantic-caching fails: ")
    assert last[1] == (f"Next: mend it, then tokenop test-template --template {wrong} --dry-run --validate-economics")


def test_json_follows_its_schema_and_holds_every_workload(run_cli: Run) -> None:
    ran = run_cli("test-template", "--template", "semantic-caching", "--dry-run", "--validate-economics", "--json")
    found = json.loads(ran.stdout)
    jsonschema_rs.validator_for(model.schema()).validate(found)
    (trial,) = found["trials"]
    assert list(trial["workloads"]) == list(names())
    assert ran.exit_code == (0 if trial["verdict"] == "pass" else 1)
    figures = trial["workloads"]["chat-assistant"]
    saving = figures["savings_monthly_usd"]["expected"]
    assert figures["savings_percent"]["expected"] == pytest.approx(100 * saving / figures["bill_monthly_usd"], abs=1e-3)


def test_several_are_told_in_a_line_each(run_cli: Run, wrong: Path) -> None:
    ran = run_cli("test-template", "--template", "prompt-caching", "--template", "vllm-migration", "--dry-run")
    assert ran.exit_code == 0
    assert "✓ prompt-caching: 3 of 3 checks hold" in ran.stdout
    assert ran.stdout.endswith("2 of 2 templates pass.\nNext: tokenop template-apply prompt-caching --dry-run\n")


def test_of_several_the_first_errors_are_shown(run_cli: Run, wrong: Path) -> None:
    wrong.write_text(wrong.read_text(encoding="utf-8").replace("layer: application-layer", "layer: nowhere"))
    ran = run_cli("test-template", "--template", wrong, "--template", "prompt-caching", "--dry-run")
    assert ran.exit_code == 1
    assert f"    {wrong}:" in ran.stdout
    assert "'nowhere' is not one of" in ran.stdout


def test_without_dry_run_it_says_that_there_is_no_other_mode(run_cli: Run) -> None:
    ran = run_cli("test-template", "--template", SHIPPED)
    assert ran.exit_code == 0
    assert "--dry-run is the only mode" in ran.stderr


def test_what_comes_next_for_a_template_of_ones_own_is_none_of_the_catalogue(run_cli: Run, tmp_path: Path) -> None:
    path = tmp_path / "application-layer" / "semantic-caching.md"
    path.parent.mkdir()
    path.write_text(SHIPPED.read_text(encoding="utf-8"), encoding="utf-8")
    ran = run_cli("test-template", "--template", path, "--dry-run")
    assert ran.stdout.endswith(f"Next: tokenop test-template --template {path} --dry-run --validate-economics\n")


def test_what_it_cannot_find_is_misuse_and_the_nearest_is_named(run_cli: Run) -> None:
    ran = run_cli("test-template", "--template", "semantic-cashing", "--dry-run")
    assert ran.exit_code == 2
    assert "did you mean semantic-caching?" in ran.stderr
    assert run_cli("test-template", "--dry-run").exit_code == 2


def test_a_file_name_cannot_repaint_the_terminal(run_cli: Run, tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31mb.md"
    path.write_text("nothing")
    ran = run_cli("test-template", "--template", path, "--dry-run")
    assert ran.exit_code == 1
    assert "\x1b" not in ran.stdout
