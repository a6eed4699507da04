"""Fewer (or more) tokens a call: prompt work, context isolation, retrieval before planning, output limits.

The reductions are signed: a retrieved passage can lengthen the prompt while it shortens the answer. Input tokens are
removed from all input buckets in proportion, because a log does not say which part of a prompt was cached.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tokenop.economics.levers.base import Bound, Constants, Values, ceiling_of, matched, share
from tokenop.economics.state import Array, Cells, State

RANK = 10


def columns(bound: Bound) -> dict[str, str]:  # noqa: ARG001 the Protocol's shape
    """Return no columns: the buckets are enough."""
    return {}


def apply(bound: Bound, state: State, values: Values) -> None:
    """Scale input and output tokens of the matching calls."""
    flags = matched(bound, state.cells)
    keep_input = 1 - share(flags, values["share"] * values["input_reduction"])
    keep_output = 1 - share(flags, values["share"] * values["output_reduction"])
    for part in state.parts:
        part.tokens = [*(tokens * keep_input for tokens in part.tokens[:4]), part.tokens[4] * keep_output]


def stage(bound: Bound, values: Constants) -> str:
    """Scale the token columns of the matching rows."""
    kept_input = 1 - values["share"] * values["input_reduction"]
    kept_output = 1 - values["share"] * values["output_reduction"]
    flag = bound.name
    inputs = ", ".join(
        f"s_{b} * CASE WHEN {flag} THEN {kept_input!r} ELSE 1 END AS s_{b}" for b in ("u", "r", "w5", "w1")
    )
    return f"SELECT * REPLACE ({inputs}, s_o * CASE WHEN {flag} THEN {kept_output!r} ELSE 1 END AS s_o) FROM {{source}}"


def ceiling(bound: Bound, cells: Cells, values: Values, chain: Sequence[Bound]) -> Array:  # noqa: ARG001 the Protocol's shape
    """Return the larger of the two reductions: no bucket shrinks by more."""
    most = np.maximum(values["share"] * values["input_reduction"], values["share"] * values["output_reduction"])
    return ceiling_of(share(matched(bound, cells), np.maximum(most, 0.0)))
