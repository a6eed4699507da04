"""What a lever changes: the calls of a workload cell, as parts that are each served by one model.

Arrays have the shape `(draws, cells)`; `draws` is 1 for a single set of parameters. Rates have the shape `(cells,)`
and are US dollars per token, as paid (list price times the ratio of reported to list cost). The row replay keeps the
same quantities as columns of a relation, see `tokenop.economics.rows`; a test holds the two against each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tokenop.economics.fleet import Fleet, Standing, standing

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Disjoint token buckets, in this order everywhere: uncached input, cache read, cache write 5 m and 1 h, output.
BUCKETS = ("u", "r", "w5", "w1", "o")


@dataclass(slots=True)
class Cells:
    """The pooled workload: one entry a cell, sorted by cell number, and its history by block of time."""

    calls: Array  # (blocks, cells)
    tokens: tuple[Array, ...]  # five times (blocks, cells)
    fixed: Array  # (blocks, cells) USD that no token explains
    cost: Array  # (cells,) USD of the window, exact sums read back as float
    rates: tuple[Array, ...]  # five times (cells,)
    discount: Array  # (cells,) batch discount, NaN where the provider has none
    same_rate: Array  # (cells,) ratio of cost paid to list cost, 1 where unknown
    latency: Array  # (cells,) mean milliseconds, NaN unknown
    provider: list[str | None]
    match: dict[str, Flags]  # bit name → (cells,)
    measures: dict[str, Array]  # column name → (cells,) sums over the window
    repeat: dict[str, Array]  # window name → (cells,) share of exact repeats, NaN unknown
    loads: dict[str, tuple[Array, Array]] = field(default_factory=dict)  # lever → prefill, decode tokens by hour
    targets: dict[str, tuple[Array, ...]] = field(default_factory=dict)  # lever → rates after a move, once asked for
    groups: dict[str, NDArray[np.int64]] = field(default_factory=dict)  # budget → (cells,) class of group, −1 for none
    limits: dict[str, Array] = field(default_factory=dict)  # budget → (blocks, classes) how many limits they have
    fleet: Fleet = field(default_factory=Fleet)

    @property
    def size(self) -> int:
        """Return the number of cells."""
        return int(self.cost.shape[0])


@dataclass(slots=True)
class Part:
    """The share of each cell's calls that one model serves."""

    calls: Array
    tokens: list[Array]
    rates: tuple[Array, ...]
    fixed: Array
    factor: Array
    discount: Array
    moved: bool = False

    def cost(self) -> Array:
        """Return US dollars by draw and cell."""
        total = self.fixed
        for tokens, rate in zip(self.tokens, self.rates, strict=True):
            total = total + tokens * rate
        return np.asarray(total * self.factor)


@dataclass(slots=True)
class State:
    """A workload on its way through the chain of levers. Levers replace arrays; they never write into shared ones."""

    cells: Cells
    parts: list[Part]
    extra: Array  # (draws,) USD of the window that belongs to no cell: look-ups, verifiers, GPUs
    hours: float  # length of the window
    answered: Flags  # (cells,) cells that a response cache of the chain already serves
    cached: Flags  # (cells,) cells whose prompts a lever of the chain already caches
    batched: Array  # (draws, cells) share of the calls that a lever of the chain already sends as a batch
    limits: dict[str, Array]  # budget → (draws, classes) how many limits the groups of a class have
    standing: Standing  # the inventory

    def cost_of_calls(self) -> Array:
        """Return US dollars by draw and cell, without `extra`."""
        total = self.parts[0].cost()
        for part in self.parts[1:]:
            total = total + part.cost()
        return total

    def cost_by_cell(self) -> Array:
        """Return US dollars by draw and cell, and after the cells by resource of the inventory, without `extra`."""
        calls = self.cost_of_calls()
        if not self.cells.fleet.size:
            return calls
        resources = self.standing.hourly() * self.hours
        return np.hstack([calls, np.broadcast_to(resources, (calls.shape[0], resources.shape[1]))])

    def cost(self) -> Array:
        """Return US dollars of the window by draw."""
        return np.asarray(self.cost_by_cell().sum(axis=1) + self.extra)

    def copy(self) -> State:
        """Return a state whose parts can be replaced without touching this one."""
        parts = [Part(p.calls, list(p.tokens), p.rates, p.fixed, p.factor, p.discount, p.moved) for p in self.parts]
        return replace(self, parts=parts)


def initial(cells: Cells, hours: float, weights: Array | None = None) -> State:
    """Return the workload as it is today.

    Args:
        cells: the pooled workload.
        hours: length of the window.
        weights: `(draws, blocks)` how often each block of time is drawn; None takes each once.
    """
    if weights is None:
        weights = np.ones((1, cells.calls.shape[0]))
    draws = weights.shape[0]
    part = Part(
        calls=weights @ cells.calls,
        tokens=[weights @ tokens for tokens in cells.tokens],
        rates=cells.rates,
        fixed=weights @ cells.fixed,
        factor=np.ones((draws, 1)),
        discount=cells.discount,
    )
    nowhere = np.zeros(cells.size, dtype=np.bool_)
    limits = {name: weights @ counts for name, counts in cells.limits.items()}
    none = np.zeros((1, 1))
    return State(cells, [part], np.zeros(draws), hours, nowhere, nowhere, none, limits, standing(cells.fleet))
