"""Answers served again: an exact or semantic response cache in front of the model.

Exact repeats are measured where events carry `prompt_hash` (an equal prompt of the same tenant and model within the
window); elsewhere `hit_rate` stands in. `semantic_uplift` is the share of the remaining calls that a similarity
look-up would also answer. A false hit is found out, asked again and paid, so it saves nothing. Each look-up costs.
Where two templates cache answers, the first of the chain serves the calls that both match.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tokenop.economics.levers.base import Bound, Constants, Values, ceiling_of, matched, share
from tokenop.economics.state import Array, Cells, Flags, State

RANK = 20


def window(bound: Bound) -> float:
    """Return how many hours an answer may be served again."""
    return bound.number("window_hours", 24)


def columns(bound: Bound) -> dict[str, str]:  # noqa: ARG001 repeats are shared between levers, see work.py
    """Return no columns of its own: the shares of repeats are shared between levers of one window."""
    return {}


def _saved(bound: Bound, cells: Cells, values: Values, flags: Flags) -> Array:
    repeats = cells.repeat[repeat_column(bound)]
    exact = np.where(np.isnan(repeats), values["hit_rate"], repeats)
    hits = exact + values["semantic_uplift"] * (1 - exact)
    return share(flags, values["share"] * hits * (1 - values["false_hit_rate"]))


def repeat_column(bound: Bound) -> str:
    """Return the name of the work-table column that holds the share of exact repeats within the window."""
    return f"rep_{window(bound):g}".replace(".", "_")


def apply(bound: Bound, state: State, values: Values) -> None:
    """Remove the calls that the cache answers and charge the look-ups."""
    flags = matched(bound, state.cells) & ~state.answered
    keep = 1 - _saved(bound, state.cells, values, flags)
    state.answered = state.answered | flags
    for part in state.parts:
        looked_up = (part.calls * share(flags, values["share"])).sum(axis=1)
        state.extra = state.extra + looked_up * values["lookup_usd"][:, 0]
        part.calls = part.calls * keep
        part.tokens = [tokens * keep for tokens in part.tokens]
        part.fixed = part.fixed * keep


def stage(bound: Bound, values: Constants) -> str:
    """Scale the matching rows by the share of calls that still reaches the model."""
    flag, repeats = f"({bound.name} AND NOT s_answered)", repeat_column(bound)
    exact = f"coalesce({repeats}, {values['hit_rate']!r})"
    hits = f"({exact} + {values['semantic_uplift']!r} * (1 - {exact}))"
    keep = f"CASE WHEN {flag} THEN 1 - {values['share']!r} * {hits} * {1 - values['false_hit_rate']!r} ELSE 1 END"
    scaled = ", ".join(f"s_{name} * {keep} AS s_{name}" for name in ("n", "vis", "u", "r", "w5", "w1", "o", "fixed"))
    looked_up = f"s_n * {values['share'] * values['lookup_usd']!r}"
    charged = f"s_extra + CASE WHEN {flag} THEN {looked_up} ELSE 0 END AS s_extra"
    return f"SELECT * REPLACE ({scaled}, {charged}, s_answered OR {bound.name} AS s_answered) FROM {{source}}"


def ceiling(bound: Bound, cells: Cells, values: Values, chain: Sequence[Bound]) -> Array:  # noqa: ARG001 the Protocol's shape
    """Return the share of calls that the cache answers rightly."""
    return ceiling_of(_saved(bound, cells, values, matched(bound, cells)))
