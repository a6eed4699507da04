"""What runs: endpoints and clusters of the inventory, how they are paid, and what paying less for them would save."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tokenop.inventory.model import Resource
from tokenop.planning.figures import interval
from tokenop.planning.platforms.model import Analysis, Column, Table, Unknown, dollars, many, money
from tokenop.planning.platforms.world import World
from tokenop.planning.study import prepare

MOST_ROWS = 100
HOW = (
    "`terraform show -json > state.json`, then `tokenop discover --collectors terraform --input state.json`: "
    "writes inventory.yaml"
)
SERVING = "databricks_model_serving"
_COLUMNS = (
    Column("address", "resource"),
    Column("instance_type", "type"),
    Column("on_demand", "on demand", "count"),
    Column("spot", "spot", "count"),
    Column("scaling", "scales"),
    Column("monthly_usd", "a month", "usd"),
)


def none() -> Unknown:
    """Return why nothing is known of what runs."""
    return Unknown("what runs and how it is paid", "there is no inventory.yaml beside the events", HOW)


def live(world: World, wanted: Callable[[Resource], bool]) -> list[Resource]:
    """Return the resources that are part of the bill, or are billed elsewhere, by address."""
    if world.inventory is None:
        return []
    some = [one for one in world.inventory.resources if one.change != "delete" and wanted(one)]
    return sorted(some, key=lambda one: (one.address, one.part or "", one.origin))


def table(resources: Sequence[Resource], name: str, title: str) -> Table:
    """Return resources as a table."""
    return Table(name, title, _COLUMNS, [_row(one) for one in resources[:MOST_ROWS]])


def _row(one: Resource) -> dict[str, Any]:
    scaling = one.autoscaling
    bounds = "" if scaling.min is None and scaling.max is None else f" {_or(scaling.min)} to {_or(scaling.max)}"
    word = {True: "yes", False: "no", None: "?"}[scaling.enabled]
    return {
        "address": one.address if one.part is None else f"{one.address} ({one.part})",
        "type": one.type,
        "instance_type": one.instance_type,
        "total": one.count.total,
        "on_demand": one.count.on_demand,
        "spot": one.count.spot,
        "reserved": one.count.reserved,
        "autoscaling": scaling.enabled,
        "autoscaling_min": scaling.min,
        "autoscaling_max": scaling.max,
        "scale_to_zero": one.scale_to_zero,
        "scaling": "to zero" if one.scale_to_zero else word + bounds,
        "monthly_usd": money(one.monthly_usd),
        "notes": list(one.notes),
    }


def _or(value: int | None) -> str:
    return "?" if value is None else str(value)


def clusters(world: World, title: str) -> Analysis:
    """Return how clusters scale, what runs as spot, and what the capacity levers would save."""
    if world.inventory is None:
        return Analysis("clusters", title, "Nothing is known of what runs.", unknown=(none(), _utilisation()))
    found = live(world, lambda one: one.type != SERVING and (one.provider == "databricks" or one.purpose == "gpu"))
    sums = {kind: _sum([getattr(one.count, kind) for one in found]) for kind in ("on_demand", "spot", "total")}
    known = [one.monthly_usd for one in found if one.monthly_usd is not None]
    figures = {
        "resources": len(found),
        "instances": sums["total"],
        "on_demand_instances": sums["on_demand"],
        "spot_instances": sums["spot"],
        "spot_share": _part(sums["spot"], sums["total"]),
        "resources_with_unknown_count": sum(one.count.total is None for one in found),
        "autoscaling": sum(one.autoscaling.enabled is True for one in found),
        "not_autoscaling": sum(one.autoscaling.enabled is False for one in found),
        "monthly_usd": money(sum(known)) if known else None,  # type: ignore[arg-type]
        "unpriced_resources": sum(one.monthly_usd is None for one in found),
    }
    levers = _savings(world)
    tables = [table(found, "clusters", "Clusters and GPU machines")] if found else []
    unknown = [_utilisation()]
    if figures["unpriced_resources"]:
        unknown.insert(0, _unpriced(found))
    summary = (
        f"{many(len(found), 'resource')}: {_or(sums['on_demand'])} on-demand and {_or(sums['spot'])} spot instances "
        f"where the count is known, {dollars(sum(known) if known else None)} a month where the price is."
    )
    return Analysis("clusters", title, summary, (*tables, *levers), tuple(unknown), figures)


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _part(part: int | None, whole: int | None) -> float | None:
    return None if part is None or not whole else round(part / whole, 6)


def _savings(world: World) -> list[Table]:
    """Return what each shipped template that only changes capacity would save alone on this inventory."""
    chosen = [one for one in world.templates if all(lever.kind == "capacity" for lever in one.levers)]
    if not chosen or world.inventory is None:
        return []
    study = prepare(
        world.connection, chosen, world.book, world.spread, world.draws, world.seed, world.calls, world.inventory
    )
    rows = []
    for one in study.templates:
        alone = frozenset({one.id})
        acted = int(study.matched_resources(one.id).sum())
        saved = interval(study.savings(alone), study.saving(alone)) if acted else None
        missed = max((study.fleet.unknown_matches[bound.name] for bound in study.of(alone)), default=0)
        rows.append({"name": one.id, "resources": acted, "unknown_resources": missed, "savings_monthly_usd": saved})
    columns = (
        Column("name", "template"),
        Column("resources", "resources", "count"),
        Column("unknown_resources", "without a bill", "count"),
        Column("savings_monthly_usd", "saves, P10 to P90", "interval"),
    )
    return [Table("capacity", "What each change alone would save a month", columns, rows)]


def _unpriced(found: Sequence[Resource]) -> Unknown:
    number = sum(one.monthly_usd is None for one in found)
    return Unknown(
        f"the bill of {many(number, 'resource')}",
        "their count moves, or no price is known: Databricks units come on top of the machines",
        "put counts and hourly prices into inventory.yaml, or compare with `tokenop discover --collectors "
        "databricks-billing`",
    )


def _utilisation() -> Unknown:
    return Unknown(
        "how busy the machines are",
        "neither Terraform nor the log of calls has the load of a machine",
        "`system.compute.node_timeline` has it; hold its idle share against the template's idle_share",
    )
