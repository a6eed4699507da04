"""Which machines of a real state the templates for fleets act on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.inventory.terraform_files import Values, collected, resource, state
from tokenop.catalogue import load

FIXED = {"desired_capacity": 8, "min_size": 8, "max_size": 8, "availability_zones": ["us-east-1a"]}
GROUP = "aws_autoscaling_group.g"


def fleet(**sizes: Any) -> tuple[Values, Values]:
    """Return an Auto Scaling group, all on demand, and its launch template."""
    template = resource("aws_launch_template.t", {"id": "lt-1", "instance_type": "g5.12xlarge"})
    return resource(GROUP, {**FIXED, **sizes, "launch_template": [{"id": "lt-1"}]}), template


def saved(run_cli: Any, folder: Path, *resources: Values) -> float:
    """Return what scaling alone saves of these resources a month, by the template's expected values."""
    collected(folder, state(*resources)).write(folder / "inventory.yaml")
    ran = run_cli("plan", "--json", "--draws", 10, cwd=folder)
    assert ran.exit_code == 0, ran.stderr
    plan = json.loads(ran.stdout)
    found: dict[str, Any] = {entry["id"]: entry for entry in plan["chosen"] + plan["rejected"]}
    return float(found["terraform-spot-instances"]["savings_monthly_usd"]["expected"])


def test_a_fleet_of_a_fixed_size_is_scaled_before_a_share_of_it_becomes_spot(run_cli: Any, tmp_path: Path) -> None:
    (template,) = (one for one in load().templates if one.id == "terraform-spot-instances")
    scale, spot = (
        {name: float(one.expected) for name, one in lever.parameters.items()}
        for lever in template.levers
        if lever.kind == "capacity"
    )
    bill, idle = 8 * 5.672 * 730.5, scale["share"] * scale["idle_share"]
    on_spot = spot["share"] * (1 - (1 - spot["discount"]) * (1 + spot["interruption_overhead"]))
    assert saved(run_cli, tmp_path, *fleet()) == pytest.approx(bill * (idle + (1 - idle) * on_spot), abs=0.02)
    # Something that the file does not hold may scale it already.
    assert saved(run_cli, tmp_path, *fleet(min_size=1)) == pytest.approx(bill * on_spot, abs=0.02)
