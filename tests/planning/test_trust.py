"""What people reported about templates, in a plan."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tokenop import sample, settings

PEOPLE = ("ada", "grace", "edsger")
ENTRY = (
    "--organisation software --window-before 2026-06-01/2026-06-30 --calls-before 120000 --baseline-cost 3400 "
    "--quality-before 0.93 --window-after 2026-07-05/2026-08-03 --calls-after 131000 --quality-after 0.93 "
    "--implementation-time 2 --day 2026-08-20"
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with the shipped templates and no evidence."""
    root = tmp_path_factory.mktemp("repository")
    shutil.copytree(settings.shipped("templates"), root / "templates")
    (root / "validations").mkdir()
    return root


def planned(run_cli: Callable[..., Ran], root: Path, folder: Path, policy: str = "max_quality_drop: 0.01\n") -> dict:
    (folder / "policy.yaml").write_text(policy)
    ran = run_cli(
        "plan", "--events", sample.log("coding-agent"), "--templates-dir", root / "templates", "--draws", "10",
        "--json", cwd=folder,
    )  # fmt: skip
    assert ran.exit_code == 0, ran.stderr
    return json.loads(ran.stdout)


def reported(run_cli: Callable[..., Ran], root: Path, costs: dict[str, str]) -> None:
    for name, cost in costs.items():
        ran = run_cli(
            "submit-implementation", "prompt-caching", "--by", name, *ENTRY.split(), "--optimized-cost", cost,
            "--method", f"The bill by day, as {name} read it", cwd=root,
        )  # fmt: skip
        assert ran.exit_code == 0, ran.stderr + ran.stdout


def test_a_plan_says_what_people_reported_and_a_policy_may_ask_for_it(
    run_cli: Callable[..., Ran], repository: Path, tmp_path: Path
) -> None:
    before = planned(run_cli, repository, tmp_path)
    chosen = {one["id"]: one for one in before["chosen"]}
    assert chosen["prompt-caching"]["community"] is None
    none = planned(run_cli, repository, tmp_path, "min_confidence: 0.1\n")
    assert none["chosen"] == []
    assert "no implementation whose success is known" in none["rejected"][0]["reason"]

    reported(run_cli, repository, dict.fromkeys(PEOPLE[:2], "2000") | {PEOPLE[2]: "3900"})
    after = planned(run_cli, repository, tmp_path, "min_confidence: 0.5\n")
    (only,) = after["chosen"]
    assert only["id"] == "prompt-caching"
    told = only["community"]
    assert (told["implementations"], told["successes"], told["failures"], told["unknown"]) == (3, 2, 1, 0)
    assert 0.5 < told["confidence"] < 0.85

    strict = planned(run_cli, repository, tmp_path, "min_confidence: 0.95\n")
    reason = next(one["reason"] for one in strict["rejected"] if one["id"] == "prompt-caching")
    assert str(told["confidence"]) in reason
    assert "3 implementations, 2 of them successful" in reason
