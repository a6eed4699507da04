"""On-demand instances become spot, a commitment, nothing while they idle, or fewer that each serve more.

This lever acts on the inventory, not on calls. Only what is on-demand can move; what is spot or reserved today, or was
moved by a lever before, stays. Within the chain, instances become fewer first, then hours are scaled away, then
committed, then put on spot: a commitment for hours that nobody needs would be a loss, and spot takes what is left. A
price that the inventory states comes before the template's discount. Where the count or the price of a resource is
unknown, it is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np

from tokenop.economics.fleet import Flags, Fleet, Standing, hourly, scales
from tokenop.economics.levers.base import Bound, Constants, Values
from tokenop.economics.state import Array, Cells, State

RANK = 90
CHANGES = ("consolidate", "autoscale", "reserved", "spot")
# Those after which fewer hours run, as against other prices for the same hours.
FEWER = ("consolidate", "autoscale")


def place(bound: Bound) -> int:
    """Return the place of the lever among capacity levers."""
    return CHANGES.index(change(bound))


def change(bound: Bound) -> str:
    """Return what becomes of the hours: consolidate, autoscale, reserved or spot."""
    return bound.text("change", "spot")


def columns(bound: Bound) -> dict[str, str]:  # noqa: ARG001 the Protocol's shape
    """Return no columns: calls are not touched."""
    return {}


def stage(bound: Bound, values: Constants) -> str:  # noqa: ARG001 the Protocol's shape
    """Leave the rows as they are."""
    return "SELECT * FROM {source}"


def acts_on(bound: Bound, fleet: Fleet) -> Flags:
    """Return the resources that the lever can change at all, `(resources,)`."""
    flags = fleet.match[bound.name] & (fleet.array("on_demand") > 0)
    return flags & ~fleet.scaled if change(bound) == "autoscale" else flags


def _price(bound: Bound, fleet: Fleet, values: Values) -> Array:
    """Return USD an hour of one instance after the move, work that is done again or hours unused included."""
    if change(bound) == "spot":
        known, factor = fleet.array("spot_rate"), 1 + values["interruption_overhead"]
    else:
        known, factor = fleet.array("reserved_rate"), 1 / (1 - values["commitment_unused"])
    listed = np.where(np.isnan(known), fleet.array("rate") * (1 - values["discount"]), known)
    return np.asarray(listed * factor)


def _share(values: Values) -> Array:
    """Return the share of the hours that moves; some stay on-demand where the lever has a floor."""
    floor = values.get("on_demand_floor")
    return values["share"] if floor is None else np.minimum(values["share"], 1 - floor)


def _freed(bound: Bound, values: Values) -> Array:
    """Return the share of the on-demand hours that is not needed any more; negative where more are."""
    if change(bound) == "autoscale":
        return np.asarray(values["share"] * values["idle_share"])
    gain = values["throughput_gain"]
    return np.asarray(values["share"] * gain / (1 + gain))


def _exactly_freed(bound: Bound, given: Mapping[str, Decimal]) -> Decimal:
    if change(bound) == "autoscale":
        return given["share"] * given["idle_share"]
    return given["share"] * given["throughput_gain"] / (1 + given["throughput_gain"])


def _least(bound: Bound) -> int:
    """Return how many instances of a resource stay."""
    return int(bound.number("min_replicas" if change(bound) == "autoscale" else "min_instances", 1))


def apply(bound: Bound, state: State, values: Values) -> None:
    """Move the share of the matching resources' on-demand hours."""
    before, fleet = state.standing, state.cells.fleet
    flags = acts_on(bound, fleet)
    if not flags.any():
        return
    if change(bound) in FEWER:
        gone = before.on_demand * np.where(flags, _freed(bound, values), 0.0)
        gone = np.minimum(gone, np.maximum(before.running - _least(bound), 0.0))
        state.standing = Standing(before.on_demand - gone, before.running - gone, before.paid, before.rate)
        return
    moved = before.on_demand * np.where(flags, _share(values), 0.0)
    paid = before.paid + moved * np.where(flags, _price(bound, fleet, values), 0.0)
    state.standing = Standing(before.on_demand - moved, before.running, paid, before.rate)


def ceiling(bound: Bound, cells: Cells, values: Values, chain: Sequence[Bound]) -> Array:  # noqa: ARG001 the Protocol's shape
    """Return, for each resource, the share of its on-demand cost that the lever saves; no state has more to move."""
    fleet = cells.fleet
    flags = acts_on(bound, fleet)
    if change(bound) in FEWER:
        saved = np.broadcast_to(np.maximum(_freed(bound, values), 0.0), (1, fleet.size))[0]
    else:
        rate = fleet.array("rate")
        kept = _price(bound, fleet, values)[0] / np.where(rate > 0, rate, 1.0)
        saved = _share(values)[0, 0] * np.maximum(np.where(rate > 0, 1 - kept, 0.0), 0.0)
    return np.asarray(np.where(flags, saved, 0.0))


def replay(fleet: Fleet, bounds: Sequence[Bound], values: Mapping[str, Constants]) -> tuple[Decimal, ...]:
    """Return what each resource costs an hour after the levers, in decimals: what `apply` is held against."""
    after: list[Decimal] = []
    for number, resource in enumerate(fleet.resources):
        rate, standing = resource.hourly_usd.on_demand or Decimal(0), Decimal(resource.count.on_demand or 0)
        running, paid = Decimal(resource.count.total or 0), hourly(resource) - standing * rate
        for bound in bounds:
            if bound.lever.kind != "capacity" or not fleet.match[bound.name][number]:
                continue
            given = {name: Decimal(repr(value)) for name, value in values[bound.name].items()}
            if change(bound) in FEWER:
                if change(bound) == "autoscale" and scales(resource) is not False:
                    continue
                most = max(running - _least(bound), Decimal(0))
                gone = min(standing * _exactly_freed(bound, given), most)
                standing, running = standing - gone, running - gone
                continue
            moved = standing * min(given["share"], 1 - given.get("on_demand_floor", Decimal(0)))
            standing, paid = standing - moved, paid + moved * _exact_price(bound, resource.hourly_usd, given, rate)
        after.append(standing * rate + paid)
    return tuple(after)


def _exact_price(bound: Bound, listed: object, given: Mapping[str, Decimal], rate: Decimal) -> Decimal:
    spot = change(bound) == "spot"
    known: Decimal | None = getattr(listed, "spot" if spot else "reserved_1y")
    price = rate * (1 - given["discount"]) if known is None else known
    return price * (1 + given["interruption_overhead"]) if spot else price / (1 - given["commitment_unused"])
