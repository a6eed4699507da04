"""Running a set of levers over the pooled workload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tokenop.economics.fleet import Fleet
from tokenop.economics.levers import KINDS, Bound
from tokenop.economics.levers.base import Values
from tokenop.economics.state import Array, Cells, State, initial

# Draws are made in slices of this size: arrays of a slice stay in the processor's cache.
SLICE = 50


def run(state: State, bounds: Sequence[Bound], values: Mapping[str, Values]) -> State:
    """Return the state after all levers, which are in chain order; the given state is left as it is."""
    state = state.copy()
    for bound in bounds:
        KINDS[bound.lever.kind].apply(bound, state, values[bound.name])
    return state


def saving(cells: Cells, hours: float, bounds: Sequence[Bound], values: Mapping[str, Values]) -> float:
    """Return US dollars of the window that the levers save with one set of parameters; negative where they cost."""
    before = initial(cells, hours)
    return float(before.cost()[0] - run(before, bounds, values).cost()[0])


def savings(cells: Cells, hours: float, bounds: Sequence[Bound], values: Mapping[str, Values], weights: Array) -> Array:
    """Return US dollars of the window saved, by draw.

    Args:
        cells: the pooled workload.
        hours: length of the window.
        bounds: the levers in chain order.
        values: by lever, `(draws, 1)` of each parameter.
        weights: `(draws, blocks)` how often each block is drawn.
    """
    if not bounds:
        return np.zeros(weights.shape[0])
    touched = np.zeros(cells.size, dtype=np.bool_)
    for bound in bounds:
        touched |= cells.match[bound.name]
        if bound.name in cells.groups:
            touched |= cells.groups[bound.name] >= 0
    some = only(cells, touched)
    if not any(bound.name in cells.fleet.match for bound in bounds):
        some = replace(some, fleet=Fleet())
    parts = []
    for start in range(0, weights.shape[0], SLICE):
        piece = slice(start, start + SLICE)
        drawn = {lever: {name: array[piece] for name, array in named.items()} for lever, named in values.items()}
        before = initial(some, hours, weights[piece])
        parts.append(before.cost() - run(before, bounds, drawn).cost())
    return np.concatenate(parts)


def only(cells: Cells, keep: np.ndarray) -> Cells:
    """Return the cells that are kept: what no lever touches saves nothing and need not be drawn."""
    return replace(
        cells,
        calls=cells.calls[:, keep],
        tokens=tuple(tokens[:, keep] for tokens in cells.tokens),
        fixed=cells.fixed[:, keep],
        cost=cells.cost[keep],
        rates=tuple(rate[keep] for rate in cells.rates),
        discount=cells.discount[keep],
        same_rate=cells.same_rate[keep],
        latency=cells.latency[keep],
        provider=[name for name, kept in zip(cells.provider, keep, strict=True) if kept],
        match={name: flags[keep] for name, flags in cells.match.items()},
        measures={name: sums[keep] for name, sums in cells.measures.items()},
        repeat={name: shares[keep] for name, shares in cells.repeat.items()},
        targets={},
        groups={name: index[keep] for name, index in cells.groups.items()},
    )
