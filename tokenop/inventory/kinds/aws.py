"""Amazon: EC2 and its groups, EKS node groups, SageMaker endpoints, Bedrock provisioned throughput."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.inventory.attributes import Values, whole
from tokenop.inventory.formats import Instance
from tokenop.inventory.kinds.base import SOME_ACCELERATOR, Draft, Kind, Reader, bounds, mixed, split, texts
from tokenop.inventory.model import Count, Purpose
from tokenop.inventory.world import Here

TEMPLATE = "aws_launch_template"
CONFIGURATION = "aws_launch_configuration"
ATTRIBUTE_BASED = "its types are chosen by requirements, not by name"
WEIGHTED = "its capacity is counted in weights or vCPUs, so the number of instances is not known"
RESERVATION = (
    "a capacity reservation is paid at the on-demand rate, used or not; the instances that run in it are listed "
    "by themselves, so it is not counted"
)


def _template(here: Here, path: str) -> Values | None:
    """Return the values of the launch template that the block at `path` names."""
    for attribute in ("id", "launch_template_id", "name", "launch_template_name"):
        found = here.referred(f"{path}[0].{attribute}", TEMPLATE)
        if found:
            return found.values
    return None


def _spot_of(template: Values | None) -> bool | None:
    """Return whether a launch template asks for spot."""
    if template is None or template.is_unknown("instance_market_options"):
        return None
    return template.text("instance_market_options[0].market_type") == "spot"


def _zone_region(zone: str | None) -> str | None:
    return zone[:-1] if zone and zone[-1].isalpha() and zone[-2:-1].isdigit() else None


def _region(here: Here) -> str | None:
    values = here.values
    arn = (values.text("arn") or values.text("provisioned_model_arn") or "").split(":")
    zones = [values.text("availability_zone"), *values.items("availability_zones")]
    found = values.text("region") or next(filter(None, (_zone_region(z) for z in zones if isinstance(z, str))), None)
    if not found and len(arn) > 5 and arn[0] == "arn" and arn[3]:
        found = arn[3]
    return found or here.world.provider_region(here.instance)


def _instance(here: Here) -> Iterator[Draft]:
    values = here.values
    template = _template(here, "launch_template")
    kind = values.text("instance_type") or (template.text("instance_type") if template else None)
    market = here.defaulted("instance_market_options", [])
    spot: bool | None = None
    if values.text("instance_market_options[0].market_type") or values.text("instance_lifecycle"):
        spot = "spot" in (values.text("instance_market_options[0].market_type"), values.text("instance_lifecycle"))
    elif market is not None:
        spot = _spot_of(template) if values.items("launch_template") else False
    stopped = values.text("instance_state") in ("stopped", "stopping")
    notes = ["stopped: its machine is not paid for"] if stopped else []
    yield Draft(texts([kind]), kind, split(0 if stopped else 1, spot), notes=notes)


def _spot_request(here: Here) -> Iterator[Draft]:
    kind = here.values.text("instance_type")
    yield Draft(texts([kind]), kind, split(1, True))


def _group_template(here: Here) -> tuple[Values | None, bool | None]:
    """Return the launch template (or configuration) of a group without a mixed policy, and whether it is spot."""
    if found := _template(here, "launch_template"):
        return found, _spot_of(found)
    old = here.referred("launch_configuration", CONFIGURATION)
    if old is None:
        return None, None
    return old.values, None if old.values.is_unknown("spot_price") else bool(old.values.text("spot_price"))


def _group(here: Here) -> Iterator[Draft]:
    values, notes = here.values, list[str]()
    low, high = values.whole("min_size"), values.whole("max_size")
    desired = whole(here.defaulted("desired_capacity", low))
    if desired is not None and values.whole("desired_capacity") is None:
        notes.append("no desired_capacity is set: it starts with min_size")
    policies = here.users("aws_autoscaling_policy", "autoscaling_group_name")
    scaling = bounds(low, high, True if policies else None)
    policy = "mixed_instances_policy[0].launch_template[0]"
    if not values.items("mixed_instances_policy"):
        template, spot = _group_template(here)
        kind = template.text("instance_type") if template else None
        count = split(desired, spot)
        types = texts([kind])
        if values.is_unknown("mixed_instances_policy"):
            count = Count(desired)
    else:
        template = _template(here, f"{policy}.launch_template_specification")
        overrides = values.blocks(f"{policy}.override")
        types = texts(block.text("instance_type") for block in overrides)
        types = types or texts([template.text("instance_type") if template else None])
        if any(block.items("instance_requirements") for block in overrides):
            notes.append(ATTRIBUTE_BASED)
        rules = "mixed_instances_policy[0].instances_distribution[0]"
        base = whole(here.defaulted(f"{rules}.on_demand_base_capacity", 0))
        percent = whole(here.defaulted(f"{rules}.on_demand_percentage_above_base_capacity", 100))
        weights = {block.get("weighted_capacity") or "1" for block in overrides}
        if weights - {"1", 1} or values.text("desired_capacity_type") not in (None, "units"):
            notes.append(WEIGHTED)
            desired = None
        count = mixed(desired, base, percent)
        kind = _priced(types, count, values.text(f"{rules}.on_demand_allocation_strategy"))
    if not types:
        notes.append("its instance type is not in this file")
    yield Draft(types, kind, count, autoscaling=scaling, scale_to_zero=_zero(low), notes=notes)


def _priced(types: tuple[str, ...], count: Count, strategy: str | None) -> str | None:
    """Return the type that on-demand instances run on: the first, where they are prioritised (the default)."""
    if len(types) > 1 and (strategy not in (None, "prioritized") or count.on_demand == 0):
        return None
    return types[0] if types else None


def _zero(low: int | None) -> bool | None:
    return None if low is None else low == 0


def _node_group(here: Here) -> Iterator[Draft]:
    values = here.values
    template = _template(here, "launch_template")
    types = texts(values.items("instance_types")) or texts([template.text("instance_type") if template else None])
    capacity = here.defaulted("capacity_type", "ON_DEMAND")
    spot = None if capacity is None else capacity == "SPOT"
    count = split(values.whole("scaling_config[0].desired_size"), spot)
    low, high = values.whole("scaling_config[0].min_size"), values.whole("scaling_config[0].max_size")
    accelerated = any(word in (values.text("ami_type") or "") for word in ("GPU", "NVIDIA", "NEURON"))
    accelerator = SOME_ACCELERATOR if accelerated and not types else None
    kind = types[0] if types and (len(types) == 1 or spot is False) else None
    yield Draft(types, kind, count, accelerator=accelerator, autoscaling=bounds(low, high), scale_to_zero=_zero(low))


def _variants(here: Here) -> Iterator[Draft]:
    endpoints = here.users("aws_sagemaker_endpoint", "endpoint_config_name")
    for list_name in ("production_variants", "shadow_production_variants"):
        for index, variant in enumerate(here.values.blocks(list_name)):
            yield _variant(here, f"{list_name}[{index}]", variant, endpoints)


def _variant(here: Here, part: str, variant: Values, endpoints: list[Instance]) -> Draft:
    notes = [] if endpoints else ["no endpoint in this file uses it; counted as if one did"]
    if variant.items("serverless_config"):
        notes.append("serverless: paid by the call, not by the hour")
        return Draft(part=part, scale_to_zero=True, billed_hourly=False, notes=notes)
    kind = variant.text("instance_type")
    initial = variant.whole("initial_instance_count")
    total = initial * max(len(endpoints), 1) if initial is not None else None
    low = variant.whole("managed_instance_scaling[0].min_instance_count")
    high = variant.whole("managed_instance_scaling[0].max_instance_count")
    managed = variant.text("managed_instance_scaling[0].status") == "ENABLED"
    enabled = True if managed else None
    for target in here.world.by_type.get("aws_appautoscaling_target", ()):
        names = {f"endpoint/{e.values.text('name')}/variant/{variant.text('variant_name')}" for e in endpoints}
        if target.change != "delete" and target.values.text("resource_id") in names:
            low, high, enabled = target.values.whole("min_capacity"), target.values.whole("max_capacity"), True
    if enabled is None:
        low = high = None
    scaling = bounds(low, high, enabled)
    return Draft(texts([kind]), kind, split(total, False), part, autoscaling=scaling, scale_to_zero=_zero(low),
                 notes=notes)  # fmt: skip


def _notebook(here: Here) -> Iterator[Draft]:
    kind = here.values.text("instance_type")
    yield Draft(texts([kind]), kind, split(1, False), notes=["a notebook is paid only while it is started"],
                billed_hourly=False)  # fmt: skip


def _spot_fleet(here: Here) -> Iterator[Draft]:
    values = here.values
    specifications = values.blocks("launch_specification")
    overrides = [o for c in values.blocks("launch_template_config") for o in c.blocks("overrides")]
    template = _template(here, "launch_template_config[0].launch_template_specification")
    types = texts(block.text("instance_type") for block in [*specifications, *overrides])
    types = types or texts([template.text("instance_type") if template else None])
    total, on_demand = values.whole("target_capacity"), values.whole("on_demand_target_capacity") or 0
    yield _fleet_draft(types, total, on_demand, [*specifications, *overrides])


def _ec2_fleet(here: Here) -> Iterator[Draft]:
    values, target = here.values, "target_capacity_specification[0]"
    overrides = [o for c in values.blocks("launch_template_config") for o in c.blocks("override")]
    template = _template(here, "launch_template_config[0].launch_template_specification")
    types = texts(block.text("instance_type") for block in overrides)
    types = types or texts([template.text("instance_type") if template else None])
    total = values.whole(f"{target}.total_target_capacity")
    on_demand, spot = (
        values.whole(f"{target}.on_demand_target_capacity"),
        values.whole(f"{target}.spot_target_capacity"),
    )
    if total is not None and values.text(f"{target}.default_target_capacity_type") != "spot":
        on_demand = total - min(spot or 0, total)
    yield _fleet_draft(types, total, on_demand or 0, overrides)


def _fleet_draft(types: tuple[str, ...], total: int | None, on_demand: int, blocks: list[Values]) -> Draft:
    notes = []
    if {whole(block.get("weighted_capacity")) or 1 for block in blocks} - {1}:
        notes.append(WEIGHTED)
        total = None
    if any(block.items("instance_requirements") for block in blocks):
        notes.append(ATTRIBUTE_BASED)
    count = Count(total, min(on_demand, total), total - min(on_demand, total)) if total is not None else Count()
    return Draft(types, types[0] if len(types) == 1 else None, count, notes=notes)


def _reservation(here: Here) -> Iterator[Draft]:
    kind, total = here.values.text("instance_type"), here.values.whole("instance_count")
    count = Count(total, 0, 0, total) if total is not None else Count()
    yield Draft(texts([kind]), kind, count, counted=False, notes=[RESERVATION])


def _bedrock(here: Here) -> Iterator[Draft]:
    units = here.values.whole("model_units")
    model = (here.values.text("model_arn") or "").rpartition("/")[2] or None
    term = here.defaulted("commitment_duration", "")
    count = Count(units)
    if units is not None and term is not None:
        count = Count(units, 0, 0, units) if term else Count(units, units, 0)
    yield Draft(texts([model]), model, count, notes=["counted in model units"])


_LAUNCH = {
    "launch_template[].id": "finds the launch template",
    "launch_template[].name": "finds the launch template",
}
_WHERE = {
    "region": "region",
    "arn": "finds the region",
    "id": "finds what refers to it",
    "name": "finds what refers to it",
    "availability_zone": "finds the region",
    "availability_zones[]": "finds the region",
}
_OVERRIDE = "mixed_instances_policy[].launch_template[].override[]"
_MIXED_TEMPLATE = "mixed_instances_policy[].launch_template[].launch_template_specification[]"
_MIXED_RULES = "mixed_instances_policy[].instances_distribution[]"
_VARIANT = {
    "variant_name": "finds its autoscaling",
    "instance_type": "machine",
    "initial_instance_count": "count",
    "managed_instance_scaling[].status": "whether it scales",
    "managed_instance_scaling[].min_instance_count": "least count",
    "managed_instance_scaling[].max_instance_count": "most count",
    "serverless_config[].max_concurrency": "no machine of its own",
}


def _kind(attributes: dict[str, str], read: Reader | None = None, purpose: Purpose = "gpu") -> Kind:
    return Kind("aws", purpose, {**_WHERE, **attributes}, _located(read) if read else None)


def _located(read: Reader) -> Reader:
    """Return a reader whose drafts know their region."""

    def located(here: Here) -> Iterator[Draft]:
        for draft in read(here):
            draft.region = draft.region or _region(here)
            yield draft

    return located


KINDS: dict[str, Kind] = {
    "aws_instance": _kind(
        {
            **_LAUNCH,
            "instance_type": "machine",
            "instance_market_options[].market_type": "spot or on demand",
            "instance_lifecycle": "finds whether it is spot",
            "instance_state": "finds whether it runs",
        },
        _instance,
    ),
    "aws_spot_instance_request": _kind({"instance_type": "machine"}, _spot_request),
    "aws_autoscaling_group": _kind(
        {
            **_LAUNCH,
            "launch_configuration": "finds the launch configuration",
            "desired_capacity": "count",
            "desired_capacity_type": "unit of the count",
            "min_size": "least count",
            "max_size": "most count",
            f"{_OVERRIDE}.instance_type": "machine",
            f"{_OVERRIDE}.weighted_capacity": "unit of the count",
            f"{_OVERRIDE}.instance_requirements[].allowed_instance_types[]": "machine chosen by requirements",
            f"{_MIXED_TEMPLATE}.launch_template_id": "finds the launch template",
            f"{_MIXED_TEMPLATE}.launch_template_name": "finds the launch template",
            f"{_MIXED_RULES}.on_demand_allocation_strategy": "which machine on-demand instances get",
            f"{_MIXED_RULES}.on_demand_base_capacity": "on-demand count",
            f"{_MIXED_RULES}.on_demand_percentage_above_base_capacity": "on-demand share of the rest",
        },
        _group,
    ),
    "aws_eks_node_group": _kind(
        {
            **_LAUNCH,
            "instance_types[]": "machine",
            "capacity_type": "spot or on demand",
            "ami_type": "whether it is made for accelerators",
            "scaling_config[].desired_size": "count",
            "scaling_config[].min_size": "least count",
            "scaling_config[].max_size": "most count",
        },
        _node_group,
    ),
    "aws_spot_fleet_request": _kind(
        {
            "target_capacity": "count",
            "on_demand_target_capacity": "on-demand count",
            "launch_specification[].instance_type": "machine",
            "launch_specification[].weighted_capacity": "unit of the count",
            "launch_template_config[].overrides[].instance_type": "machine",
            "launch_template_config[].overrides[].weighted_capacity": "unit of the count",
            "launch_template_config[].launch_template_specification[].id": "finds the launch template",
            "launch_template_config[].launch_template_specification[].name": "finds the launch template",
        },
        _spot_fleet,
    ),
    "aws_ec2_fleet": _kind(
        {
            "target_capacity_specification[].total_target_capacity": "count",
            "target_capacity_specification[].on_demand_target_capacity": "on-demand count",
            "target_capacity_specification[].spot_target_capacity": "spot count",
            "target_capacity_specification[].default_target_capacity_type": "how the rest is paid",
            "launch_template_config[].override[].instance_type": "machine",
            "launch_template_config[].override[].weighted_capacity": "unit of the count",
            "launch_template_config[].launch_template_specification[].launch_template_id": "finds the launch template",
            "launch_template_config[].launch_template_specification[].launch_template_name": "finds the template",
        },
        _ec2_fleet,
    ),
    "aws_ec2_capacity_reservation": _kind({"instance_type": "machine", "instance_count": "count"}, _reservation),
    "aws_ec2_capacity_block_reservation": _kind({"instance_type": "machine", "instance_count": "count"}, _reservation),
    "aws_sagemaker_endpoint_configuration": _kind(
        {
            f"{place}[].{path}": meaning
            for place in ("production_variants", "shadow_production_variants")
            for path, meaning in _VARIANT.items()
        },
        _variants,
        "inference",
    ),
    "aws_sagemaker_notebook_instance": _kind({"instance_type": "machine"}, _notebook),
    "aws_bedrock_provisioned_model_throughput": _kind(
        {
            "model_arn": "model",
            "model_units": "count",
            "commitment_duration": "reserved or on demand",
            "provisioned_model_arn": "finds the region",
        },
        _bedrock,
        "inference",
    ),
    # These only help to understand others.
    TEMPLATE: _kind({"instance_type": "machine", "instance_market_options[].market_type": "spot or on demand"}),
    CONFIGURATION: _kind({"instance_type": "machine", "spot_price": "spot or on demand"}),
    "aws_autoscaling_policy": _kind({"autoscaling_group_name": "finds the group"}),
    "aws_appautoscaling_target": _kind(
        {"resource_id": "finds the endpoint", "min_capacity": "least count", "max_capacity": "most count"}
    ),
    "aws_sagemaker_endpoint": _kind({"endpoint_config_name": "finds the configuration"}),
}
