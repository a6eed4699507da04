"""What every lever kind offers, and the pieces that several of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tokenop.economics.state import Array, Cells, Flags, State

if TYPE_CHECKING:
    from tokenop.catalogue.model import Lever
    from tokenop.prices.calls import TargetRate

Values = Mapping[str, Array]  # parameter name → (draws, 1), or (1, 1)
Constants = Mapping[str, float]


@dataclass(frozen=True)
class Bound:
    """A template's lever bound to a workload.

    `name` (such as `l3`) prefixes the lever's columns in the work table; `target` holds the prices of the model that
    calls are moved to, cheapest context tier first; `latency_ratio` is target ÷ source where the events show it.
    """

    template: str
    lever: Lever
    name: str
    target: tuple[TargetRate, ...] = ()
    target_provider: str = ""
    target_model: str = ""
    latency_ratio: float | None = None

    @property
    def tiers(self) -> tuple[str, ...]:
        """Return the names of the flags that say a call is beyond a context tier of the target."""
        return tuple(f"{self.name}_tier{number}" for number in range(1, len(self.target)))

    def text(self, option: str, default: str) -> str:
        """Return the option as text."""
        return str(self.lever.options.get(option, default))

    def number(self, option: str, default: float) -> float:
        """Return the option as a number."""
        return float(str(self.lever.options.get(option, default)))


class Kind(Protocol):
    """A kind of lever. Modules of this package satisfy it; `tokenop.economics.levers.KINDS` lists them."""

    RANK: int  # place in the chain: request-shaping, caches, routing, serving, limits, capacity

    def columns(self, bound: Bound) -> dict[str, str]:
        """Return the columns that the lever needs in the work table: name → SQL over the calls."""

    def apply(self, bound: Bound, state: State, values: Values) -> None:
        """Change the pooled workload."""

    def stage(self, bound: Bound, values: Constants) -> str:
        """Return a SELECT over `{source}` that changes the rows."""

    def ceiling(self, bound: Bound, cells: Cells, values: Values, chain: Sequence[Bound]) -> Array:
        """Return, for each cell, a share of its cost that the lever can never save more than, whatever came before.

        What may come before is any of the levers `chain`. `values` has one set of parameters. A lever on the inventory
        returns the same for each resource.
        """


def matched(bound: Bound, cells: Cells) -> Flags:
    """Return the cells whose calls the lever's `where` selects."""
    return cells.match[bound.name]


def share(flags: Flags, value: Array) -> Array:
    """Return `value` where the flag is set and 0 elsewhere, as `(draws, cells)`."""
    return np.where(flags, value, 0.0)


def ceiling_of(saved: Array) -> Array:
    """Return the first draw of a share saved, `(cells,)`: ceilings are asked for with one set of parameters."""
    first: Array = saved[0]
    return first
