"""Reading a plan for a report."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tokenop.errors import FindingsError, InputError
from tokenop.reports import plan as plans


def test_amounts_are_read_to_the_last_digit(plan_file: Path) -> None:
    plan = plans.read(plan_file)
    assert plan.baseline_monthly_usd == Decimal("11142.502275")
    assert plan.after_monthly_usd == Decimal("11142.502275") - Decimal("3391.4")
    assert plan.net_months == 12


def test_marginals_of_the_fixture_add_up_to_the_joint_saving(plan_file: Path) -> None:
    plan = plans.read(plan_file)
    assert sum(template.marginal_monthly_usd for template in plan.chosen) == plan.savings_monthly_usd.expected


def test_payback_null_means_never(plan_file: Path) -> None:
    payback = plans.read(plan_file).chosen[-1].roi.payback_days
    assert payback is not None
    assert payback.p50 is None


def test_another_horizon_of_the_policy_is_read_too(plan_file: Path) -> None:
    text = plan_file.read_text(encoding="utf-8").replace("net_12_months_usd", "net_36_months_usd")
    plan = plans.parse(text, "plan.yaml")
    assert plan.net_months == 36
    assert plan.net_usd.p50 == Decimal("22136.8")
    assert plan.chosen[0].roi.net_usd is not None


def test_no_plan_here_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tokenop plan"):
        plans.read(tmp_path / "optimization-plan.yaml")


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("p50: 3391.4", "p50: lots", r"savings_monthly_usd\.p50"),
        ("p50: 3391.4", "p50: .nan", "no amount|not a finite"),
        ("p50: 3391.4", "p50: 'NaN'", r"savings_monthly_usd\.p50"),
        ("order: 2", "order: two", r"chosen\[1\]\.order"),
        ("baseline_monthly_usd: 11142.502275", "x: 1", "baseline_monthly_usd"),
        ("schema_version: 1", "schema_version: 2", "schema_version 2 is not known"),
        ("chosen:", "chosen: [", "not readable as YAML"),
        ('from: "2026-10-01T', 'from: "2026-02-31T', "window"),
        ("low_usd: 3219.50", "low_usd: .inf", "no amount|not a finite"),
    ],
)
def test_a_damaged_plan_names_the_field(plan_file: Path, old: str, new: str, field: str) -> None:
    text = plan_file.read_text(encoding="utf-8")
    assert old in text
    with pytest.raises((FindingsError, InputError), match=field):
        plans.parse(text.replace(old, new, 1), "plan.yaml")


@pytest.mark.parametrize("text", ["", "12", "- 1", "a: &a [*a]", "!!python/object/apply:os.getcwd []"])
def test_what_is_no_plan_is_an_expected_error(text: str) -> None:
    with pytest.raises((FindingsError, InputError)):
        plans.parse(text, "plan.yaml")


def test_bytes_that_are_no_text_are_an_expected_error(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"plan\.yaml"):
        plans.read(file)
