"""A limit on what each group (a tenant, a user, …) spends in each day or month.

Past the limit, calls are refused, or a cheaper model answers them. Which calls come late in a period is not followed:
the part of a group's spend past the limit, `1 − limit ÷ spend` after the levers before, is taken evenly from its calls.
Totals are exact for that rule; real limits hit the evenings and the ends of months. What refusing saves is work that
is not done: the plan counts those calls and says so.

The group's spend is what its calls cost by their tokens. Look-ups, verifiers and GPUs are not part of it. A refused
call that already paid for a look-up has paid for it. Calls that do not name a group are left alone. Where the log holds
a part of a period, that part of the limit applies. A downgrade moves calls that nothing moved before, one by one, and
cools warm caches on both sides, as `reroute` does.

This lever depends on the whole of a group's spend: savings of parts do not add up. On pooled cells it is exact while
there are at most `classes` groups. More are pooled: those over the limit and those under it, each by how far, so that
today's totals stay exact and only those of plans with other levers before this one are approximate. The replay on the
rows always takes each group on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from tokenop.economics.levers import moving
from tokenop.economics.levers.base import Bound, Constants, Values, ceiling_of, matched, share
from tokenop.economics.state import BUCKETS, Array, Cells, State

if TYPE_CHECKING:
    from tokenop.economics.work import Spread

RANK = 80
MOST_CLASSES = 64

# What a row costs in this state, by its tokens.
SPEND = "(s_factor * (" + " + ".join(f"s_{b} * s_rate_{b}" for b in BUCKETS) + " + s_fixed))"
# A call that another model failed to answer is the same call again.
FIRST = "(s_main OR s_to IS NOT NULL)"


def rejects(bound: Bound) -> bool:
    """Return whether calls past the limit are refused; else they are downgraded."""
    return bound.text("action", "reject") == "reject"


def columns(bound: Bound) -> dict[str, str]:
    """Return the flags of the target's context tiers."""
    return moving.tier_columns(bound) if bound.target else {}


def group(bound: Bound) -> str:
    """Return SQL over a call for the group and period whose limit it counts against; NULL for none."""
    per = bound.text("per", "all")
    key, known = ("''", "true") if per == "all" else (per, f"{per} IS NOT NULL")
    period = f"date_trunc('{bound.text('period', 'month')}', ts)"
    return (
        f"CASE WHEN ((\n{bound.lever.where}\n) IS TRUE) AND cost IS NOT NULL AND {known} THEN hash({key}, {period}) END"
    )


def classes(levers: int) -> int:
    """Return the most classes of groups for each of so many budget levers: cells are split by all of them."""
    return max(int(MOST_CLASSES ** (1 / max(levers, 1))), 4)


def covered(bound: Bound, spread: Spread) -> dict[date, tuple[float, Array]]:
    """Return by first day of each period: the part of it that the window covers, and `(blocks,)` how that falls."""
    start, until = spread.window.start.astimezone(UTC), spread.window.until.astimezone(UTC)
    size = {"day": 86400.0, "hour": 3600.0}.get(spread.block, (until - start).total_seconds())
    edges = np.minimum(np.arange(spread.blocks + 1) * size, (until - start).total_seconds())
    found: dict[date, tuple[float, Array]] = {}
    at = start.replace(hour=0, minute=0, second=0, microsecond=0)
    if bound.text("period", "month") == "month":
        at = at.replace(day=1)
    while at < until:
        end = _next(at, bound.text("period", "month"))
        low, high = (max((moment - start).total_seconds(), 0.0) for moment in (at, end))
        inside = np.maximum(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0.0)
        seconds = float(inside.sum())
        if seconds:
            found[at.date()] = seconds / (end - at).total_seconds(), inside / seconds
        at = end
    return found


def _next(at: datetime, period: str) -> datetime:
    return at + timedelta(days=1) if period == "day" else (at + timedelta(days=32)).replace(day=1)


def past(bound: Bound, state: State, values: Values) -> Array:
    """Return the share of each cell's calls that is past its group's limit and dealt with, `(draws, cells)`."""
    cells = state.cells
    index = cells.groups[bound.name]
    inside = index >= 0
    limits = state.limits[bound.name] * values["limit_usd"]
    member = np.zeros((int(inside.sum()), limits.shape[1]))
    member[np.arange(member.shape[0]), index[inside]] = 1.0
    spend = state.cost_of_calls()[:, inside] @ member
    over = np.where(spend > limits, 1 - limits / np.where(spend > 0, spend, 1.0), 0.0)
    found = np.zeros((over.shape[0], cells.size))
    found[:, inside] = over[:, index[inside]] * values["share"]
    return share(matched(bound, cells), found)


def apply(bound: Bound, state: State, values: Values) -> None:
    """Refuse or downgrade what is past the limit."""
    taken = past(bound, state, values)
    if not rejects(bound):
        moving.move(bound, state, taken, values["tokeniser_ratio"], np.zeros((1, 1)), np.zeros((1, 1)))
        return
    for part in state.parts:
        part.calls = part.calls * (1 - taken)
        part.tokens = [tokens * (1 - taken) for tokens in part.tokens]
        part.fixed = part.fixed * (1 - taken)


def measured(bound: Bound, values: Constants) -> str:
    """Return a SELECT over `{source}` that adds `<lever>_past`: the share of the row that is past the limit."""
    name = bound.name
    limit = f"{values['limit_usd']!r} * {name}_limits"
    spend = f"CAST(sum(CAST({SPEND} AS DECIMAL(38, 12))) OVER (PARTITION BY {name}_group) AS DOUBLE)"
    over = f"greatest(coalesce(1 - {limit} / nullif(group_usd, 0), 0), 0)"
    return (
        f"SELECT * EXCLUDE (group_usd), CASE WHEN {name}_group IS NULL THEN 0.0 "
        f"ELSE {values['share']!r} * {over} END AS {name}_past "
        f"FROM (SELECT *, {spend} AS group_usd FROM {{source}})"
    )


def stage(bound: Bound, values: Constants) -> str:
    """Take what is past the limit from the matching rows."""
    column = f"{bound.name}_past"
    source = f"({measured(bound, values)})"
    if not rejects(bound):
        ratio = values["tokeniser_ratio"]
        latency = 1.0 if bound.latency_ratio is None else bound.latency_ratio
        return moving.stage(bound, column, ratio, 0.0, 0.0, latency).replace("{source}", source)
    keep = f"(CASE WHEN {bound.name} THEN 1 - {column} ELSE 1 END)"
    scaled = ", ".join(f"s_{name} * {keep} AS s_{name}" for name in ("n", "vis", *BUCKETS, "fixed"))
    return f"SELECT * REPLACE ({scaled}) FROM {source}"


def ceiling(bound: Bound, cells: Cells, values: Values, chain: Sequence[Bound]) -> Array:  # noqa: ARG001 the Protocol's shape
    """Return the share: a lever before this one may have made the group spend any multiple of its limit."""
    return ceiling_of(share(matched(bound, cells), values["share"]))
