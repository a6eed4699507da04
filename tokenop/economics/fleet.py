"""The fleet: the resources of an inventory whose bill is known, as arrays that capacity levers change.

Only on-demand instances can move. What runs as spot or reserved today is a fixed cost a hour, and so is what a lever
has moved: nothing is moved twice. A resource with an unknown count or price is not in here; it is counted as unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tokenop.catalogue.vocabulary import RESOURCE_COLUMNS
from tokenop.inventory.columns import row

if TYPE_CHECKING:
    import duckdb

    from tokenop.economics.levers.base import Bound
    from tokenop.inventory.model import Inventory, Resource

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

HOURS_PER_MONTH = Decimal("730.5")


@dataclass(frozen=True, slots=True)
class Fleet:
    """The resources with a known bill, by address; arrays have the shape `(resources,)`."""

    resources: tuple[Resource, ...] = ()
    unknown: tuple[Resource, ...] = ()  # part of the bill, with a count or a price that nobody knows
    match: Mapping[str, Flags] = field(default_factory=dict)  # lever → which of `resources` it acts on
    unknown_matches: Mapping[str, int] = field(default_factory=dict)  # lever → how many of `unknown` it would act on
    figures: Mapping[str, Array] = field(default_factory=dict)  # see `_FIGURES`, worked out once
    scaled: Flags = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))  # what follows its load, or may do so

    @property
    def size(self) -> int:
        """Return the number of resources."""
        return len(self.resources)

    def array(self, name: str) -> Array:
        """Return one of the figures below for every resource, NaN where unknown."""
        return self.figures[name] if self.resources else np.zeros(0)

    @property
    def hourly_usd(self) -> Decimal:
        """Return what all of it costs an hour, exactly."""
        return sum((hourly(one) for one in self.resources), Decimal(0))


@dataclass(slots=True)
class Standing:
    """A fleet on its way through the levers; arrays have the shape `(draws, resources)`, draws 1 where all are alike.

    Levers replace the arrays; they never write into shared ones.
    """

    on_demand: Array  # instances that nobody has moved
    running: Array  # instances of all kinds
    paid: Array  # USD an hour of all that is not on-demand, or was moved
    rate: Array  # (resources,) USD an hour of an on-demand instance

    def hourly(self) -> Array:
        """Return USD an hour by draw and resource."""
        return np.asarray(self.on_demand * self.rate + self.paid)


def standing(fleet: Fleet) -> Standing:
    """Return the fleet as it is today."""
    on_demand, rate = fleet.array("on_demand"), fleet.array("rate")
    return Standing(on_demand[None, :], fleet.array("total")[None, :], fleet.array("fixed")[None, :], rate)


def hourly(resource: Resource) -> Decimal:
    """Return what a resource with a known bill costs an hour, exactly."""
    return Decimal(resource.count.on_demand or 0) * _price(resource.hourly_usd.on_demand) + _fixed(resource)


def _fixed(resource: Resource) -> Decimal:
    count, price = resource.count, resource.hourly_usd
    return Decimal(count.spot or 0) * _price(price.spot) + Decimal(count.reserved or 0) * _price(price.reserved_1y)


def _price(price: Decimal | None) -> Decimal:
    """Return a price; 0 where there is none, which only a count of 0 is multiplied with."""
    return Decimal(0) if price is None else price


def scales(resource: Resource) -> bool | None:
    """Return whether a resource follows its load today; None where it has bounds and nobody can tell."""
    bounds = resource.autoscaling
    if resource.scale_to_zero:
        return True
    unbound = bounds.min is None and bounds.max is None
    return False if bounds.enabled is None and unbound else bounds.enabled


_FIGURES: dict[str, Any] = {
    "on_demand": lambda one: one.count.on_demand,
    "total": lambda one: one.count.total,
    "rate": lambda one: _price(one.hourly_usd.on_demand),
    "fixed": _fixed,
    "spot_rate": lambda one: one.hourly_usd.spot,
    "reserved_rate": lambda one: one.hourly_usd.reserved_1y,
}


def _float(value: Decimal | int | None) -> float:
    return float("nan") if value is None else float(value)


def load(connection: duckdb.DuckDBPyConnection, inventory: Inventory | None, bounds: Sequence[Bound]) -> Fleet:
    """Return the fleet of an inventory, with the resources that each capacity lever acts on.

    Creates the table `resources`, one row a resource that is part of the bill, with `RESOURCE_COLUMNS` and `place`.
    """
    if inventory is None:
        return Fleet()
    live = sorted(
        (one for one in inventory.resources if one.in_totals), key=lambda one: (one.origin, one.address, one.part or "")
    )
    known = tuple(one for one in live if one.monthly_usd is not None)
    unknown = tuple(one for one in live if one.monthly_usd is None)
    columns = ", ".join(f"{name} {kind}" for name, kind in RESOURCE_COLUMNS.items())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE resources (place BIGINT, {columns})")
    rows = [[place, *row(one).values()] for place, one in enumerate((*known, *unknown))]
    if rows:
        marks = ", ".join("?" * (len(RESOURCE_COLUMNS) + 1))
        connection.executemany(f"INSERT INTO resources VALUES ({marks})", rows)
    match: dict[str, Flags] = {}
    missed: dict[str, int] = {}
    for bound in bounds:
        if bound.lever.kind != "capacity":
            continue
        places = connection.execute(
            f"SELECT place FROM resources WHERE (\n{bound.lever.where}\n) IS TRUE ORDER BY place"
        ).fetchall()
        flags = np.zeros(len(known), dtype=np.bool_)
        flags[[place for (place,) in places if place < len(known)]] = True
        match[bound.name], missed[bound.name] = flags, sum(place >= len(known) for (place,) in places)
    figures = {
        name: np.array([_float(figure(one)) for one in known], dtype=np.float64) for name, figure in _FIGURES.items()
    }
    scaled = np.array([scales(one) is not False for one in known], dtype=np.bool_)
    return Fleet(known, unknown, match, missed, figures, scaled)


def scalars(inventory: Inventory | None) -> dict[str, Decimal | int | float | None]:
    """Return the values of `INVENTORY_SCALARS`: None each without an inventory, or where nothing is known."""
    from tokenop.catalogue.vocabulary import INVENTORY_SCALARS

    if inventory is None:
        return dict.fromkeys(INVENTORY_SCALARS)
    live = [one for one in inventory.resources if one.in_totals]
    known = [one for one in live if one.monthly_usd is not None]
    gpus = [one for one in live if one.purpose == "gpu"]
    counted = [one.count for one in live if one.count.total is not None]
    return {
        "infra_resources": len(live),
        "infra_monthly_usd": inventory.totals.monthly_usd,
        "infra_on_demand_monthly_usd": _on_demand(known),
        "gpu_on_demand_monthly_usd": _on_demand([one for one in known if one.purpose == "gpu"]),
        "gpu_count": _sum([_times(one.count.total, one.gpus_per_instance) for one in gpus]),
        "on_demand_share": _share([one.on_demand for one in counted], [one.total for one in counted]),
        "spot_share": _share([one.spot for one in counted], [one.total for one in counted]),
        "reserved_share": _share([one.reserved for one in counted], [one.total for one in counted]),
    }


def _on_demand(resources: Sequence[Resource]) -> Decimal | None:
    if not resources:
        return None
    by_hour = (Decimal(one.count.on_demand or 0) * _price(one.hourly_usd.on_demand) for one in resources)
    return sum(by_hour, Decimal(0)) * HOURS_PER_MONTH


def _times(count: int | None, each: int | None) -> int | None:
    return None if count is None or each is None else count * each


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _share(parts: Sequence[int | None], wholes: Sequence[int | None]) -> float | None:
    """Return the part of all instances, over the resources that say it."""
    pairs = [(part, whole) for part, whole in zip(parts, wholes, strict=True) if part is not None and whole]
    return sum(part for part, _ in pairs) / sum(whole for _, whole in pairs) if pairs else None
