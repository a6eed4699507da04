"""What an inventory is: the GPU and inference capacity that somebody runs, and what a plan makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from tokenop.files import write_text
from tokenop.inventory.text import dump

SCHEMA_VERSION = 1
# As in economics: a month is a twelfth of a year of 365.25 days.
HOURS_PER_MONTH = Decimal("730.5")
CENT = Decimal("0.01")

Provider = Literal["aws", "google", "azure", "databricks"]
Purpose = Literal["gpu", "inference"]
Change = Literal["none", "create", "update", "replace", "delete"]
Kind = Literal["state", "plan", "tfstate"]

PROVIDERS: tuple[Provider, ...] = ("aws", "google", "azure", "databricks")
PURPOSES: tuple[Purpose, ...] = ("gpu", "inference")
CHANGES: tuple[Change, ...] = ("none", "create", "update", "replace", "delete")
KINDS: tuple[Kind, ...] = ("state", "plan", "tfstate")


@dataclass(frozen=True, slots=True)
class Origin:
    """One file that was read."""

    file: str
    sha256: str
    kind: Kind
    terraform_version: str | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many instances (or units), split by how they are paid; None where unknown.

    The parts are disjoint: total = on_demand + spot + reserved, an unknown `reserved` counting as part of `on_demand`.
    """

    total: int | None = None
    on_demand: int | None = None
    spot: int | None = None
    reserved: int | None = None


@dataclass(frozen=True, slots=True)
class Autoscaling:
    """The bounds between which something scales the count; `enabled` is None where nobody can tell."""

    min: int | None = None
    max: int | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Hourly:
    """What one instance costs in USD per hour; None where unknown."""

    on_demand: Decimal | None = None
    spot: Decimal | None = None
    reserved_1y: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource, or one part of one (`part`, such as a variant of an endpoint).

    `instance_types` holds all types it may run on, `instance_type` the one it is priced at. With a plan that updates or
    replaces it, `before` holds the count of today, `count` that of afterwards; with one that deletes it, both hold
    today's. `monthly_usd` is None where a count or a price is unknown. `unknown` names attributes that are known only
    after apply, or that Terraform marks as sensitive.
    """

    address: str
    provider: Provider
    type: str
    purpose: Purpose
    part: str | None = None
    origin: int = 0
    region: str | None = None
    instance_type: str | None = None
    instance_types: tuple[str, ...] = ()
    gpus_per_instance: int | None = None
    accelerator: str | None = None
    count: Count = Count()
    before: Count | None = None
    autoscaling: Autoscaling = Autoscaling()
    scale_to_zero: bool | None = None
    hourly_usd: Hourly = Hourly()
    price_source: str | None = None
    monthly_usd: Decimal | None = None
    change: Change = "none"
    counted: bool = True
    notes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def in_totals(self) -> bool:
        """Return whether it is part of the bill: not deleted, and not counted in another resource."""
        return self.counted and self.change != "delete"


@dataclass(frozen=True, slots=True)
class Skipped:
    """How many resources of a type were left out, and why."""

    type: str
    reason: str
    resources: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What the inventory adds up to; `monthly_usd` is None where nothing has a price."""

    resources: int
    monthly_usd: Decimal | None
    unpriced: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """All resources by address, where they were read, and what was left out."""

    origin: tuple[Origin, ...]
    resources: tuple[Resource, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def totals(self) -> Totals:
        """Add up what is part of the bill."""
        live = [resource for resource in self.resources if resource.in_totals]
        known = [resource.monthly_usd for resource in live if resource.monthly_usd is not None]
        return Totals(len(live), sum(known, Decimal(0)) if known else None, len(live) - len(known))

    @property
    def counts(self) -> Mapping[str, int]:
        """Return what became of the resources that were read: rows_in = listed + skipped.

        A resource listed in several parts counts once; deletions are listed.
        """
        listed = len({(resource.origin, resource.address) for resource in self.resources})
        skipped = sum(entry.resources for entry in self.skipped)
        return {
            "rows_in": listed + skipped,
            "listed": listed,
            "skipped": skipped,
            "resources": self.totals.resources,
            "deletions": sum(resource.change == "delete" for resource in self.resources),
            "unpriced": self.totals.unpriced,
        }

    def as_dict(self) -> dict[str, Any]:
        """Return it as nested mappings, as inventory.yaml holds it."""
        return {"schema_version": SCHEMA_VERSION, **asdict(self), "totals": asdict(self.totals)}

    @property
    def yaml(self) -> str:
        """Return what inventory.yaml holds."""
        return dump(self.as_dict())

    def write(self, path: Path) -> None:
        """Write it as YAML, atomically; the same inventory gives the same bytes.

        Raises:
            InputError: the file cannot be written.
        """
        write_text(path, self.yaml)


def monthly(count: Count, hourly: Hourly) -> Decimal | None:
    """Return USD a month of `count` instances at `hourly` prices; None where a needed count or price is unknown."""
    if count.total is None or count.on_demand is None or count.spot is None:
        return None
    parts = ((count.on_demand, hourly.on_demand), (count.spot, hourly.spot), (count.reserved or 0, hourly.reserved_1y))
    if any(instances and price is None for instances, price in parts):
        return None
    hours = sum((instances * price for instances, price in parts if instances and price is not None), Decimal(0))
    return (hours * HOURS_PER_MONTH).quantize(CENT)
