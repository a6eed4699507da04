"""Plans over tokens and machines: two bills, one plan, and what is said where there is no inventory."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal

import pytest
import yaml

from tokenop import sample
from tokenop.catalogue import load

INVENTORY = sample.month().with_name("sample-inventory.yaml")
MACHINES = {one.id for one in load().templates if {lever.kind for lever in one.levers} == {"capacity"}} | {
    "terraform-spot-instances"
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with the sample month and its inventory beside it."""
    made = tmp_path_factory.mktemp("both")
    shutil.copy(sample.month(), made / "events.parquet")
    shutil.copy(INVENTORY, made / "inventory.yaml")
    return made


def planned(run_cli, folder, *arguments):
    ran = run_cli("plan", "--json", "--draws", 20, *arguments, cwd=folder)
    assert ran.exit_code == 0, ran.stderr
    return json.loads(ran.stdout), ran.stderr


@pytest.fixture(scope="module")
def both(module_cli, folder):
    """Return the plan of the month and its machines, what was said beside it, and its folder, left as it is."""
    return *planned(module_cli, folder), folder


def test_the_baseline_is_both_bills_and_the_saving_is_on_both(both):
    plan, said, _ = both
    baseline, machines = plan["baseline"], plan["infrastructure"]
    assert machines["monthly_usd"] == baseline["infrastructure_monthly_usd"] == 14632.38
    assert plan["baseline_monthly_usd"] == pytest.approx(baseline["tokens_monthly_usd"] + 14632.38)
    assert plan["joint"]["replayed_monthly_usd"] == pytest.approx(plan["joint"]["pooled_monthly_usd"], abs=0.02)
    assert sum(one["marginal_monthly_usd"] for one in plan["chosen"]) == pytest.approx(
        plan["savings_monthly_usd"]["expected"], abs=0.05
    )
    assert machines["unpriced_resources"] == ["module.sample_claims.aws_sagemaker_endpoint.fraud_score (AllTraffic)"]
    saved = sum(one["monthly_usd"] - one["after_monthly_usd"] for one in machines["changes"])
    assert machines["monthly_usd"] - machines["after_monthly_usd"] == pytest.approx(saved, abs=0.05)
    assert len(plan["inputs"]["inventory_hash"]) == 32
    assert "inventory.yaml" in said


def test_machines_change_nothing_for_calls_and_their_absence_changes_nothing_at_all(run_cli, both, tmp_path):
    plan, _, folder = both
    shutil.copy(folder / "events.parquet", tmp_path / "events.parquet")
    alone, said = planned(run_cli, tmp_path)
    assert said == ""
    assert alone["baseline_monthly_usd"] == plan["baseline"]["tokens_monthly_usd"]
    of_calls = {one["id"] for one in plan["chosen"]} - MACHINES
    # terraform-spot-instances batches the calls of batch-inference itself.
    assert {one["id"] for one in alone["chosen"]} - of_calls <= {"batch-inference"}
    assert "infrastructure" not in alone
    assert "inventory_hash" not in alone["inputs"]
    reasons = {one["id"]: one for one in alone["rejected"] if one["id"] in MACHINES}
    assert set(reasons) == MACHINES
    for one in reasons.values():
        assert (one["code"], one["savings_monthly_usd"]) == ("predicate", None)
        assert "tokenop discover" in one["reason"]
        assert "--inventory" in one["reason"]


def test_share_is_swept_and_every_range_moves_the_result(both):
    plan, _, _ = both
    chosen = next(one for one in plan["chosen"] if one["id"] == "reserved-instance-planning")
    swept = {sweep["parameter"]: sweep for sweep in chosen["sweeps"]}["capacity.share"]
    assert [point["value"] for point in swept["points"]][-1] == 1.0
    assert {one["parameter"] for one in chosen["sensitivity"]} == {
        "capacity.share",
        "capacity.discount",
        "capacity.commitment_unused",
    }
    assert chosen["matched"]["resources"] == 2
    assert chosen["levers"][0]["measured"]["unknown_resources"] == 1


def test_an_inventory_alone_gives_a_plan_whose_tokens_are_unknown(run_cli, tmp_path):
    shutil.copy(INVENTORY, tmp_path / "inventory.yaml")
    plan, _ = planned(run_cli, tmp_path)
    assert plan["baseline"]["tokens_monthly_usd"] is None
    assert plan["baseline_monthly_usd"] == plan["infrastructure"]["monthly_usd"]
    assert {one["id"] for one in plan["chosen"]} <= MACHINES
    assert plan["chosen"]
    assert plan["window"]["from"] is None
    assert plan["baseline"]["sample"] is True
    again = run_cli("report", cwd=tmp_path)
    assert again.exit_code == 1
    assert "inventory alone" in again.stderr
    text = run_cli("plan", "--draws", 20, cwd=tmp_path)
    assert "today's tokens are unknown" in text.stdout


def test_without_calls_and_without_an_inventory_there_is_nothing_to_plan(run_cli, tmp_path):
    assert run_cli("plan", cwd=tmp_path).exit_code == 3


def test_a_wrong_inventory_is_named_with_its_line(run_cli, folder, tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(INVENTORY.read_text().replace("purpose: gpu", "purpose: games", 1))
    ran = run_cli("plan", "--inventory", wrong, cwd=folder)
    assert ran.exit_code == 1
    assert f"{wrong.name}:" in ran.stderr.replace("\n", "")


def test_the_report_shows_both_bills_and_the_machines_that_change(run_cli, both):
    _, _, folder = both
    ran = run_cli("report", cwd=folder)
    assert ran.exit_code == 0, ran.stderr
    page = (folder / "reports" / "report.html").read_text(encoding="utf-8")
    assert "tokens $46,1" in page
    assert "infrastructure $14,632" in page
    assert '<h2 id="infrastructure">' in page
    assert "module.sample_analytics.aws_autoscaling_group.tag_feedback" in page
    assert "1 have no known count or price" in page
    # Long addresses break, so that the amounts stay in view on a phone.
    assert '<th scope="row" class="address">module.' in page
    assert ".address { overflow-wrap: anywhere" in page


def test_the_plan_is_printed_with_the_machines(run_cli, small_month, tmp_path):
    text = run_cli("plan", "--draws", 20, "--events", small_month, "--inventory", INVENTORY, cwd=tmp_path)
    assert "infrastructure $14,632: 4 resources, 1 without a known bill" in text.stdout


def test_a_commitment_that_only_costs_is_said_to_cost(run_cli, tmp_path):
    (tmp_path / "inventory.yaml").write_text(
        "schema_version: 1\nresources:\n"
        "  - {address: rack.a, provider: aws, type: own, purpose: gpu, instance_type: g5.xlarge, origin: 0,\n"
        "     count: {total: 2, on_demand: 2, spot: 0}, hourly_usd: {on_demand: '1', reserved_1y: '2'}}\n"
    )
    plan, _ = planned(run_cli, tmp_path)
    (reason,) = (one["reason"] for one in plan["rejected"] if one["id"] == "reserved-instance-planning")
    # 60 % of 2 at 2 / 0.92 in the place of 1 USD an hour, 730.5 hours
    assert reason == "alone it would cost $1,029.05 more a month"
    assert plan["chosen"] == []


def test_a_budget_counts_the_machines(run_cli, small_month, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("monthly_budget_usd: 16000\n")
    plan, _ = planned(run_cli, tmp_path, "--constraints", policy, "--events", small_month, "--inventory", INVENTORY)
    after = Decimal(str(plan["budget"]["after_usd"]))
    assert after > Decimal(str(plan["infrastructure"]["after_monthly_usd"]))
    saved = Decimal(str(plan["joint"]["replayed_monthly_usd"]))
    assert after == pytest.approx(Decimal(str(plan["baseline_monthly_usd"])) - saved, abs=Decimal("0.05"))


def test_the_written_plan_is_the_printed_one(both):
    plan, _, folder = both
    assert yaml.safe_load((folder / "optimization-plan.yaml").read_text())["infrastructure"] == plan["infrastructure"]
