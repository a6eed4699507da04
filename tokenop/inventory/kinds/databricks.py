"""Databricks: model serving, clusters and instance pools with GPU nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tokenop.inventory.attributes import Values
from tokenop.inventory.kinds.base import Draft, Kind, Reader, bounds, split, texts
from tokenop.inventory.model import Autoscaling, Count, Purpose
from tokenop.inventory.world import Here

POOL = "databricks_instance_pool"
DBU = "Databricks units come on top of the machine, so its price is not known"
RUNS_AT_TIMES = "it ends when idle: how many hours it runs is not known"

# What Databricks documents for its serving workloads: GPUs and their kind.
WORKLOADS: dict[str, tuple[int, str]] = {
    "GPU_SMALL": (1, "T4"),
    "GPU_MEDIUM": (1, "A10G"),
    "MULTIGPU_MEDIUM": (4, "A10G"),
    "GPU_MEDIUM_8": (8, "A10G"),
    "GPU_LARGE": (1, "A100"),
}
_SPOT = {"SPOT", "SPOT_WITH_FALLBACK", "SPOT_AZURE", "SPOT_WITH_FALLBACK_AZURE", "PREEMPTIBLE_GCP"}
_SPOT |= {"PREEMPTIBLE_WITH_FALLBACK_GCP"}
_ON_DEMAND = {"ON_DEMAND", "ON_DEMAND_AZURE", "ON_DEMAND_GCP"}
_CLOUDS = ("aws_attributes", "azure_attributes", "gcp_attributes")


@dataclass(frozen=True, slots=True)
class _Market:
    """Whether nodes are spot, and how many of the first are on demand all the same."""

    spot: bool | None
    first_on_demand: int


def _serving(here: Here) -> Iterator[Draft]:
    for name in ("served_entities", "served_models"):
        for index, entity in enumerate(here.values.blocks(f"config[0].{name}")):
            yield _entity(entity, f"config[0].{name}[{index}]")
        if here.values.blocks(f"config[0].{name}"):
            return


def _entity(entity: Values, part: str) -> Draft:
    if entity.items("external_model"):
        notes = ["an external model: its provider is paid by the call, and its cost is in the events"]
        return Draft(part=part, counted=False, billed_hourly=False, notes=notes)
    kind = entity.text("workload_type")
    gpus, accelerator = WORKLOADS.get(kind or "", (None, None))
    low, high = (entity.whole(f"{bound}_provisioned_throughput") for bound in ("min", "max"))
    notes = ["paid in Databricks units while it serves"]
    if low or high:
        notes = [f"provisioned throughput of {low} to {high} tokens a second, paid by the hour"]
    return Draft(texts([kind]), kind, Count(), part, gpus=gpus, accelerator=accelerator,
                 autoscaling=bounds(low, high) if low or high else Autoscaling(), billed_hourly=False,
                 scale_to_zero=entity.flag("scale_to_zero_enabled"), notes=notes)  # fmt: skip


def _market(values: Values) -> _Market:
    for cloud in _CLOUDS:
        for block in values.blocks(cloud):
            said = block.text("availability") or block.text("gcp_availability")
            first = block.whole("first_on_demand") or 0
            if said in _SPOT:
                return _Market(True, first)
            if said in _ON_DEMAND:
                return _Market(False, 0)
            if block.flag("use_preemptible_executors"):
                return _Market(True, first)
    return _Market(None, 0)


def _cluster(here: Here) -> Iterator[Draft]:
    values = here.values
    pools = {path: here.referred(path, POOL) for path in ("instance_pool_id", "driver_instance_pool_id")}
    pool = pools["instance_pool_id"]
    driver_pool = pools["driver_instance_pool_id"] or pool
    if pool:
        yield Draft(counted=False, instance_types=texts([pool.values.text("node_type_id")]), part="workers",
                    instance_type=pool.values.text("node_type_id"), billed_hourly=False,
                    notes=["its nodes come from an instance pool, which is listed by itself"])  # fmt: skip
        return
    workers = values.text("node_type_id")
    driver = values.text("driver_node_type_id") or (driver_pool or here.instance).values.text("node_type_id")
    low, high = (values.whole(f"autoscale[0].{bound}_workers") for bound in ("min", "max"))
    scales = bool(values.items("autoscale"))
    number = low if scales and low == high else None if scales else values.whole("num_workers")
    market = _market(values)
    notes = [DBU] + ([RUNS_AT_TIMES] if values.whole("autotermination_minutes") != 0 else [])
    scaling = bounds(low, high, True) if scales else bounds(number, number, False)
    for part, kind, count in _nodes(market, number, same=driver == workers):
        machine = driver if part == "driver" else workers
        alone = Autoscaling(1, 1, False) if kind else scaling
        yield Draft(texts([machine]), machine, count, part, autoscaling=alone, billed_hourly=False, notes=list(notes))


def _nodes(market: _Market, workers: int | None, *, same: bool) -> Iterator[tuple[str, bool, Count]]:
    """Yield the driver (true) and the workers of a cluster; driver and workers as one where they are the same."""
    # The driver is the first node: on demand as soon as one node is.
    driver = split(1, market.spot and market.first_on_demand == 0 if market.spot is not None else None)
    if not same:
        yield "driver", True, driver
        yield "workers", False, _shared(workers, market.spot, max(market.first_on_demand - 1, 0))
        return
    yield "nodes", False, _shared(None if workers is None else workers + 1, market.spot, market.first_on_demand)


def _shared(total: int | None, spot: bool | None, fixed: int) -> Count:
    if total is None or not spot:
        return split(total, spot)
    return Count(total, min(fixed, total), total - min(fixed, total))


def _pool(here: Here) -> Iterator[Draft]:
    values = here.values
    kind = values.text("node_type_id")
    low, high = values.whole("min_idle_instances"), values.whole("max_capacity")
    market = _market(values)
    count = Count() if low is None or low != high else split(low, market.spot)
    notes = [DBU, "its nodes come and go with the clusters that use it"]
    notes += [f"its nodes are {'spot' if market.spot else 'on demand'}"] if market.spot is not None else []
    yield Draft(texts([kind]), kind, count, autoscaling=bounds(low or 0, high, True), billed_hourly=False,
                scale_to_zero=(low or 0) == 0, notes=notes)  # fmt: skip


_ENTITY = {
    "workload_type": "machine",
    "scale_to_zero_enabled": "whether it scales to zero",
    "min_provisioned_throughput": "least throughput",
    "max_provisioned_throughput": "most throughput",
    "external_model[].provider": "whether another provider serves it",
}
_MARKETS = {
    "aws_attributes[].availability": "spot or on demand",
    "aws_attributes[].first_on_demand": "on-demand count",
    "azure_attributes[].availability": "spot or on demand",
    "azure_attributes[].first_on_demand": "on-demand count",
    "gcp_attributes[].availability": "spot or on demand",
    "gcp_attributes[].gcp_availability": "spot or on demand",
    "gcp_attributes[].use_preemptible_executors": "spot or on demand",
}


def _kind(attributes: dict[str, str], read: Reader, purpose: Purpose = "gpu") -> Kind:
    return Kind("databricks", purpose, {"id": "finds what refers to it", **attributes}, read)


KINDS: dict[str, Kind] = {
    "databricks_model_serving": _kind(
        {
            f"config[].{name}[].{path}": meaning
            for name in ("served_entities", "served_models")
            for path, meaning in _ENTITY.items()
        },
        _serving,
        "inference",
    ),
    "databricks_cluster": _kind(
        {
            **_MARKETS,
            "node_type_id": "machine",
            "driver_node_type_id": "machine of the driver",
            "num_workers": "count",
            "autoscale[].min_workers": "least count",
            "autoscale[].max_workers": "most count",
            "autotermination_minutes": "whether it runs all the time",
            "instance_pool_id": "finds the pool",
            "driver_instance_pool_id": "finds the pool",
        },
        _cluster,
    ),
    POOL: _kind(
        {
            **_MARKETS,
            "node_type_id": "machine",
            "min_idle_instances": "least count",
            "max_capacity": "most count",
        },
        _pool,
    ),
}
