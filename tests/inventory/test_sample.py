"""The collector's sample, and real files."""

from __future__ import annotations

from pathlib import Path

from tokenop import inventory, settings
from tokenop.inventory import terraform
from tokenop.inventory.model import Count


def folder() -> Path:
    return settings.content("collectors") / "terraform"


def test_the_sample_gives_what_stands_in_expected_yaml() -> None:
    assert terraform.sample(folder()).yaml == (folder() / "expected.yaml").read_text()


def test_every_resource_of_the_sample_is_listed_or_skipped_with_a_reason() -> None:
    counts = terraform.sample(folder()).counts
    assert counts["rows_in"] == counts["listed"] + counts["skipped"] == 29


def test_the_development_sample_counts_spot_above_the_base_and_nodes_by_zone(shared_data: Path) -> None:
    found = inventory.collect([shared_data / "source_samples" / "tf_state.json"])
    group, pool = found.resources
    assert (group.address, group.count) == ("aws_autoscaling_group.vllm", Count(4, 1, 3))
    assert (group.instance_type, group.gpus_per_instance, group.accelerator) == ("g5.12xlarge", 4, "A10G")
    # A regional pool that names no zones runs in three.
    assert (pool.address, pool.count) == ("module.gpu.google_container_node_pool.l4", Count(6, 0, 6))
    assert (pool.region, pool.accelerator) == ("us-central1", "L4")


def test_real_plans_without_gpus_give_an_empty_inventory_that_counts_them(shared_data: Path) -> None:
    for name, rows in (("plan_small.json", 5), ("plan_large.json", 26)):
        found = inventory.collect([shared_data / "terraform" / name])
        assert found.resources == ()
        assert found.counts["rows_in"] == found.counts["skipped"] == rows
        assert found.origin[0].kind == "plan"


def test_two_files_at_once_give_the_resources_of_both(shared_data: Path) -> None:
    files = [shared_data / "terraform" / "plan_small.json", shared_data / "source_samples" / "tf_state.json"]
    together = inventory.collect(files)
    alone = [inventory.collect([file]) for file in files]
    assert len(together.resources) == sum(len(found.resources) for found in alone)
    assert together.counts["rows_in"] == sum(found.counts["rows_in"] for found in alone)
