"""What a plan makes of the inventory: creations, updates, replacements, deletions, and what is not known yet."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.inventory.terraform_files import Values, changed, collected, only, plan, resource
from tokenop.errors import FindingsError
from tokenop.inventory.model import Count

OLD: Values = {"instance_type": "g4dn.xlarge", "availability_zone": "us-east-1a", "instance_market_options": []}
NEW: Values = {**OLD, "instance_market_options": [{"market_type": "spot"}]}


@pytest.mark.parametrize(
    ("actions", "change"),
    [
        (["no-op"], "none"),
        (["update"], "update"),
        (["delete", "create"], "replace"),
        (["create", "delete"], "replace"),
    ],
)
def test_what_stays_is_shown_as_it_will_be(actions: list[str], change: str, tmp_path: Path) -> None:
    one = only(collected(tmp_path, plan(changed("aws_instance.i", actions, OLD, NEW))))
    assert (one.change, one.count) == (change, Count(1, 0, 1))
    assert one.before == (None if change == "none" else Count(1, 1, 0))


def test_what_is_deleted_is_listed_and_not_part_of_the_bill(tmp_path: Path) -> None:
    found = collected(
        tmp_path,
        plan(changed("aws_instance.i", ["delete"], OLD, None), changed("aws_instance.n", ["create"], None, OLD)),
    )
    gone, new = found.resources
    assert (gone.change, gone.count, gone.in_totals) == ("delete", Count(1, 1, 0), False)
    assert (new.change, new.before) == ("create", None)
    assert found.totals.resources == 1
    assert found.totals.monthly_usd == new.monthly_usd == Decimal("384.24")  # 0.526 × 730.5


def test_what_terraform_forgets_keeps_running(tmp_path: Path) -> None:
    one = only(collected(tmp_path, plan(changed("aws_instance.i", ["forget"], OLD, None))))
    assert (one.change, one.count, one.in_totals) == ("none", Count(1, 1, 0), True)
    assert "keeps running" in one.notes[0]


def test_actions_that_nobody_knows_are_a_finding(tmp_path: Path) -> None:
    with pytest.raises(FindingsError, match="actions"):
        collected(tmp_path, plan(changed("aws_instance.i", ["explode"], OLD, NEW)))


def test_what_is_known_after_apply_is_null_and_named(tmp_path: Path) -> None:
    after = {"instance_types": ["g5.xlarge"], "scaling_config": [{"min_size": 1}]}
    unknown = {"scaling_config": [{"desired_size": True}], "capacity_type": True, "arn": True}
    one = only(
        collected(tmp_path, plan(changed("aws_eks_node_group.n", ["create"], None, after, after_unknown=unknown)))
    )
    assert (one.count, one.unknown) == (Count(), ("capacity_type", "scaling_config.desired_size"))
    assert one.monthly_usd is None


def configuration(*resources: Values, **more: Any) -> Values:
    return {"root_module": {"resources": list(resources), **more}}


def configured(address: str, expressions: Values) -> Values:
    kind, name = address.split(".")
    entry = {"address": address, "mode": "managed", "type": kind, "name": name, "provider_config_key": "aws"}
    return {**entry, "expressions": expressions}


def test_what_the_sources_leave_out_has_its_default_though_the_provider_computes_it(tmp_path: Path) -> None:
    after = {"instance_type": "g5.xlarge", "launch_template": []}
    change = changed("aws_instance.i", ["create"], None, after, after_unknown={"instance_market_options": True})
    assert only(collected(tmp_path, plan(change))).count == Count(1)
    source = configuration(configured("aws_instance.i", {"instance_type": {"constant_value": "g5.xlarge"}}))
    one = only(collected(tmp_path, plan(change, configuration=source)))
    assert (one.count, one.unknown) == (Count(1, 1, 0), ())


TEMPLATE = {"name": "t", "instance_type": "g6.xlarge", "instance_market_options": []}
GROUP = {"desired_capacity": 2, "mixed_instances_policy": [], "launch_template": [{"version": "$Latest"}]}
UNKNOWN = {"launch_template": [{"id": True, "name": True}], "arn": True}


def by_reference(reference: str) -> Values:
    return {"launch_template": [{"id": {"references": [f"{reference}.id", reference]}}]}


def test_a_new_launch_template_is_found_by_the_reference_of_the_sources(tmp_path: Path) -> None:
    source = configuration(configured("aws_autoscaling_group.g", by_reference("aws_launch_template.t")))
    changes = (
        changed("aws_autoscaling_group.g", ["create"], None, GROUP, after_unknown=UNKNOWN),
        changed("aws_launch_template.t", ["create"], None, TEMPLATE, after_unknown={"id": True}),
    )
    one = only(collected(tmp_path, plan(*changes, configuration=source)))
    assert (one.instance_type, one.count) == ("g6.xlarge", Count(2, 2, 0))


def test_a_reference_is_followed_through_outputs_and_arguments_of_modules(tmp_path: Path) -> None:
    inner = {
        "resources": [configured("aws_autoscaling_group.g", {"launch_template": [{"id": {"references": ["var.lt"]}}]})]
    }
    maker = {
        "resources": [configured("aws_launch_template.t", {})],
        "outputs": {"id": {"expression": {"references": ["aws_launch_template.t.id", "aws_launch_template.t"]}}},
    }
    calls = {
        "group": {"module": inner, "expressions": {"lt": {"references": ["module.maker.id", "module.maker"]}}},
        "maker": {"module": maker, "expressions": {}},
    }
    changes = (
        changed("module.group.aws_autoscaling_group.g", ["create"], None, GROUP, after_unknown=UNKNOWN),
        changed("module.maker.aws_launch_template.t", ["create"], None, TEMPLATE, after_unknown={"id": True}),
    )
    found = collected(tmp_path, plan(*changes, configuration=configuration(module_calls=calls)))
    assert only(found).instance_type == "g6.xlarge"


def test_references_in_a_circle_end(tmp_path: Path) -> None:
    calls = {"a": {"module": {"outputs": {"x": {"expression": {"references": ["var.x"]}}}, "resources": []},
                   "expressions": {"x": {"references": ["module.a.x"]}}}}  # fmt: skip
    source = configuration(
        configured("aws_autoscaling_group.g", {"launch_template": [{"id": {"references": ["module.a.x"]}}]}),
        module_calls=calls,
    )
    change = changed("aws_autoscaling_group.g", ["create"], None, GROUP, after_unknown=UNKNOWN)
    assert not collected(tmp_path, plan(change, configuration=source)).resources


@pytest.mark.parametrize(
    "region", [{"constant_value": "eu-west-1"}, {"references": ["var.where"]}], ids=["literal", "variable"]
)
def test_a_new_resource_is_where_its_provider_is(region: Values, tmp_path: Path) -> None:
    source = configuration(configured("aws_instance.i", {}))
    source["provider_config"] = {"aws": {"name": "aws", "expressions": {"region": region}}}
    after = {"instance_type": "g5.12xlarge", "instance_market_options": []}
    change = changed("aws_instance.i", ["create"], None, after, after_unknown={"availability_zone": True})
    one = only(collected(tmp_path, plan(change, configuration=source, variables={"where": {"value": "eu-west-1"}})))
    assert (one.region, one.hourly_usd.on_demand) == ("eu-west-1", Decimal("6.33167"))


def test_a_variable_that_is_no_region_does_not_get_out(tmp_path: Path) -> None:
    source = configuration(configured("aws_instance.i", {}))
    source["provider_config"] = {"aws": {"name": "aws", "expressions": {"region": {"references": ["var.where"]}}}}
    after = {"instance_type": "g5.12xlarge", "instance_market_options": []}
    secret = plan(
        changed("aws_instance.i", ["create"], None, after),
        configuration=source,
        variables={"where": {"value": "hunter2password"}},
    )
    found = collected(tmp_path, secret)
    assert only(found).region is None
    assert "hunter2" not in found.yaml


def test_a_plan_without_changes_is_read_from_its_planned_values(tmp_path: Path) -> None:
    document = plan()
    document["planned_values"] = {"root_module": {"resources": [resource("aws_instance.i", OLD)]}}
    one = only(collected(tmp_path, document))
    assert (one.change, one.count) == ("none", Count(1, 1, 0))
