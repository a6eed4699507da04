"""What each change of capacity means in Terraform, by resource type: a table of small edits."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from tokenop.inventory.model import Resource
from tokenop.inventory.patches import hcl
from tokenop.inventory.patches.editor import Editor


@dataclass(frozen=True, slots=True)
class Change:
    """What a lever asks of a resource.

    `share` is the part of its on-demand hours that moves (0 to 1), `min_replicas` what stays up when nothing is asked.
    """

    name: str
    share: Decimal
    min_replicas: int = 1


Edit = Callable[[Editor, Resource, Change], None]

REPLACES = "Terraform replaces it: make the new one before the old one goes, or plan for the gap"
WHOLE = (
    "the change reaches all of its instances, while the plan counts with {share} % of the hours: keep a second, "
    "on-demand one beside it for the rest"
)


def _attributes(values: Mapping[str, str], *path: str, replaces: bool = False) -> Edit:
    """Return an edit that sets literals, and says what that does."""

    def edit(editor: Editor, resource: Resource, change: Change) -> None:
        del resource
        editor.set(values, *path)
        if editor.changed and replaces:
            editor.note(REPLACES)
        _whole(editor, change)

    return edit


def _whole(editor: Editor, change: Change) -> None:
    if editor.changed and change.share < 1:
        editor.note(WHOLE.format(share=f"{change.share * 100:.0f}"))


def _group_spot(editor: Editor, resource: Resource, change: Change) -> None:
    """Auto Scaling group: the share of on-demand above its base."""
    policy = editor.find(["mixed_instances_policy"])
    rules = editor.find(["instances_distribution"], policy) if policy else None
    base = rules.attribute("on_demand_base_capacity") if rules else None
    if base is not None and not base.is_literal:
        editor.note("on_demand_base_capacity is set elsewhere; the share below counts on it being 0", base.line)
    fixed, whole = int(str(hcl_number(base.text))) if base is not None and base.is_literal else 0, ""
    total, on_demand = resource.count.total, resource.count.on_demand
    percent = math.ceil(100 * (1 - change.share))
    if total is not None and on_demand is not None and total > 0:
        kept = Decimal(on_demand) * (1 - change.share)
        fixed = min(fixed, math.ceil(kept))
        percent = _percent(kept - fixed, total - fixed)
        left = fixed + math.ceil((total - fixed) * percent / 100)
        if left != kept:
            whole = (
                f"{left} of {total} instances stay on demand: a group holds whole ones, the plan {kept.normalize():f}"
            )
    values = {"on_demand_percentage_above_base_capacity": str(min(percent, 100))}
    if base is not None and base.is_literal and not base.says(str(fixed)):
        values = {"on_demand_base_capacity": str(fixed), **values}
    if policy is not None or editor.block.is_dynamic("mixed_instances_policy"):
        if rules is None:
            values |= {"spot_allocation_strategy": '"price-capacity-optimized"'}
        editor.set(values, "mixed_instances_policy", "instances_distribution")
    else:
        _wrap_template(editor, {**values, "spot_allocation_strategy": '"price-capacity-optimized"'})
    if editor.changed and whole:
        editor.note(whole)


def _percent(kept: Decimal, above: int) -> int:
    """Return the percentage of `above` instances that keeps `kept` of them on demand, rounded up once.

    A group rounds its share up to whole instances: 34 % of 3 are 2.
    """
    if above <= 0 or kept <= 0:
        return 0
    percent = math.ceil(100 * kept / above)
    if math.ceil(above * percent / 100) > math.ceil(kept):
        percent = max(math.floor(Decimal(100 * math.ceil(kept)) / above), 1)
    return percent


def hcl_number(text: str) -> int:
    """Return the whole number that a literal says, 0 where it says none."""
    bare = text.strip().strip('"')
    return int(bare) if bare.isdigit() else 0


def _wrap_template(editor: Editor, rules: Mapping[str, str]) -> None:
    """Put a group's launch template into a mixed policy, its lines as they are."""
    template = editor.find(["launch_template"])
    if template is None or template.body is None:
        reason = "has no launch_template block here"
        if editor.block.attribute("launch_configuration"):
            reason = "uses a launch configuration, which cannot be mixed; move it to a launch template first"
        editor.note(f"{reason}; then add mixed_instances_policy with instances_distribution: "
                    + ", ".join(f"{name} = {value}" for name, value in rules.items()))  # fmt: skip
        return
    source, inner = template.source, list[str]()
    braces = {child.type: child for child in template.node.children}
    # Between the braces rather than the body: a comment after the last attribute is not part of that.
    within = source.data[braces["block_start"].end_byte : braces["block_end"].start_byte].decode("utf-8")
    old = source.indent(template.body.children[0])
    for line in within.strip("\r\n").rstrip().splitlines():
        bare = line.removeprefix(old).strip("\r") if line.startswith(old) else line.strip()
        for name in ("id", "name"):
            if bare.split("=")[0].strip() == name:
                bare = f"launch_template_{name} =" + bare.split("=", 1)[1]
        inner.append(bare)
    policy = hcl.block_lines("instances_distribution", hcl.attribute_lines(rules))
    policy += [
        "",
        *hcl.block_lines("launch_template", hcl.block_lines("launch_template_specification", hcl.aligned(inner))),
    ]
    editor.rewrite(template, hcl.block_lines("mixed_instances_policy", policy))


def _google_spot(editor: Editor, resource: Resource, change: Change) -> None:
    del resource
    preemptible = editor.find(["scheduling"])
    if preemptible and (old := preemptible.attribute("provisioning_model")) and old.says('"SPOT"'):
        return
    values = {"preemptible": "true", "automatic_restart": "false", "provisioning_model": '"SPOT"'}
    editor.set(values, "scheduling")
    if editor.changed:
        editor.note(REPLACES)
    _whole(editor, change)


def _pool_spot(editor: Editor, resource: Resource, change: Change) -> None:
    del resource
    node = editor.find(["node_config"])
    old = node.attribute("preemptible") if node else None
    if old is not None and old.says("true"):
        return
    editor.set({"spot": "true"}, "node_config")
    if editor.changed:
        editor.note(REPLACES)
    _whole(editor, change)


_DATABRICKS = {
    "aws_attributes": ("availability", '"SPOT_WITH_FALLBACK"', '"SPOT"'),
    "azure_attributes": ("availability", '"SPOT_WITH_FALLBACK_AZURE"', '"SPOT_AZURE"'),
    "gcp_attributes": ("availability", '"PREEMPTIBLE_WITH_FALLBACK_GCP"', '"PREEMPTIBLE_GCP"'),
}


def _databricks_spot(editor: Editor, resource: Resource, change: Change) -> None:
    """Clusters keep the driver on demand; pools know no fallback."""
    is_pool = resource.type == "databricks_instance_pool"
    cloud = next((name for name in _DATABRICKS if editor.block.blocks(name)), None) or _cloud_of(resource)
    if cloud is None:
        editor.note("which cloud it runs on is not known; set availability in its aws_, azure_ or gcp_attributes")
        return
    name, cluster, pool = _DATABRICKS[cloud]
    if is_pool and cloud == "gcp_attributes":
        name = "gcp_availability"
    values = {name: pool if is_pool else cluster}
    attributes = editor.find([cloud])
    if not is_pool and cloud != "gcp_attributes" and not (attributes and attributes.attribute("first_on_demand")):
        values["first_on_demand"] = "1"
    editor.set(values, cloud)
    _whole(editor, change)


def _cloud_of(resource: Resource) -> str | None:
    kind = resource.instance_type or ""
    if kind.startswith("Standard_"):
        return "azure_attributes"
    return "aws_attributes" if "." in kind else "gcp_attributes" if kind.count("-") > 1 else None


def _elsewhere(text: str) -> Edit:
    """Return an edit that only says where the change is to be made."""

    def edit(editor: Editor, resource: Resource, change: Change) -> None:
        del resource
        editor.note(text.format(share=f"{change.share * 100:.0f}"))

    return edit


_SCALE_SET = {"priority": '"Spot"', "eviction_policy": '"Delete"', "max_bid_price": "-1"}


def _template_spot(editor: Editor, resource: Resource, change: Change) -> None:
    """Instance group of Google: its instance template, where it stands in the same module."""
    versions = editor.block.blocks("version")
    used = versions[0].attribute("instance_template") if len(versions) == 1 else None
    named = re.match(r"(google_compute_(?:region_)?instance_template)\.(\w+)\.", used.text) if used else None
    wanted = (named[1], named[2]) if named else ()
    found = [b for s in editor.siblings for b in s.blocks if b.kind == "resource" and b.labels == wanted]
    if len(found) != 1:
        editor.note(
            "spot is set in its instance template, which is not found here: scheduling with preemptible = true, "
            'automatic_restart = false and provisioning_model = "SPOT"'
        )
        return
    template = Editor(found[0], editor.address, editor.siblings)
    _google_spot(template, resource, change)
    editor.notes += template.notes
    editor.changed = template.changed
    if template.changed:
        editor.note(f"all groups that use {'.'.join(wanted)} change with it")


SPOT: dict[str, Edit] = {
    "aws_autoscaling_group": _group_spot,
    "aws_eks_node_group": _attributes({"capacity_type": '"SPOT"'}, replaces=True),
    "aws_instance": _attributes({"market_type": '"spot"'}, "instance_market_options", replaces=True),
    "google_compute_instance": _google_spot,
    "google_container_node_pool": _pool_spot,
    "azurerm_kubernetes_cluster_node_pool": _attributes(
        {"priority": '"Spot"', "eviction_policy": '"Delete"', "spot_max_price": "-1"}, replaces=True
    ),
    "azurerm_linux_virtual_machine": _attributes(
        {"priority": '"Spot"', "eviction_policy": '"Deallocate"', "max_bid_price": "-1"}, replaces=True
    ),
    "azurerm_windows_virtual_machine": _attributes(
        {"priority": '"Spot"', "eviction_policy": '"Deallocate"', "max_bid_price": "-1"}, replaces=True
    ),
    "azurerm_linux_virtual_machine_scale_set": _attributes(_SCALE_SET, replaces=True),
    "azurerm_windows_virtual_machine_scale_set": _attributes(_SCALE_SET, replaces=True),
    "azurerm_orchestrated_virtual_machine_scale_set": _attributes(_SCALE_SET, replaces=True),
    "aws_ec2_fleet": _elsewhere("move {share} % of on_demand_target_capacity to spot_target_capacity"),
    "aws_spot_fleet_request": _elsewhere("lower on_demand_target_capacity by {share} %"),
    "google_compute_instance_group_manager": _template_spot,
    "google_compute_region_instance_group_manager": _template_spot,
    "azurerm_machine_learning_compute_cluster": _attributes({"vm_priority": '"LowPriority"'}, replaces=True),
    "databricks_cluster": _databricks_spot,
    "databricks_instance_pool": _databricks_spot,
}


def _lowered(path: tuple[str, ...], name: str, hint: str) -> Edit:
    """Return an edit that lowers the least count, and says what else it takes."""

    def edit(editor: Editor, resource: Resource, change: Change) -> None:
        del resource
        within = editor.find(path)
        attribute = within.attribute(name) if within else None
        if attribute is None:
            editor.note(f"has no {'.'.join((*path, name))} here; it should be {change.min_replicas}")
            return
        if attribute.is_literal and hcl_number(attribute.text) <= change.min_replicas:
            return
        editor.overwrite(attribute, str(change.min_replicas))
        if editor.changed:
            editor.note(hint)

    return edit


def _google_autoscale(editor: Editor, resource: Resource, change: Change) -> None:
    if editor.block.blocks("autoscaling") or editor.block.is_dynamic("autoscaling"):
        return
    most = editor.block.attribute("node_count")
    highest = most.text if most else None
    if highest is None:
        editor.note(f"has no node_count here; add autoscaling with min_node_count = {change.min_replicas}")
        return
    del resource
    values = {"min_node_count": str(change.min_replicas), "max_node_count": highest}
    editor.add(editor.block, hcl.block_lines("autoscaling", hcl.attribute_lines(values)))
    editor.note(
        "bounds count in each zone; add node_count to lifecycle.ignore_changes, or Terraform resets what scaled"
    )


def _azure_autoscale(editor: Editor, resource: Resource, change: Change) -> None:
    del resource
    names = ("auto_scaling_enabled", "enable_auto_scaling")
    flag = next((name for name in names if editor.block.attribute(name)), names[0])
    enabled, count = editor.block.attribute(flag), editor.block.attribute("node_count")
    if enabled is not None and enabled.says("true"):
        return
    if count is None:
        editor.note(f"has no node_count here; set {flag} = true, min_count = {change.min_replicas} and max_count")
        return
    editor.set({flag: "true", "min_count": str(change.min_replicas), "max_count": count.text})
    editor.note("add node_count to lifecycle.ignore_changes, or Terraform resets what scaled")


def _databricks_autoscale(editor: Editor, resource: Resource, change: Change) -> None:
    del resource
    count = editor.block.attribute("num_workers")
    if editor.block.blocks("autoscale") or editor.block.is_dynamic("autoscale"):
        return
    if count is None:
        editor.note(f"has no num_workers here; add autoscale with min_workers = {change.min_replicas}")
        return
    values = {"min_workers": str(change.min_replicas), "max_workers": count.text}
    lines = hcl.block_lines("autoscale", hcl.attribute_lines(values))
    indent = count.source.indent(count.node)
    text = "\n".join([lines[0], *(f"{indent}{line}" for line in lines[1:])])
    count.source.replace(count.node.start_byte, count.node.end_byte, text)
    editor.changed = True


def _variant_autoscale(editor: Editor, resource: Resource, change: Change) -> None:
    kind, _, rest = (resource.part or "").partition("[")
    blocks, index = editor.block.blocks(kind), hcl_number(rest.rstrip("]"))
    if editor.block.is_dynamic(kind) or index >= len(blocks):
        editor.note(
            f"{resource.part or 'its variants'}: not a block of its own here; set managed_instance_scaling in it"
        )
        return
    variant = blocks[index]
    count = variant.attribute("initial_instance_count")
    if variant.blocks("managed_instance_scaling") or count is None:
        return
    values = {"status": '"ENABLED"', "min_instance_count": str(max(change.min_replicas, 1)),
              "max_instance_count": count.text}  # fmt: skip
    editor.add(variant, hcl.block_lines("managed_instance_scaling", hcl.attribute_lines(values)))


def _serving_autoscale(editor: Editor, resource: Resource, change: Change) -> None:
    if change.min_replicas:
        return
    kind, _, rest = (resource.part or "").removeprefix("config[0].").partition("[")
    config = editor.find(["config"])
    blocks, index = config.blocks(kind) if config else [], hcl_number(rest.rstrip("]"))
    if index >= len(blocks):
        editor.note(f"{resource.part}: not a block of its own here; set scale_to_zero_enabled = true in it")
        return
    editor.set({"scale_to_zero_enabled": "true"}, below=blocks[index])


AUTOSCALE: dict[str, Edit] = {
    "aws_autoscaling_group": _lowered(
        (), "min_size", "it scales only with a policy: add an aws_autoscaling_policy on your queue or GPU load"
    ),
    "aws_eks_node_group": _lowered(
        ("scaling_config",), "min_size", "it scales only with Cluster Autoscaler or Karpenter in the cluster"
    ),
    "google_container_node_pool": _google_autoscale,
    "azurerm_kubernetes_cluster_node_pool": _azure_autoscale,
    "databricks_cluster": _databricks_autoscale,
    "databricks_instance_pool": _lowered((), "min_idle_instances", "idle nodes then start when a cluster asks"),
    "databricks_model_serving": _serving_autoscale,
    "aws_sagemaker_endpoint_configuration": _variant_autoscale,
    "azurerm_machine_learning_compute_cluster": _lowered(
        ("scale_settings",), "min_node_count", "its nodes then start with the jobs"
    ),
}
TABLES: dict[str, Mapping[str, Edit]] = {"spot": SPOT, "autoscale": AUTOSCALE, "reserved": {}, "consolidate": {}}
