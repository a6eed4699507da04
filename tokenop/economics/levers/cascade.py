"""A cheap model tries first; what a verifier does not accept is asked again on today's model.

Both calls of an escalation are paid, their latencies add up, and the verifier costs a fixed amount a call.
"""

from __future__ import annotations

from collections.abc import Sequence

from tokenop.economics.levers import moving
from tokenop.economics.levers.base import Bound, Constants, Values
from tokenop.economics.state import Array, Cells, State

RANK = 50


def columns(bound: Bound) -> dict[str, str]:
    """Return the flags of the target's context tiers."""
    return moving.tier_columns(bound)


def apply(bound: Bound, state: State, values: Values) -> None:
    """Send the share to the cheap model and the escalated part back."""
    moving.move(
        bound, state, values["share"], values["tokeniser_ratio"], values["escalation_rate"], values["verifier_usd"]
    )


def stage(bound: Bound, values: Constants) -> str:
    """Send the share of the matching rows to the cheap model and the escalated part back."""
    latency = values["latency_ratio"] if bound.latency_ratio is None else bound.latency_ratio
    return moving.stage(
        bound, values["share"], values["tokeniser_ratio"], values["escalation_rate"], values["verifier_usd"], latency
    )


def ceiling(bound: Bound, cells: Cells, values: Values, chain: Sequence[Bound]) -> Array:
    """Return the share tried times the largest price gap, less what is escalated."""
    return moving.ceiling(bound, cells, values, values["escalation_rate"], chain)
