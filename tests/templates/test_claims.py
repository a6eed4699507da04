"""What a template claims on the sample month is what the replay says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tokenop.catalogue import load

SAMPLE = Path(__file__).resolve().parents[2] / "tokenop" / "sample"
WORKLOADS = {
    "sample-month": (),
    "sample-month-with-inventory": ("--inventory", SAMPLE / "sample-inventory.yaml"),
}


@pytest.mark.parametrize("workload", WORKLOADS)
def test_claims_on_the_sample_month_reproduce(run_cli: Callable[..., Ran], tmp_path: Path, workload: str) -> None:
    # A policy that excludes nothing for its risk, so that every template is replayed.
    policy = tmp_path / "policy.yaml"
    policy.write_text("max_quality_drop: 1\nmax_risk: high\n")
    named = ("--events", SAMPLE / "month.parquet", *WORKLOADS[workload])
    ran = run_cli("plan", *named, "--constraints", policy, "--json", cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr
    plan = json.loads(ran.stdout)
    replayed = {entry["id"]: entry["savings_monthly_usd"] for entry in plan["chosen"] + plan["rejected"]}
    # A template that does not apply to the month is not replayed: it saves nothing there, and must claim that.
    outside = {entry["id"] for entry in plan["rejected"] if entry["code"] == "predicate"}
    replayed |= {name: {"p10": 0, "expected": 0, "p90": 0} for name in outside}
    claiming = [template for template in load().templates if template.claim.workload == workload]
    assert claiming
    for template in claiming:
        claim, saving = template.claim.savings_percent, replayed[template.id]
        assert saving is not None, f"{template.id} was not replayed"
        for claimed, name in ((claim.low, "p10"), (claim.expected, "expected"), (claim.high, "p90")):
            percent = 100 * saving[name] / plan["baseline_monthly_usd"]
            allowed = max(0.06, 0.01 * abs(percent))
            assert float(claimed) == pytest.approx(percent, abs=allowed), f"{template.id}: {name}"
