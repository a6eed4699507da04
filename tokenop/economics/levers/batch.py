"""The delay-tolerant share goes through the provider's batch API, at the discount of the price book.

Where a provider has no batch price, or the call is a batch call today, nothing changes. A batch answer may take up to
a day, so its calls leave the latency figures.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tokenop.economics.levers.base import Bound, Constants, Values, ceiling_of, matched, share
from tokenop.economics.state import Array, Cells, State

RANK = 60


def columns(bound: Bound) -> dict[str, str]:  # noqa: ARG001 the Protocol's shape
    """Return no columns: the discount is part of the calls."""
    return {}


def apply(bound: Bound, state: State, values: Values) -> None:
    """Discount the share, on every part by the discount of the provider that serves it."""
    part_share = share(matched(bound, state.cells), values["share"])
    for part in state.parts:
        part.factor = part.factor * (1 - part_share * np.nan_to_num(part.discount))


def stage(bound: Bound, values: Constants) -> str:
    """Discount the share of the matching rows."""
    discounted = f"CASE WHEN {bound.name} THEN 1 - {values['share']!r} * coalesce(s_discount, 0) ELSE 1 END"
    seen = f"CASE WHEN {bound.name} AND s_discount IS NOT NULL THEN {1 - values['share']!r} ELSE 1 END"
    return f"SELECT * REPLACE (s_factor * {discounted} AS s_factor, s_vis * {seen} AS s_vis) FROM {{source}}"


def ceiling(bound: Bound, cells: Cells, values: Values, chain: Sequence[Bound]) -> Array:
    """Return the share times the largest discount: of today's provider, or of one that calls may be moved to."""
    moved = [one.target[0].batch_discount or 0.0 for one in chain if one.target]
    discount = np.maximum(np.nan_to_num(cells.discount), max(moved, default=0.0))
    return ceiling_of(share(matched(bound, cells), values["share"]) * discount)
