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
    """Discount the share, on every part by the discount of the provider that serves it.

    Of calls that a lever before sends as a batch the share is one already: nobody gets the discount twice.
    """
    before = state.batched
    after = before + share(matched(bound, state.cells), values["share"]) * (1 - before)
    for part in state.parts:
        discount = np.nan_to_num(part.discount)
        left = 1 - discount * before
        part.factor = part.factor * (1 - discount * after) / np.where(left > 0, left, 1.0)
    state.batched = after


def stage(bound: Bound, values: Constants) -> str:
    """Discount the share of the matching rows."""
    rate = "coalesce(s_discount, 0)"
    after = f"(s_batched + {values['share']!r} * (1 - s_batched))"
    once = f"(1 - {after} * {rate}) / coalesce(nullif(1 - s_batched * {rate}, 0), 1)"
    discounted = f"CASE WHEN {bound.name} THEN {once} ELSE 1 END"
    batched = f"CASE WHEN {bound.name} THEN {after} ELSE s_batched END"
    seen = f"CASE WHEN {bound.name} AND s_discount IS NOT NULL THEN {1 - values['share']!r} ELSE 1 END"
    replaced = f"s_factor * {discounted} AS s_factor, s_vis * {seen} AS s_vis, {batched} AS s_batched"
    return f"SELECT * REPLACE ({replaced}) FROM {{source}}"


def ceiling(bound: Bound, cells: Cells, values: Values, chain: Sequence[Bound]) -> Array:
    """Return the share times the largest discount: of today's provider, or of one that calls may be moved to."""
    moved = [one.target[0].batch_discount or 0.0 for one in chain if one.target]
    discount = np.maximum(np.nan_to_num(cells.discount), max(moved, default=0.0))
    return ceiling_of(share(matched(bound, cells), values["share"]) * discount)
