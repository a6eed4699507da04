"""What a kind of resource is: the attributes that are read, what each says, and how they become capacity."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tokenop.inventory.attributes import Tree, tree
from tokenop.inventory.model import Autoscaling, Count, Provider, Purpose
from tokenop.inventory.world import Here

# What stands for an accelerator that is there but not named.
SOME_ACCELERATOR = "unknown"


@dataclass(slots=True)
class Draft:
    """What one resource, or a part of it, was found to be; prices and catalogue facts are added later.

    `instance_type` is what it is priced at, None where several are possible. `billed_hourly` is False where an hourly
    price of the machine would not be the bill.
    """

    instance_types: tuple[str, ...] = ()
    instance_type: str | None = None
    count: Count = field(default_factory=Count)
    part: str | None = None
    region: str | None = None
    gpus: int | None = None
    accelerator: str | None = None
    autoscaling: Autoscaling = field(default_factory=Autoscaling)
    scale_to_zero: bool | None = None
    counted: bool = True
    billed_hourly: bool = True
    notes: list[str] = field(default_factory=list)


Reader = Callable[[Here], Iterable[Draft]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource type.

    Attributes:
        attributes: path → what it says. Nothing else of the resource is ever read.
        read: turns the values into drafts; None for resources that only help to understand others.
        purpose: `gpu` resources are listed where the machine has an accelerator, `inference` always.
    """

    provider: Provider
    purpose: Purpose
    attributes: Mapping[str, str]
    read: Reader | None = None

    @property
    def tree(self) -> Tree:
        """Return the readable attributes as a tree."""
        return tree(self.attributes)

    def named_unknown(self, unknown: Iterable[str]) -> tuple[str, ...]:
        """Return the unknown attributes that say something of capacity, not those that only identify."""
        quiet = {path.replace("[]", "") for path, meaning in self.attributes.items() if meaning.startswith("finds")}
        return tuple(sorted(path for path in unknown if path not in quiet))


def split(total: int | None, spot: bool | None) -> Count:
    """Return a count that is all spot, all on demand, or (None) unknown in its split."""
    if spot is None or total is None:
        return Count(total)
    return Count(total, 0, total) if spot else Count(total, total, 0)


def mixed(total: int | None, base: int | None, percent: int | None) -> Count:
    """Return a count of which `base` and then `percent` of the rest are on demand, rounded up as the clouds do."""
    if total is None or base is None or percent is None:
        return Count(total)
    fixed = min(base, total)
    on_demand = fixed + math.ceil((total - fixed) * percent / 100)
    return Count(total, min(on_demand, total), total - min(on_demand, total))


def texts(values: Iterable[object]) -> tuple[str, ...]:
    """Return the non-empty texts among `values`, each once, in order."""
    return tuple(dict.fromkeys(value for value in values if isinstance(value, str) and value))


def bounds(low: int | None, high: int | None, enabled: bool | None = None) -> Autoscaling:
    """Return scaling bounds; equal bounds mean that nothing scales."""
    if enabled is None and low is not None and low == high:
        enabled = False
    return Autoscaling(low, high, enabled)
