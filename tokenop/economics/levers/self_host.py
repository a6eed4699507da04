"""Tokens become GPU hours: the matching calls are served on the team's own GPUs.

Replicas cover the observed load hour by hour at the target utilisation; without autoscaling the peak hour decides for
the whole window. Idle hours are paid, at least `min_replicas` run always, and operating them costs by the month. The
engine's prefix cache serves what is a cache read today, so that only uncached input and cache writes are prefilled.
This lever depends on the whole of the traffic: savings of parts do not add up.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tokenop.economics.levers.base import Bound, Constants, Values, ceiling_of, matched, share
from tokenop.economics.state import Array, Cells, State
from tokenop.profile.window import HOURS_PER_MONTH

RANK = 70


def columns(bound: Bound) -> dict[str, str]:  # noqa: ARG001 the Protocol's shape
    """Return no columns: the load by hour is a query of its own."""
    return {}


def gpu_cost(bound: Bound, prefill: Array, decode: Array, values: Values, hours: float) -> Array:
    """Return US dollars of the window by draw, for `(draws, hours)` tokens to prefill and to decode.

    Nothing is deployed, and nothing is paid, where there is no load at all.
    """
    per_replica = bound.number("gpus_per_replica", 1)
    seconds = prefill / values["prefill_tokens_per_gpu_second"] + decode / values["decode_tokens_per_gpu_second"]
    needed = seconds / 3600 / values["target_utilisation"] / per_replica
    replicas = np.maximum(np.ceil(needed - 1e-9), bound.number("min_replicas", 1))
    if bound.lever.options.get("autoscale", False):
        replica_hours = replicas.sum(axis=1) * (hours / replicas.shape[1])
    else:
        replica_hours = replicas.max(axis=1) * hours
    gpus = replica_hours * per_replica * values["gpu_hour_usd"][:, 0]
    operations = values["ops_monthly_usd"][:, 0] * hours / HOURS_PER_MONTH
    return np.where(seconds.sum(axis=1) > 0, gpus + operations, 0.0)


def least_cost(bound: Bound, values: Values, hours: float) -> float:
    """Return US dollars of the window that the GPUs cost at least where there is any load at all, first draw."""
    gpus = bound.number("min_replicas", 1) * bound.number("gpus_per_replica", 1)
    by_hour = gpus * values["gpu_hour_usd"][0, 0] + values["ops_monthly_usd"][0, 0] / HOURS_PER_MONTH
    return float(by_hour * hours)


def apply(bound: Bound, state: State, values: Values) -> None:
    """Take the share of the matching calls that nobody has moved off the API, and pay for the GPUs."""
    flags = matched(bound, state.cells)
    moved = share(flags, values["share"])
    today = state.parts[0]
    before_prefill, before_decode = _tokens(state.cells, flags)
    now_prefill = ((today.tokens[0] + today.tokens[2] + today.tokens[3]) * moved).sum(axis=1, keepdims=True)
    now_decode = (today.tokens[4] * moved).sum(axis=1, keepdims=True)
    prefill, decode = state.cells.loads[bound.name]
    cost = gpu_cost(
        bound,
        prefill[None, :] * (now_prefill / max(before_prefill, 1.0)),
        decode[None, :] * (now_decode / max(before_decode, 1.0)),
        values,
        state.hours,
    )
    state.extra = state.extra + cost
    today.tokens = [tokens * (1 - moved) for tokens in today.tokens]
    today.calls = today.calls * (1 - moved)


def _tokens(cells: Cells, flags: np.ndarray) -> tuple[float, float]:
    sums = [float((tokens.sum(axis=0) * flags).sum()) for tokens in cells.tokens]
    return sums[0] + sums[2] + sums[3], sums[4]


def stage(bound: Bound, values: Constants) -> str:
    """Note each row's tokens to serve, by lever, and take its cost off the API."""
    flag = f"({bound.name} AND NOT s_moved)"
    taken = f"CASE WHEN {flag} THEN {values['share']!r} ELSE 0 END"
    kept = ", ".join(f"s_{name} * (1 - {taken}) AS s_{name}" for name in ("n", "u", "r", "w5", "w1", "o"))
    prefill, decode = f"(s_u + s_w5 + s_w1) * {taken}", f"s_o * {taken}"
    return (
        f"SELECT * REPLACE ({kept}), s_n * {taken} AS {bound.name}_calls, {prefill} AS {bound.name}_prefill, "
        f"{decode} AS {bound.name}_decode FROM {{source}}"
    )


def ceiling(bound: Bound, cells: Cells, values: Values, chain: Sequence[Bound]) -> Array:  # noqa: ARG001 the Protocol's shape
    """Return the share: what is left is what the API still serves."""
    return ceiling_of(share(matched(bound, cells), values["share"]))
