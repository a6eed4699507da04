"""`tokenop submit-implementation --run`: what a run measured, and nothing that it did not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran

Cli = Callable[..., Ran]
WHO = ("--by", "octocat", "--organisation", "software", "--day", "2026-11-20")
FIELDS = {
    "template": "model-routing", "version": "1.0.0", "origin": "live", "ready": "true", "why_not": "null",
    "cost_before_usd": "0.00414", "cost_after_usd": "0.00138", "calls_before": "60", "calls_after": "60",
    "quality_before": "1.0", "quality_after": "0.99", "method": "'tokenop run 3f9a1c0b77e2: pass'",
}  # fmt: skip


@pytest.fixture
def submit(run_cli: Cli, tmp_path: Path) -> Callable[..., Ran]:
    """Return a function that writes a run's file, its fields changed, and reports it."""

    def ran(*words: str, place: str = "runs/a", **changed: str) -> Ran:
        folder = tmp_path / "runs" / "a"
        folder.mkdir(parents=True)
        lines = [f"{name}: {value}\n" for name, value in (FIELDS | changed).items()]
        (folder / "implementation.yaml").write_text("".join(lines))
        return run_cli("submit-implementation", "model-routing", *WHO, "--run", place, *words, cwd=tmp_path)

    return ran


@pytest.mark.parametrize("place", ["runs/a", "runs/a/implementation.yaml"])
def test_the_figures_of_a_run_become_an_entry_that_counts_as_reported(submit: Callable[..., Ran], place: str) -> None:
    ran = submit("--json", place=place)
    assert ran.exit_code == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["evidence"] == "reported"
    assert found["reduction"] == pytest.approx(2 / 3)
    assert found["quality_drop"] == pytest.approx(0.01)
    entry = found["entry"]
    assert "0.00414" in entry
    assert "tokenop run 3f9a1c0b77e2: pass" in entry
    assert "not days of traffic" in ran.stderr


@pytest.mark.parametrize(
    ("changed", "code", "part"),
    [
        ({"origin": "sample", "ready": "false", "why_not": "answers are made up"}, 1, "made up"),
        ({"origin": "recorded", "ready": "false", "why_not": "the answers are recordings"}, 1, "are recordings"),
        ({"origin": "sample"}, 1, "not an entry that a run calls ready"),
        ({"ready": "false", "why_not": '"\\e[2J gone"'}, 1, "gone"),
        ({"template": "prompt-caching"}, 1, "the run was of prompt-caching, not of model-routing"),
        ({"cost_before_usd": "[1]"}, 1, "implementation.yaml:6: cost_before_usd: run-entry: is no number"),
        ({"calls_after": "-3", "method": "7"}, 1, "method: run-entry: is no text"),
        ({"quality_after": "1.5"}, 2, "--quality-after"),
        ({"calls_before": "true"}, 1, "calls_before: run-entry"),
    ],
)
def test_what_is_no_measurement_is_refused(
    submit: Callable[..., Ran], tmp_path: Path, changed: dict[str, str], code: int, part: str
) -> None:
    ran = submit(**changed)
    assert (ran.exit_code, part in ran.stderr, "\x1b" in ran.stderr) == (code, True, False), ran.stderr
    assert not (tmp_path / "validations").exists()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--baseline-cost", "99", "--quality-after", "1"), "leave out --baseline-cost, --quality-after"),
        (("--window-before", "2026-09-01/2026-09-30"), "leave out --window-before"),
        (("--version", "9.9.9"), "the run was of model-routing 1.0.0"),
        (("--before", "a.jsonl", "--after", "b.jsonl"), "either --run or --before and --after"),
    ],
)
def test_nothing_is_mixed_with_what_a_run_measured(
    submit: Callable[..., Ran], words: tuple[str, ...], part: str
) -> None:
    ran = submit(*words)
    assert (ran.exit_code, part in ran.stderr) == (2, True), ran.stderr


def test_a_folder_without_a_run_is_said_to_be_none(run_cli: Cli, tmp_path: Path) -> None:
    ran = run_cli("submit-implementation", "model-routing", *WHO, "--run", tmp_path, cwd=tmp_path)
    assert ran.exit_code == 1
    assert "implementation.yaml" in ran.stderr
