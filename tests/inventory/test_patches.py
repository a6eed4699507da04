"""Terraform diffs: applied by git, parsed again, undone to the byte."""

from __future__ import annotations

import math
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.inventory.patching import (
    Amount,
    Lever,
    Template,
    added,
    asking,
    git,
    inventory,
    proven,
    removed,
    running,
    write,
)
from tokenop.errors import InputError, MisuseError
from tokenop.inventory.kinds.base import mixed
from tokenop.inventory.model import Autoscaling, Count, Resource
from tokenop.inventory.patches import diffs, edits, make

pytest.importorskip("tree_sitter_hcl")

NODES = 'resource "aws_eks_node_group" "gpu" {\n  for_each = var.pools\n}\n'
MIXED = """\
# The fleet.
resource "aws_autoscaling_group" "vllm" {
  name             = "vllm" # keep
  desired_capacity = 4

  mixed_instances_policy {
    instances_distribution {
      on_demand_base_capacity                  = 1
      on_demand_percentage_above_base_capacity = 100 # all of it
    }
    launch_template {
      launch_template_specification { launch_template_id = aws_launch_template.vllm.id }
    }
  }
}
"""


def test_a_mixed_group_gets_another_share_above_its_base_and_keeps_every_comment(tmp_path: Path) -> None:
    diff, after = proven(write(tmp_path, main=MIXED), inventory("aws_autoscaling_group.vllm"), asking("spot", "0.7"))
    # 4 × 0.3 = 1.2 stay, 1 of them is the base: 0.2 of 3 is 7 %, rounded up.
    assert added(diff) == ["on_demand_percentage_above_base_capacity = 7 # all of it"]
    assert len(removed(diff)) == 1
    assert b"# The fleet." in after["main.tf"]
    assert diff.changed == ("aws_autoscaling_group.vllm",)


@pytest.mark.parametrize(("share", "base", "percent"), [("1", "0", "0"), ("0.5", None, "33"), ("0.25", None, "66")])
def test_the_share_that_stays_decides_base_and_percentage(
    share: str, base: str | None, percent: str, tmp_path: Path
) -> None:
    diff, _ = proven(write(tmp_path, main=MIXED), inventory("aws_autoscaling_group.vllm"), asking("spot", share))
    lines = " ".join(added(diff))
    assert f"on_demand_percentage_above_base_capacity = {percent}" in lines
    assert ("on_demand_base_capacity" in lines) == (base is not None)


@given(st.integers(1, 250), st.integers(0, 300), st.integers(0, 100))
def test_the_group_that_a_diff_makes_keeps_the_share_rounded_up_to_whole_machines(
    total: int, base: int, percent: int
) -> None:
    kept = Decimal(total) * (100 - percent) / 100
    base = min(base, math.ceil(kept))
    found = mixed(total, base, edits._percent(kept - base, total - base)).on_demand
    assert found is not None
    # Whole percent are finer than one machine up to a hundred of them; above, one percent is what they can be off.
    assert math.ceil(kept) <= found + total // 100
    assert found <= math.ceil(kept) + total // 100


def test_a_note_says_what_whole_machines_make_of_the_share(tmp_path: Path) -> None:
    diff, _ = proven(write(tmp_path, main=MIXED), inventory("aws_autoscaling_group.vllm"), asking("spot", "0.7"))
    assert "2 of 4 instances stay on demand" in diff.notes[0]
    assert diff.notes[0].endswith("the plan 1.2")
    (tmp_path / "exact").mkdir()
    exact = write(tmp_path / "exact", main=MIXED)
    assert diffs(inventory("aws_autoscaling_group.vllm"), asking("spot", "0.5"), exact)[0].notes == ()


def test_a_floor_limits_what_moves(tmp_path: Path) -> None:
    lever = Lever({"change": "spot"}, {"share": Amount(Decimal(1)), "on_demand_floor": Amount(Decimal("0.5"))}, "TRUE")
    diff, _ = proven(write(tmp_path, main=MIXED), inventory("aws_autoscaling_group.vllm"), Template((lever,)))
    assert added(diff) == ["on_demand_percentage_above_base_capacity = 33 # all of it"]


PLAIN = """\
resource "aws_autoscaling_group" "g" {
  count            = 2
  desired_capacity = 3

  # where it comes from
  launch_template {
    # by id
    id      = aws_launch_template.vllm.id
    version = "$Latest" # newest
  }

  tag {
    key                 = "team"
    value               = "llm"
    propagate_at_launch = true
  }
}
"""


def test_a_plain_group_gets_its_template_wrapped_in_a_policy(tmp_path: Path) -> None:
    found = inventory("aws_autoscaling_group.g[0]", "aws_autoscaling_group.g[1]")
    diff, after = proven(write(tmp_path, main=PLAIN), found, asking("spot", "0.6"))
    text = after["main.tf"].decode()
    assert "      launch_template_specification {\n        # by id\n" in text
    assert "        launch_template_id = aws_launch_template.vllm.id\n" in text
    assert '        version            = "$Latest" # newest\n' in text
    assert "  # where it comes from\n" in text
    assert diff.changed == ("aws_autoscaling_group.g[0]", "aws_autoscaling_group.g[1]")


def test_a_launch_configuration_is_a_note(tmp_path: Path) -> None:
    text = 'resource "aws_autoscaling_group" "g" {\n  launch_configuration = "old"\n}\n'
    diff, _ = proven(write(tmp_path, main=text), inventory("aws_autoscaling_group.g"), asking("spot"))
    assert diff.text == ""
    assert "launch configuration" in diff.notes[0]


SPOT: dict[str, tuple[str, list[str]]] = {
    "aws_eks_node_group": (
        "instance_types = [1]\n  scaling_config {\n    min_size = 1\n  }",
        ['capacity_type  = "SPOT"'],
    ),
    "aws_instance": (
        'instance_type = "g5.xlarge"',
        ["", "instance_market_options {", 'market_type = "spot"', "}"],
    ),
    "google_container_node_pool": ('node_config {\n    machine_type = "g2"\n  }', ["spot         = true"]),
    "google_compute_instance": (
        'machine_type = "g2-standard-4"',
        [
            "",
            "scheduling {",
            "preemptible        = true",
            "automatic_restart  = false",
            'provisioning_model = "SPOT"',
            "}",
        ],
    ),
    "azurerm_kubernetes_cluster_node_pool": (
        'vm_size = "Standard_NC4as_T4_v3"\n  priority = "Regular"',
        ['priority = "Spot"', 'eviction_policy = "Delete"', "spot_max_price = -1"],
    ),
    "azurerm_linux_virtual_machine": (
        'size = "Standard_NC4as_T4_v3"',
        ['priority = "Spot"', 'eviction_policy = "Deallocate"', "max_bid_price = -1"],
    ),
    "azurerm_linux_virtual_machine_scale_set": (
        'sku = "Standard_NC4as_T4_v3"',
        ['priority = "Spot"', 'eviction_policy = "Delete"', "max_bid_price = -1"],
    ),
    "azurerm_machine_learning_compute_cluster": ('vm_priority = "Dedicated"', ['vm_priority = "LowPriority"']),
    "databricks_cluster": (
        'num_workers = 3\n  aws_attributes {\n    availability = "ON_DEMAND"\n  }',
        ['availability = "SPOT_WITH_FALLBACK"', "first_on_demand = 1"],
    ),
    "databricks_instance_pool": (
        'azure_attributes {\n    availability = "ON_DEMAND_AZURE"\n  }',
        ['availability = "SPOT_AZURE"'],
    ),
}


@pytest.mark.parametrize("kind", SPOT)
def test_spot_is_set_where_each_kind_of_resource_has_it(kind: str, tmp_path: Path) -> None:
    body, lines = SPOT[kind]
    text = f'resource "{kind}" "r" {{\n  {body}\n}}\n'
    diff, _ = proven(write(tmp_path, main=text), inventory(f"{kind}.r"), asking("spot"))
    assert added(diff) == lines


@pytest.mark.parametrize("kind", SPOT)
@pytest.mark.parametrize("style", ["one line", "crlf", "no last line end", "tabs", "comment at the end"])
def test_any_layout_is_kept(kind: str, style: str, tmp_path: Path) -> None:
    body, lines = SPOT[kind]
    text = f'# before\nresource "{kind}" "r" {{\n  {body} # said\n}}\n\n/* after */\n'
    if style == "one line":
        text = f'resource "{kind}" "r" {{}}\n'
    elif style == "crlf":
        text = text.replace("\n", "\r\n")
    elif style == "no last line end":
        text = text.rstrip("\n")
    elif style == "tabs":
        text = text.replace("  ", "\t")
    else:
        text = text.replace("\n}\n", "\n  # nothing more\n}\n")
    resource = running(f"{kind}.r", instance_type="g5.xlarge")
    diff, after = proven(write(tmp_path, main=text), inventory(resource), asking("spot"))
    assert added(diff)
    if style == "crlf":
        assert b"\n" not in after["main.tf"].replace(b"\r\n", b"")
    for comment in (b"# before", b"# said", b"/* after */", b"# nothing more"):
        assert (comment in text.encode()) == (comment in after["main.tf"])
    assert lines


def test_an_instance_group_of_google_changes_its_template(tmp_path: Path) -> None:
    text = (
        'resource "google_compute_instance_template" "t" {\n  machine_type = "g2-standard-4"\n}\n'
        'resource "google_compute_instance_group_manager" "g" {\n  version {\n'
        "    instance_template = google_compute_instance_template.t.self_link_unique\n  }\n}\n"
    )
    diff, _ = proven(write(tmp_path, main=text), inventory("google_compute_instance_group_manager.g"), asking("spot"))
    assert 'provisioning_model = "SPOT"' in added(diff)
    assert any("google_compute_instance_template.t" in note for note in diff.notes)


AUTOSCALE: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "aws_eks_node_group": ("scaling_config {\n    min_size = 4\n  }", {}, ["min_size = 1"]),
    "aws_autoscaling_group": ("min_size = 4", {}, ["min_size = 1"]),
    "google_container_node_pool": (
        "node_count = var.nodes",
        {},
        ["", "autoscaling {", "min_node_count = 1", "max_node_count = var.nodes", "}"],
    ),
    "azurerm_kubernetes_cluster_node_pool": (
        "node_count = 4",
        {},
        ["auto_scaling_enabled = true", "min_count  = 1", "max_count  = 4"],
    ),
    "databricks_cluster": ("num_workers = 4", {}, ["autoscale {", "min_workers = 1", "max_workers = 4", "}"]),
    "aws_sagemaker_endpoint_configuration": (
        'production_variants {\n    variant_name = "a"\n    initial_instance_count = 4\n  }',
        {"part": "production_variants[0]"},
        ["", "managed_instance_scaling {", 'status             = "ENABLED"', "min_instance_count = 1",
         "max_instance_count = 4", "}"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", AUTOSCALE)
def test_scaling_is_set_where_each_kind_of_resource_has_it(kind: str, tmp_path: Path) -> None:
    body, more, lines = AUTOSCALE[kind]
    text = f'resource "{kind}" "r" {{\n  {body}\n}}\n'
    fixed = running(f"{kind}.r", autoscaling=Autoscaling(4, 4, False), **more)
    diff, _ = proven(write(tmp_path, main=text), inventory(fixed), asking("autoscale", min_replicas=1))
    assert added(diff) == lines


def test_serving_scales_to_zero_only_where_nothing_need_stay_up(tmp_path: Path) -> None:
    text = (
        'resource "databricks_model_serving" "r" {\n  config {\n    served_entities {\n'
        '      workload_type = "GPU_MEDIUM"\n    }\n  }\n}\n'
    )
    found = inventory(running("databricks_model_serving.r", part="config[0].served_entities[0]"))
    folder = write(tmp_path, main=text)
    assert proven(folder, found, asking("autoscale", min_replicas=1))[0].text == ""
    assert added(proven(folder, found, asking("autoscale", min_replicas=0))[0]) == ["scale_to_zero_enabled = true"]


def test_what_scales_already_is_left_alone(tmp_path: Path) -> None:
    text = 'resource "aws_eks_node_group" "r" {\n  scaling_config {\n    min_size = 4\n  }\n}\n'
    for bounds in (Autoscaling(4, 8, True), Autoscaling(4, 8, None)):
        found = inventory(running("aws_eks_node_group.r", autoscaling=bounds))
        assert proven(write(tmp_path, main=text), found, asking("autoscale"))[0].text == ""


def test_a_commitment_is_a_note_with_what_to_buy(tmp_path: Path) -> None:
    found = inventory(running("aws_instance.r", 3, instance_type="g5.xlarge", region="us-east-1"))
    diff, _ = proven(write(tmp_path, main=""), found, asking("reserved"))
    assert diff.text == ""
    assert "3 × g5.xlarge in us-east-1" in diff.notes[0]


def test_what_has_no_spot_is_a_note(tmp_path: Path) -> None:
    diff, _ = proven(write(tmp_path, main=""), inventory("aws_sagemaker_endpoint_configuration.r"), asking("spot"))
    assert "has no spot" in diff.notes[0]


def test_what_is_spot_deleted_or_not_meant_changes_nothing(tmp_path: Path) -> None:
    spot = Resource("aws_eks_node_group.gpu", "aws", "aws_eks_node_group", "gpu", count=Count(4, 0, 4))
    gone = running("aws_eks_node_group.gpu", change="delete")
    folder = write(tmp_path, main=NODES)
    assert proven(folder, inventory(spot), asking("spot"))[0].text == ""
    assert proven(folder, inventory(gone), asking("spot"))[0].text == ""
    assert (
        proven(folder, inventory("aws_eks_node_group.gpu"), asking("spot", where="gpus_per_instance > 1"))[0].text == ""
    )


def test_a_whole_pool_is_said_to_be_more_than_the_plan_counts_with(tmp_path: Path) -> None:
    diff, _ = proven(write(tmp_path, main=NODES), inventory("aws_eks_node_group.gpu"), asking("spot", "0.6"))
    assert any("60 % of the hours" in note for note in diff.notes)
    assert any("replaces" in note for note in diff.notes)


def test_patch_takes_the_diff_too(tmp_path: Path) -> None:
    folder = write(tmp_path, main=PLAIN)
    (diff,) = diffs(inventory("aws_autoscaling_group.g"), asking("spot"), folder)
    ran = subprocess.run(["patch", "-p1"], cwd=folder, input=diff.text.encode(), check=False, capture_output=True)
    assert ran.returncode == 0, ran.stdout
    assert b"mixed_instances_policy" in (folder / "main.tf").read_bytes()


def test_a_template_without_capacity_levers_has_no_diff(tmp_path: Path) -> None:
    lever = Lever({}, {}, "TRUE", "trim")
    assert diffs(inventory("aws_instance.i"), Template((lever,)), tmp_path) == ()


def test_a_diff_that_became_empty_is_removed(tmp_path: Path) -> None:
    folder = write(tmp_path / "tf", main=NODES)
    found = diffs(inventory("aws_eks_node_group.gpu"), asking("spot"), folder)
    written = list(make.write(found, tmp_path / "patches"))
    assert [path.name for path in written] == ["some-template.tf.diff", "some-template.tf.notes.txt"]
    git(folder, "apply", "-", text=found[0].text)
    list(make.write(diffs(inventory("aws_eks_node_group.gpu"), asking("spot"), folder), tmp_path / "patches"))
    assert list((tmp_path / "patches").iterdir()) == []


def test_without_the_extra_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tree_sitter_hcl", None)
    with pytest.raises(MisuseError, match=r"tokenop\[terraform\]"):
        diffs(inventory("aws_instance.i"), asking("spot"), tmp_path)


def test_a_folder_that_is_absent_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        diffs(inventory("aws_instance.i"), asking("spot"), tmp_path / "absent")
