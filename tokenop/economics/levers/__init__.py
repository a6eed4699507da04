"""The lever kinds, and the fixed order in which they act.

Request-shaping comes first, then caches, routing, serving, limits, and last the capacity of the inventory; within a
kind the template's id decides. A plan therefore does not depend on how its templates are listed.
"""

from __future__ import annotations

from tokenop.economics.levers import (
    batch,
    budget,
    capacity,
    cascade,
    prompt_cache,
    reroute,
    response_cache,
    self_host,
    trim,
)
from tokenop.economics.levers.base import Bound, Kind

KINDS: dict[str, Kind] = {
    "trim": trim,
    "response_cache": response_cache,
    "prompt_cache": prompt_cache,
    "reroute": reroute,
    "cascade": cascade,
    "batch": batch,
    "self_host": self_host,
    "budget": budget,
    "capacity": capacity,
}


def chain_key(bound: Bound) -> tuple[int, int, str, int]:
    """Return the sort key of a lever's place in the chain."""
    within = capacity.place(bound) if bound.lever.kind == "capacity" else 0
    return KINDS[bound.lever.kind].RANK, within, bound.template, bound.lever.index


__all__ = ["KINDS", "Bound", "Kind", "chain_key"]
