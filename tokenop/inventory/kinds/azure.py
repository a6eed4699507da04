"""Azure: virtual machines and scale sets, AKS node pools, model deployments, machine-learning compute."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.inventory.attributes import whole
from tokenop.inventory.kinds.base import Draft, Kind, Reader, bounds, mixed, split, texts
from tokenop.inventory.model import Count, Purpose
from tokenop.inventory.world import Here

CLUSTER = "azurerm_kubernetes_cluster"
WORKSPACE = "azurerm_machine_learning_workspace"
ACCOUNTS = ("azurerm_cognitive_account", "azurerm_ai_services")
# Throughput units that are paid by the hour, whether used or not.
PROVISIONED = "provisioned"


def _place(text: str | None) -> str | None:
    """Return `East US` as Azure's API spells it: eastus."""
    return text.replace(" ", "").lower() if text else None


def _region(here: Here, *owners: tuple[str, tuple[str, ...]]) -> str | None:
    if own := _place(here.values.text("location")):
        return own
    for path, kinds in owners:
        if (owner := here.referred(path, *kinds)) and (found := _place(owner.values.text("location"))):
            return found
    return None


def _spot(here: Here, path: str = "priority") -> bool | None:
    priority = here.defaulted(path, "Regular")
    return None if priority is None else priority in ("Spot", "LowPriority", "Low")


def _machine(here: Here) -> Iterator[Draft]:
    kind = here.values.text("size") or here.values.text("vm_size")
    yield Draft(texts([kind]), kind, split(1, _spot(here)), region=_region(here))


def _scale_set(here: Here) -> Iterator[Draft]:
    values = here.values
    kind = values.text("sku") or values.text("sku_name")
    total = values.whole("instances")
    count = split(total, _spot(here))
    if values.items("priority_mix"):
        base = whole(here.defaulted("priority_mix[0].base_regular_count", 0))
        percent = whole(here.defaulted("priority_mix[0].regular_percentage_above_base", 0))
        count = mixed(total, base, percent)
    draft = Draft(texts([kind]), kind, count, region=_region(here))
    for setting in here.users("azurerm_monitor_autoscale_setting", "target_resource_id"):
        profiles = setting.values.blocks("profile")
        lows = [low for p in profiles if (low := p.whole("capacity[0].minimum")) is not None]
        highs = [high for p in profiles if (high := p.whole("capacity[0].maximum")) is not None]
        low, high = min(lows, default=None), max(highs, default=None)
        draft.autoscaling = bounds(low, high, setting.values.flag("enabled") is not False)
        draft.scale_to_zero = None if low is None else low == 0
    yield draft


def _pool(here: Here) -> Iterator[Draft]:
    yield _nodes(here, "", _region(here, ("kubernetes_cluster_id", (CLUSTER,))), _spot(here))


def _default_pool(here: Here) -> Iterator[Draft]:
    if here.values.blocks("default_node_pool"):
        # The first pool runs the cluster's own services: Azure does not let it be spot.
        draft = _nodes(here, "default_node_pool[0].", _region(here), False)
        draft.part = "default_node_pool[0]"
        yield draft


def _nodes(here: Here, prefix: str, region: str | None, spot: bool | None) -> Draft:
    values = here.values
    kind = values.text(f"{prefix}vm_size")
    flags = [values.flag(f"{prefix}{name}") for name in ("auto_scaling_enabled", "enable_auto_scaling")]
    scales = True in flags
    low, high = values.whole(f"{prefix}min_count"), values.whole(f"{prefix}max_count")
    total = values.whole(f"{prefix}node_count")
    scaling = bounds(low, high, True) if scales else bounds(total, total, False)
    zero = None if scaling.min is None else scaling.min == 0
    return Draft(texts([kind]), kind, split(total, spot), autoscaling=scaling, scale_to_zero=zero, region=region)


def _deployment(here: Here) -> Iterator[Draft]:
    values = here.values
    name = values.text("sku[0].name") or values.text("scale[0].type")
    capacity = values.whole("sku[0].capacity")
    capacity = capacity if capacity is not None else values.whole("scale[0].capacity")
    model = values.text("model[0].name")
    region = _region(here, ("cognitive_account_id", ACCOUNTS))
    if name is None:
        yield Draft(texts([model]), model, region=region, billed_hourly=False)
    elif PROVISIONED in name.lower():
        notes = [f"{name}: counted in provisioned throughput units"]
        yield Draft(texts([model]), model, Count(capacity, capacity, 0) if capacity is not None else Count(),
                    region=region, notes=notes)  # fmt: skip
    else:
        limit = f", up to {capacity} thousand tokens a minute" if capacity is not None else ""
        notes = [f"{name}: paid by the token{limit}; its cost is in the events"]
        yield Draft(texts([model]), model, region=region, counted=False, billed_hourly=False, notes=notes)


def _learning_cluster(here: Here) -> Iterator[Draft]:
    kind = here.values.text("vm_size")
    low, high = (here.values.whole(f"scale_settings[0].{bound}_node_count") for bound in ("min", "max"))
    total = low if low is not None and low == high else None
    notes = [] if total is not None else ["its nodes come and go with the jobs: how many run is not known"]
    yield Draft(texts([kind]), kind, split(total, _spot(here, "vm_priority")), autoscaling=bounds(low, high, True),
                scale_to_zero=None if low is None else low == 0, region=_learning_region(here),
                notes=notes)  # fmt: skip


def _learning_instance(here: Here) -> Iterator[Draft]:
    kind = here.values.text("virtual_machine_size")
    notes = ["a compute instance is paid only while it is started"]
    yield Draft(texts([kind]), kind, split(1, False), region=_learning_region(here), billed_hourly=False, notes=notes)


def _learning_region(here: Here) -> str | None:
    return _region(here, ("machine_learning_workspace_id", (WORKSPACE,)))


_WHERE = {"location": "region", "id": "finds what refers to it", "name": "finds what refers to it"}
_POOL = {
    "vm_size": "machine",
    "node_count": "count",
    "min_count": "least count",
    "max_count": "most count",
    "auto_scaling_enabled": "whether it scales",
    "enable_auto_scaling": "whether it scales (before azurerm 4)",
}
_SET = {
    "sku": "machine",
    "sku_name": "machine",
    "instances": "count",
    "priority": "spot or on demand",
    "priority_mix[].base_regular_count": "on-demand count",
    "priority_mix[].regular_percentage_above_base": "on-demand share of the rest",
}


def _kind(attributes: dict[str, str], read: Reader | None = None, purpose: Purpose = "gpu") -> Kind:
    return Kind("azure", purpose, {**_WHERE, **attributes}, read)


_VM = {"size": "machine", "vm_size": "machine", "priority": "spot or on demand"}

KINDS: dict[str, Kind] = {
    "azurerm_linux_virtual_machine": _kind(_VM, _machine),
    "azurerm_windows_virtual_machine": _kind(_VM, _machine),
    "azurerm_virtual_machine": _kind(_VM, _machine),
    "azurerm_linux_virtual_machine_scale_set": _kind(_SET, _scale_set),
    "azurerm_windows_virtual_machine_scale_set": _kind(_SET, _scale_set),
    "azurerm_orchestrated_virtual_machine_scale_set": _kind(_SET, _scale_set),
    "azurerm_kubernetes_cluster_node_pool": _kind(
        {**_POOL, "priority": "spot or on demand", "kubernetes_cluster_id": "finds the cluster"}, _pool
    ),
    CLUSTER: _kind({f"default_node_pool[].{path}": meaning for path, meaning in _POOL.items()}, _default_pool),
    "azurerm_cognitive_deployment": _kind(
        {
            "sku[].name": "provisioned, or paid by the token",
            "sku[].capacity": "count of throughput units, or thousand tokens a minute",
            "scale[].type": "the same before azurerm 4",
            "scale[].capacity": "the same before azurerm 4",
            "model[].name": "model",
            "cognitive_account_id": "finds the account",
        },
        _deployment,
        "inference",
    ),
    "azurerm_machine_learning_compute_cluster": _kind(
        {
            "vm_size": "machine",
            "vm_priority": "spot or on demand",
            "scale_settings[].min_node_count": "least count",
            "scale_settings[].max_node_count": "most count",
            "machine_learning_workspace_id": "finds the workspace",
        },
        _learning_cluster,
    ),
    "azurerm_machine_learning_compute_instance": _kind(
        {"virtual_machine_size": "machine", "machine_learning_workspace_id": "finds the workspace"},
        _learning_instance,
    ),
    # These only help to understand others.
    WORKSPACE: _kind({}),
    **{name: _kind({}) for name in ACCOUNTS},
    "azurerm_monitor_autoscale_setting": _kind(
        {
            "target_resource_id": "finds the scale set",
            "enabled": "whether it scales",
            "profile[].capacity[].minimum": "least count",
            "profile[].capacity[].maximum": "most count",
        }
    ),
}
