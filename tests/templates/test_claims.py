"""What a template claims on the sample month is what the replay says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tokenop.catalogue import load

SAMPLE = Path(__file__).resolve().parents[2] / "tokenop" / "sample" / "month.parquet"


def test_claims_on_the_sample_month_reproduce(run_cli: Callable[..., Ran], tmp_path: Path) -> None:
    # A policy that excludes nothing for its risk, so that every template is replayed.
    policy = tmp_path / "policy.yaml"
    policy.write_text("max_quality_drop: 1\nmax_risk: high\n")
    ran = run_cli("plan", "--events", SAMPLE, "--constraints", policy, "--json", cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr
    plan = json.loads(ran.stdout)
    replayed = {entry["id"]: entry["savings_monthly_usd"] for entry in plan["chosen"] + plan["rejected"]}
    # A template that does not apply to the month is not replayed: it saves nothing there, and must claim that.
    outside = {entry["id"] for entry in plan["rejected"] if entry["code"] == "predicate"}
    replayed |= {name: {"p10": 0, "expected": 0, "p90": 0} for name in outside}
    for template in load().templates:
        claim, saving = template.claim.savings_percent, replayed[template.id]
        assert saving is not None, f"{template.id} was not replayed"
        for claimed, name in ((claim.low, "p10"), (claim.expected, "expected"), (claim.high, "p90")):
            percent = 100 * saving[name] / plan["baseline_monthly_usd"]
            allowed = max(0.06, 0.01 * abs(percent))
            assert float(claimed) == pytest.approx(percent, abs=allowed), f"{template.id}: {name}"
