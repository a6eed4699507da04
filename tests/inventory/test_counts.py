"""How each kind of resource is counted: spot, on demand, zones, machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.inventory.terraform_files import Values, collected, only, resource, state
from tokenop.inventory.kinds.base import mixed
from tokenop.inventory.model import Autoscaling, Count, Resource


def one(folder: Path, address: str, values: Values, *others: Values) -> Resource:
    found = collected(folder, state(resource(address, values), *others))
    return next(entry for entry in found.resources if entry.address == address)


def group(base: Any, percent: Any, desired: Any = 4, types: tuple[str, ...] = ("g5.xlarge",), **rules: Any) -> Values:
    distribution = {
        "on_demand_base_capacity": base,
        "on_demand_percentage_above_base_capacity": percent,
        **rules,
    }
    override = [{"instance_type": kind} for kind in types]
    policy = {"instances_distribution": [distribution], "launch_template": [{"override": override}]}
    return {"desired_capacity": desired, "min_size": 1, "max_size": 9, "mixed_instances_policy": [policy]}


@pytest.mark.parametrize(
    ("base", "percent", "count"),
    [
        (1, 0, Count(4, 1, 3)),
        (0, 100, Count(4, 4, 0)),
        (None, None, Count(4, 4, 0)),  # AWS's defaults: no base, all on demand
        (0, 50, Count(4, 2, 2)),
        (1, 50, Count(4, 3, 1)),  # 1.5 above the base: fractions go to on demand
        (9, 0, Count(4, 4, 0)),  # a base above the size
        ("1", "0", Count(4, 1, 3)),
    ],
)
def test_an_autoscaling_group_splits_above_its_base(base: Any, percent: Any, count: Count, tmp_path: Path) -> None:
    assert one(tmp_path, "aws_autoscaling_group.g", group(base, percent)).count == count


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 100))
def test_a_split_always_adds_up_and_never_promises_more_spot_than_the_formula(total: int, base: int, part: int) -> None:
    count = mixed(total, base, part)
    assert count.on_demand is not None
    assert count.spot is not None
    assert count.on_demand + count.spot == total
    assert count.spot <= max(total - base, 0) * (100 - part) / 100 < count.spot + 1


def test_a_group_without_a_policy_is_what_its_launch_template_says(tmp_path: Path) -> None:
    for market, count in (([], Count(2, 2, 0)), ([{"market_type": "spot"}], Count(2, 0, 2))):
        template = {"id": "lt-1", "name": "t", "instance_type": "g6.xlarge", "instance_market_options": market}
        values = {"desired_capacity": 2, "launch_template": [{"id": "lt-1"}], "mixed_instances_policy": []}
        found = one(tmp_path, "aws_autoscaling_group.g", values, resource("aws_launch_template.t", template))
        assert (found.instance_type, found.count) == ("g6.xlarge", count)


def test_a_launch_template_may_be_referred_to_by_name_and_from_a_mixed_policy(tmp_path: Path) -> None:
    values = group(0, 0, types=())
    specification = [{"launch_template_name": "t"}]
    values["mixed_instances_policy"][0]["launch_template"][0]["launch_template_specification"] = specification
    template = resource("aws_launch_template.t", {"id": "lt-1", "name": "t", "instance_type": "g6.xlarge"})
    assert one(tmp_path, "aws_autoscaling_group.g", values, template).instance_type == "g6.xlarge"


def test_an_old_launch_configuration_is_spot_where_it_bids(tmp_path: Path) -> None:
    values = {"desired_capacity": 3, "launch_configuration": "lc"}
    configuration = {"name": "lc", "instance_type": "p3.2xlarge", "spot_price": "1.2"}
    other = resource("aws_launch_configuration.c", configuration)
    assert one(tmp_path, "aws_autoscaling_group.g", values, other).count == Count(3, 0, 3)


def test_a_group_whose_machine_is_elsewhere_is_left_out_with_that_reason(tmp_path: Path) -> None:
    found = collected(tmp_path, state(resource("aws_autoscaling_group.g", {"desired_capacity": 3})))
    assert not found.resources
    assert found.skipped[0].reason == "its machine type is not in this file"


def test_several_types_are_priced_at_the_first_only_where_on_demand_follows_their_order(tmp_path: Path) -> None:
    types = ("g5.xlarge", "g5.2xlarge")
    for base, strategy, priced in ((2, None, "g5.xlarge"), (2, "lowest-price", None), (0, None, None)):
        rules = {"on_demand_allocation_strategy": strategy} if strategy else {}
        found = one(tmp_path, "aws_autoscaling_group.g", group(base, 0, types=types, **rules))
        assert (found.instance_type, found.instance_types) == (priced, types)
        assert (found.gpus_per_instance, found.accelerator) == (1, "A10G")


def test_capacity_in_weights_is_no_number_of_instances(tmp_path: Path) -> None:
    values = group(0, 100)
    override = [{"instance_type": "g5.xlarge", "weighted_capacity": "4"}]
    values["mixed_instances_policy"][0]["launch_template"][0]["override"] = override
    assert one(tmp_path, "aws_autoscaling_group.g", values).count == Count()


def test_a_scaling_policy_makes_a_group_scale_and_equal_bounds_make_it_fixed(tmp_path: Path) -> None:
    values = {**group(0, 100), "id": "g", "name": "g"}
    policy = resource("aws_autoscaling_policy.p", {"autoscaling_group_name": "g"})
    assert one(tmp_path, "aws_autoscaling_group.g", values, policy).autoscaling == Autoscaling(1, 9, True)
    assert one(tmp_path, "aws_autoscaling_group.g", values).autoscaling == Autoscaling(1, 9, None)
    fixed = {**values, "min_size": 4, "max_size": 4}
    assert one(tmp_path, "aws_autoscaling_group.g", fixed).autoscaling == Autoscaling(4, 4, False)


@pytest.mark.parametrize(("capacity", "spot"), [("SPOT", 3), ("ON_DEMAND", 0), (None, 0)])
def test_an_eks_node_group_is_spot_or_not_as_a_whole(capacity: str | None, spot: int, tmp_path: Path) -> None:
    scaling = [{"desired_size": 3, "min_size": 0, "max_size": 5}]
    values = {"instance_types": ["g5.xlarge"], "capacity_type": capacity, "scaling_config": scaling}
    found = one(tmp_path, "aws_eks_node_group.n", values)
    assert (found.count, found.scale_to_zero) == (Count(3, 3 - spot, spot), True)


def test_sagemaker_variants_are_rows_of_their_own_counted_for_each_endpoint(tmp_path: Path) -> None:
    variants = [
        {"variant_name": "a", "instance_type": "ml.g5.2xlarge", "initial_instance_count": 2},
        {"variant_name": "b", "instance_type": "ml.m5.large", "initial_instance_count": 1},
    ]
    config = resource("aws_sagemaker_endpoint_configuration.c", {"name": "c", "production_variants": variants})
    ends = [resource(f"aws_sagemaker_endpoint.e{n}", {"name": f"e{n}", "endpoint_config_name": "c"}) for n in (1, 2)]
    first, second = collected(tmp_path, state(config, *ends)).resources
    assert (first.part, first.count, first.accelerator) == ("production_variants[0]", Count(4, 4, 0), "A10G")
    # An inference endpoint counts whatever it runs on; SageMaker's price is not that of EC2.
    assert (second.count, second.accelerator, first.hourly_usd.on_demand) == (Count(2, 2, 0), None, None)


def test_a_sagemaker_variant_scales_by_its_own_bounds_or_by_a_target(tmp_path: Path) -> None:
    managed = [{"status": "ENABLED", "min_instance_count": 0, "max_instance_count": 4}]
    variant = {"variant_name": "a", "instance_type": "ml.g5.xlarge", "initial_instance_count": 1}
    config = {"name": "c", "production_variants": [{**variant, "managed_instance_scaling": managed}]}
    found = one(tmp_path, "aws_sagemaker_endpoint_configuration.c", config)
    assert (found.autoscaling, found.scale_to_zero) == (Autoscaling(0, 4, True), True)
    endpoint = resource("aws_sagemaker_endpoint.e", {"name": "e", "endpoint_config_name": "c"})
    target = {"resource_id": "endpoint/e/variant/a", "min_capacity": 1, "max_capacity": 3}
    others = [endpoint, resource("aws_appautoscaling_target.t", target)]
    plain = {"name": "c", "production_variants": [variant]}
    found = one(tmp_path, "aws_sagemaker_endpoint_configuration.c", plain, *others)
    assert found.autoscaling == Autoscaling(1, 3, True)


@pytest.mark.parametrize(("term", "count"), [("OneMonth", Count(2, 0, 0, 2)), (None, Count(2, 2, 0))])
def test_bedrock_units_with_a_commitment_are_reserved(term: str | None, count: Count, tmp_path: Path) -> None:
    arn = "arn:aws:bedrock:eu-west-1::foundation-model/m"
    values = {"model_arn": arn, "model_units": 2, "commitment_duration": term, "provisioned_model_arn": arn}
    found = one(tmp_path, "aws_bedrock_provisioned_model_throughput.p", values)
    assert (found.count, found.purpose, found.region) == (count, "inference", "eu-west-1")


def test_a_capacity_reservation_is_listed_and_not_counted_again(tmp_path: Path) -> None:
    values = {"instance_type": "p5.48xlarge", "instance_count": 2, "availability_zone": "us-east-1a"}
    found = collected(tmp_path, state(resource("aws_ec2_capacity_reservation.r", values)))
    assert (only(found).count, only(found).counted) == (Count(2, 0, 0, 2), False)
    assert (found.totals.resources, found.totals.monthly_usd) == (0, None)


def test_fleets_split_by_their_targets(tmp_path: Path) -> None:
    config = [{"override": [{"instance_type": "g5.xlarge"}], "overrides": [{"instance_type": "g5.xlarge"}]}]
    target = {"total_target_capacity": 5, "spot_target_capacity": 3, "default_target_capacity_type": "on-demand"}
    fleet = {"launch_template_config": config, "target_capacity_specification": [target]}
    assert one(tmp_path, "aws_ec2_fleet.f", fleet).count == Count(5, 2, 3)
    request = {"launch_template_config": config, "target_capacity": 5, "on_demand_target_capacity": 1}
    assert one(tmp_path, "aws_spot_fleet_request.f", request).count == Count(5, 1, 4)


def pool(**values: Any) -> Values:
    node = {"machine_type": "g2-standard-4", "spot": False, "preemptible": False, **values.pop("node", {})}
    return {"location": "us-central1", "node_count": 2, "node_config": [node], **values}


@pytest.mark.parametrize(
    ("values", "count"),
    [
        (pool(), Count(6, 6, 0)),  # regional: three zones unless it names them
        (pool(node_locations=["us-central1-a", "us-central1-b"]), Count(4, 4, 0)),
        (pool(location="us-central1-a"), Count(2, 2, 0)),
        (pool(location="us-central1-a", node={"spot": True}), Count(2, 0, 2)),
        (pool(location="us-central1-a", node={"preemptible": True}), Count(2, 0, 2)),
        (pool(location="us-central1-a", node_count=None, initial_node_count=1), Count(1, 1, 0)),
        (pool(location=None, node_count=2), Count()),
    ],
)
def test_gke_counts_nodes_in_each_zone(values: Values, count: Count, tmp_path: Path) -> None:
    assert one(tmp_path, "google_container_node_pool.p", values).count == count


def test_gke_takes_zones_from_the_cluster_where_the_pool_has_none(tmp_path: Path) -> None:
    values = {"name": "c", "location": "us-central1", "node_locations": ["us-central1-a", "us-central1-f"]}
    found = one(
        tmp_path, "google_container_node_pool.p", pool(cluster="c"), resource("google_container_cluster.c", values)
    )
    assert found.count == Count(4, 4, 0)


def test_gke_bounds_are_by_zone_or_of_the_whole(tmp_path: Path) -> None:
    by_zone = pool(autoscaling=[{"min_node_count": 0, "max_node_count": 3, "total_max_node_count": 0}])
    assert one(tmp_path, "google_container_node_pool.p", by_zone).autoscaling == Autoscaling(0, 9, True)
    whole = pool(autoscaling=[{"total_min_node_count": 1, "total_max_node_count": 4}])
    assert one(tmp_path, "google_container_node_pool.p", whole).autoscaling == Autoscaling(1, 4, True)


def test_an_accelerator_on_an_ordinary_machine_makes_it_a_gpu_without_a_price(tmp_path: Path) -> None:
    guests = [{"type": "nvidia-tesla-t4", "count": 2}]
    values = {"machine_type": "n1-standard-8", "zone": "us-central1-a", "guest_accelerator": guests}
    found = one(tmp_path, "google_compute_instance.i", values)
    assert (found.accelerator, found.gpus_per_instance, found.monthly_usd) == ("T4", 2, None)


def test_an_instance_group_takes_machine_and_spot_from_its_template(tmp_path: Path) -> None:
    spot = [{"provisioning_model": "SPOT", "preemptible": True}]
    template = {"self_link": "https://x/t", "machine_type": "a2-highgpu-1g", "scheduling": spot}
    values = {"target_size": 3, "zone": "us-central1-a", "version": [{"instance_template": "https://x/t"}]}
    other = resource("google_compute_instance_template.t", template)
    found = one(tmp_path, "google_compute_instance_group_manager.g", values, other)
    assert (found.instance_type, found.accelerator, found.count) == ("a2-highgpu-1g", "A100", Count(3, 0, 3))


def test_vertex_models_are_rows_and_count_their_least_replicas(tmp_path: Path) -> None:
    machine = {"machine_type": "g2-standard-12", "accelerator_type": "NVIDIA_L4", "accelerator_count": 1}
    resources = [{"machine_spec": [machine], "min_replica_count": 1, "max_replica_count": 4}]
    found = one(tmp_path, "google_vertex_ai_endpoint.e", {"deployed_models": [{"dedicated_resources": resources}]})
    assert (found.accelerator, found.count, found.autoscaling.max) == ("L4", Count(1, 1, 0), 4)


@pytest.mark.parametrize(("priority", "spot"), [("Spot", 2), ("Regular", 0), (None, 0)])
def test_azure_spot_is_a_priority(priority: str | None, spot: int, tmp_path: Path) -> None:
    size, count = "Standard_NC8as_T4_v3", Count(2, 2 - spot, spot)
    nodes = {"vm_size": size, "node_count": 2, "priority": priority, "kubernetes_cluster_id": "/c"}
    cluster = resource("azurerm_kubernetes_cluster.c", {"id": "/c", "location": "East US"})
    found = one(tmp_path, "azurerm_kubernetes_cluster_node_pool.p", nodes, cluster)
    assert (found.count, found.region, found.accelerator) == (count, "eastus", "T4")
    machines = {"sku": size, "instances": 2, "priority": priority, "location": "eastus"}
    assert one(tmp_path, "azurerm_linux_virtual_machine_scale_set.s", machines).count == count


def test_provisioned_deployments_are_counted_and_pay_as_you_go_ones_belong_to_the_events(tmp_path: Path) -> None:
    def deployment(sku: str) -> Resource:
        values = {"sku": [{"name": sku, "capacity": 100}], "model": [{"name": "gpt-4o"}]}
        return one(tmp_path, "azurerm_cognitive_deployment.d", values)

    for sku in ("ProvisionedManaged", "GlobalProvisionedManaged", "DataZoneProvisionedManaged"):
        assert (deployment(sku).count, deployment(sku).counted) == (Count(100, 100, 0), True)
    for sku in ("Standard", "GlobalBatch", "GlobalStandard"):
        assert (deployment(sku).count, deployment(sku).counted) == (Count(), False)


def test_databricks_clusters_keep_their_first_nodes_on_demand(tmp_path: Path) -> None:
    attributes = [{"availability": "SPOT_WITH_FALLBACK", "first_on_demand": 1}]
    values = {"node_type_id": "g5.xlarge", "num_workers": 3, "aws_attributes": attributes}
    found = one(tmp_path, "databricks_cluster.c", values)
    assert (found.part, found.count, found.monthly_usd) == ("nodes", Count(4, 1, 3), None)
    values["driver_node_type_id"] = "m5.xlarge"
    assert one(tmp_path, "databricks_cluster.c", values).count == Count(3, 0, 3)


def test_databricks_serving_tells_gpus_and_external_models_apart(tmp_path: Path) -> None:
    entities = [
        {"workload_type": "MULTIGPU_MEDIUM", "scale_to_zero_enabled": False},
        {"external_model": [{"provider": "openai", "name": "gpt-4o"}]},
    ]
    config = resource("databricks_model_serving.s", {"config": [{"served_entities": entities}]})
    own, external = collected(tmp_path, state(config)).resources
    assert (own.gpus_per_instance, own.accelerator, own.scale_to_zero, own.counted) == (4, "A10G", False, True)
    assert (external.counted, external.gpus_per_instance) == (False, None)


def test_a_stopped_machine_is_not_paid_for(tmp_path: Path) -> None:
    values = {"instance_type": "g5.xlarge", "availability_zone": "us-east-1a", "instance_state": "stopped"}
    assert one(tmp_path, "aws_instance.i", values).count == Count(0, 0, 0)
