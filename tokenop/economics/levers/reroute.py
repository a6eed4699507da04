"""Another model answers a share of the calls; some fall back to the old one and are paid twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tokenop.economics.levers import moving
from tokenop.economics.levers.base import Bound, Constants, Values
from tokenop.economics.state import Array, Cells, State

RANK = 40


def columns(bound: Bound) -> dict[str, str]:
    """Return the flags of the target's context tiers."""
    return moving.tier_columns(bound)


def apply(bound: Bound, state: State, values: Values) -> None:
    """Move the share to the target."""
    moving.move(bound, state, values["share"], values["tokeniser_ratio"], values["fallback_rate"], np.zeros((1, 1)))


def stage(bound: Bound, values: Constants) -> str:
    """Move the share of the matching rows; latency follows the target's observed median where there is one."""
    latency = values["latency_ratio"] if bound.latency_ratio is None else bound.latency_ratio
    return moving.stage(bound, values["share"], values["tokeniser_ratio"], values["fallback_rate"], 0.0, latency)


def ceiling(bound: Bound, cells: Cells, values: Values, chain: Sequence[Bound]) -> Array:
    """Return the share moved times the largest price gap, less what falls back."""
    return moving.ceiling(bound, cells, values, values["fallback_rate"], chain)
