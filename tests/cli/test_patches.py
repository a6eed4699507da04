"""`tokenop patches`, and the diffs at the end of `tokenop plan`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tree_sitter_hcl")

SOURCES = """\
resource "aws_autoscaling_group" "vllm" {
  desired_capacity = 8
  mixed_instances_policy {
    instances_distribution {
      on_demand_percentage_above_base_capacity = 100 # safe
    }
  }
}
"""
DISTRIBUTION = {"on_demand_percentage_above_base_capacity": 100}
POLICY = {
    "instances_distribution": [DISTRIBUTION],
    "launch_template": [{"override": [{"instance_type": "g5.12xlarge"}]}],
}
STATE = {
    "format_version": "1.0",
    "values": {"root_module": {"resources": [{
        "address": "aws_autoscaling_group.vllm", "mode": "managed", "type": "aws_autoscaling_group", "name": "vllm",
        "values": {"arn": "arn:aws:autoscaling:us-east-1:0:x", "desired_capacity": 8, "min_size": 8, "max_size": 8,
                   "mixed_instances_policy": [POLICY]},
    }]}},
}  # fmt: skip
TEMPLATE = "terraform-spot-instances"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, module_cli: Callable[..., Any]) -> Path:
    """Return a folder with sources, an inventory made of a state, and a plan."""
    folder = tmp_path_factory.mktemp("planned")
    (folder / "main.tf").write_text(SOURCES)
    (folder / "state.json").write_text(json.dumps(STATE))
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    found = module_cli("discover", "--collectors", "terraform", "--input", "state.json", cwd=folder)
    assert found.exit_code == 0, found.stderr
    plan = module_cli("plan", "--inventory", "inventory.yaml", "--draws", "50", cwd=folder)
    assert plan.exit_code == 0, plan.stderr
    assert f"patches/{TEMPLATE}.tf.diff, 1 resource" in plan.stdout
    return folder


@pytest.fixture
def planned(made: Path, tmp_path: Path) -> Path:
    """Return a copy of it."""
    shutil.copytree(made, tmp_path / "planned")
    return tmp_path / "planned"


def test_a_plan_over_an_inventory_ends_with_a_diff_that_git_applies(planned: Path) -> None:
    subprocess.run(["git", "apply", f"patches/{TEMPLATE}.tf.diff"], cwd=planned, check=True)
    assert "on_demand_percentage_above_base_capacity = 40 # safe" in (planned / "main.tf").read_text()


def test_patches_writes_the_same_diff_as_the_plan(planned: Path, run_cli: Callable[..., Any]) -> None:
    ran = run_cli("patches", "--out", "again", "--json", cwd=planned)
    assert ran.exit_code == 0, ran.stderr
    entries = {entry["template"]: entry["changed"] for entry in json.loads(ran.stdout)}
    # What makes machines fewer is no attribute of Terraform's: it is a note, and there is one diff.
    assert {name for name, changed in entries.items() if changed} == {TEMPLATE}
    assert entries[TEMPLATE] == ["aws_autoscaling_group.vllm"]
    first, again = (planned / name / f"{TEMPLATE}.tf.diff" for name in ("patches", "again"))
    assert first.read_bytes() == again.read_bytes()


def test_a_template_may_be_named_and_the_next_command_is_said(planned: Path, run_cli: Callable[..., Any]) -> None:
    ran = run_cli("patches", "--template", "reserved-instance-planning", "--template", TEMPLATE, cwd=planned)
    assert ran.exit_code == 0, ran.stderr
    assert "8 × g5.12xlarge in us-east-1 for one year" in ran.stdout
    assert "Next: git -C" in ran.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--template", "no-such"], 2, "no-such"),
        (["--inventory", "absent.yaml"], 1, "absent.yaml"),
        (["--plan", "absent.yaml"], 1, "absent.yaml"),
        (["--plan", "main.tf"], 1, "main.tf"),
        (["--terraform", "absent"], 1, "absent"),
    ],
)
def test_what_is_missing_is_said(
    words: list[str], code: int, says: str, planned: Path, run_cli: Callable[..., Any]
) -> None:
    ran = run_cli("patches", *words, cwd=planned)
    assert (ran.exit_code, says in ran.stderr) == (code, True)
    assert "Traceback" not in ran.stderr


def test_without_sources_a_plan_has_no_diffs(planned: Path, run_cli: Callable[..., Any]) -> None:
    (planned / "main.tf").unlink()
    for path in (planned / "patches").iterdir():
        path.unlink()
    ran = run_cli("plan", "--inventory", "inventory.yaml", "--draws", "50", cwd=planned)
    assert ran.exit_code == 0
    assert "Terraform:" not in ran.stdout
    assert not list((planned / "patches").iterdir())


def test_without_the_extra_a_plan_says_so_and_stands(
    planned: Path, run_cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tree_sitter_hcl", None)
    ran = run_cli("plan", "--inventory", "inventory.yaml", "--draws", "50", cwd=planned)
    assert ran.exit_code == 0
    assert "tokenop[terraform]" in ran.stderr
    assert run_cli("patches", cwd=planned).exit_code == 2
