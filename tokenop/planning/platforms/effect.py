"""What re-routing does to cost and latency, group by group: the plan's own engine, with the groups as its segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from tokenop.economics import chain, rows
from tokenop.economics.binding import ENOUGH_CALLS
from tokenop.economics.levers import Bound
from tokenop.economics.state import Array
from tokenop.planning.figures import interval
from tokenop.planning.platforms import spend
from tokenop.planning.platforms.model import Column, Table, Unknown, money
from tokenop.planning.platforms.rules import template
from tokenop.planning.platforms.world import DIMENSIONS, World
from tokenop.planning.study import Study, prepare

_GROUPED = "platform_grouped"
_ALL = -1  # the place of the whole, beside those of the groups
COLUMNS = (
    Column("moved_calls", "moved", "count"),
    Column("before_monthly_usd", "today", "usd"),
    Column("after_monthly_usd", "after", "usd"),
    Column("savings_monthly_usd", "saves, P10 to P90", "interval"),
)
LATENCY = (
    Column("latency_p50_before_ms", "p50 today", "ms"),
    Column("latency_p50_after_ms", "p50 after", "ms"),
    Column("latency_p95_before_ms", "p95 today", "ms"),
    Column("latency_p95_after_ms", "p95 after", "ms"),
)


@dataclass(frozen=True)
class Effect:
    """Before and after by group, for the window, exactly; `table` is the same for a month."""

    table: Table
    before: Decimal | None
    after: Decimal | None
    saving: dict[str, float]
    latency_known: bool


def measure(world: World, by: str, condition: str = "true") -> Effect:
    """Return what the rules do to the groups of a dimension, in cost (exact, with intervals) and in latency.

    Latency afterwards is that of the same calls at the ratio of both models' medians, where the log shows both of them
    at least 30 times; else it is unknown.
    """
    spend.group(world, by, condition)
    world.connection.execute(
        f"""CREATE OR REPLACE TEMP VIEW {_GROUPED} AS
SELECT c.* REPLACE (CAST(g.place AS VARCHAR) AS tenant, '' AS intent)
FROM {world.calls} c JOIN platform_groups g ON {DIMENSIONS[by]} IS NOT DISTINCT FROM g.value WHERE {condition}"""
    )
    changes = [template(f"reroute-{number:02d}", rule.lever) for number, rule in enumerate(world.rules)]
    study = prepare(world.connection, changes, world.book, world.spread, world.draws, world.seed, _GROUPED)
    after = _totals(study)
    slow, quick = _latency(study, []), _latency(study, study.bounds)
    unseen = _unseen(study)
    drawn = _drawn(study, {place for place, one in after.items() if one["moved"]})
    listed = []
    for place, name in sorted(spend.names(world).items(), key=lambda one: (one[0] == 0, one[0])):
        one = after.get(place, {"calls": 0, "moved": 0, "before": None, "after": None})
        known = place not in unseen
        listed.append(
            {
                **name,
                "calls": int(one["calls"]),
                "moved_calls": int(one["moved"]),
                **_money(world, one["before"], one["after"]),
                "savings_monthly_usd": _saving(drawn.get(place), world, one),
                **_times(slow.get(place), quick.get(place) if known else None),
            }
        )
    before, then = (_sum([one[side] for one in after.values()]) for side in ("before", "after"))
    saving = interval(study.savings(frozenset(one.id for one in changes)), _float(world.a_month(_minus(before, then))))
    total = {
        "moved_calls": sum(int(one["moved"]) for one in after.values()),
        **_money(world, before, then),
        "savings_monthly_usd": saving,
        **_times(slow.get(_ALL), None if unseen else quick.get(_ALL)),
    }
    title = f"By {by}: the same calls after the change"
    return Effect(
        Table(f"reroute_by_{by}", title, (Column("name", by), *COLUMNS), listed, total, LATENCY),
        before,
        then,
        saving,
        not unseen,
    )


def unknown_latency() -> Unknown:
    """Return why no latency afterwards is given."""
    return Unknown(
        "latency after the change, where it shows none",
        f"the log does not show the new model, or today's, with a latency {ENOUGH_CALLS} times or more",
        "send a share of the calls to the new model for a day, then `tokenop discover` again; classic serving "
        "endpoints have a latency only in their inference table (`--setting inference_table=…` of `tokenop extract`)",
    )


def _totals(study: Study) -> dict[int, dict[str, Any]]:
    flags = " OR ".join(bound.name for bound in study.bounds) or "false"
    found = study.connection.execute(
        f"""SELECT CAST(s.tenant AS BIGINT), sum(n) FILTER (s_main), sum(n) FILTER (s_main AND ({flags})),
          sum(cost) FILTER (s_main), sum({rows.AFTER})
        FROM ({rows.chain(study.bounds, study.constants)}) JOIN segments s USING (segment) GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    shares = {round(float(study.constants[bound.name]["share"]), 12) for bound in study.bounds} - {0.0}
    return {
        place: {
            "calls": calls,
            # With a share of 0 nothing moves, whatever matches.
            "moved": moved or 0 if shares else 0,
            "before": before,
            "after": None if before is None else then,
        }
        for place, calls, moved, before, then in found
    }


def _latency(study: Study, bounds: Sequence[Bound]) -> dict[int, tuple[float, float]]:
    """Return p50 and p95 in milliseconds by group and of all, each call weighing as often as somebody waits for it."""
    found = study.connection.execute(
        f"""WITH by_ms AS (
  SELECT coalesce(CAST(s.tenant AS BIGINT), {_ALL}) AS place, round(s_latency) AS ms,
    sum(CAST(s_vis AS DECIMAL(38, 6))) AS weight
  FROM ({rows.chain(bounds, study.constants)}) JOIN segments s USING (segment)
  WHERE s_latency IS NOT NULL GROUP BY GROUPING SETS ((s.tenant, round(s_latency)), (round(s_latency)))
), running AS (
  SELECT *, sum(weight) OVER (PARTITION BY place ORDER BY ms) AS upto, sum(weight) OVER (PARTITION BY place) AS whole
  FROM by_ms
)
SELECT place, min(ms) FILTER (upto >= CAST(0.5 AS DECIMAL(3, 2)) * whole),
  min(ms) FILTER (upto >= CAST(0.95 AS DECIMAL(3, 2)) * whole)
FROM running WHERE whole > 0 GROUP BY place ORDER BY place"""
    ).fetchall()
    return {place: (float(middle), float(high)) for place, middle, high in found}


def _unseen(study: Study) -> set[int]:
    """Return the groups with a moved call whose new speed the log does not show."""
    dark = [
        bound.name for bound in study.bounds if bound.latency_ratio is None and study.constants[bound.name]["share"] > 0
    ]
    if not dark:
        return set()
    found = study.connection.execute(
        f"SELECT DISTINCT CAST(s.tenant AS BIGINT) FROM work JOIN segments s USING (segment) WHERE {' OR '.join(dark)}"
    ).fetchall()
    return {place for (place,) in found}


def _drawn(study: Study, wanted: set[int]) -> dict[int, Array]:
    """Return the monthly saving by group and draw; a group whose cells were pooled with another's has none."""
    found = study.connection.execute(
        "SELECT cell, CAST(min(tenant) AS BIGINT), count(DISTINCT tenant) "
        "FROM cell_numbers JOIN segments USING (segment) GROUP BY cell ORDER BY cell"
    ).fetchall()
    place = np.array([one[1] for one in found], dtype=np.int64)
    pooled = np.array([one[2] > 1 for one in found], dtype=np.bool_)
    drawn: dict[int, Array] = {}
    if pooled.any():
        return drawn
    for group in sorted(wanted):
        some = chain.only(study.cells, place == group)
        saved = chain.savings(some, study.spread.hours, study.bounds, study.drawn, study.weights)
        drawn[group] = saved * study.monthly
    return drawn


def _saving(drawn: Array | None, world: World, one: dict[str, Any]) -> dict[str, float] | None:
    expected = _float(world.a_month(_minus(one["before"], one["after"])))
    if expected is None:
        return None
    if not one["moved"]:
        return dict.fromkeys(("p10", "p50", "p90", "expected"), 0.0)
    return {"expected": round(expected, 2)} if drawn is None else interval(drawn, expected)


def _money(world: World, before: Decimal | None, after: Decimal | None) -> dict[str, float | None]:
    saved = _minus(before, after)
    return {
        "before_monthly_usd": money(world.a_month(before)),
        "after_monthly_usd": money(world.a_month(after)),
        "saved_monthly_usd": money(world.a_month(saved)),
    }


def _times(before: tuple[float, float] | None, after: tuple[float, float] | None) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for number, name in enumerate(("p50", "p95")):
        today, then = (None if side is None else side[number] for side in (before, after))
        told[f"latency_{name}_before_ms"], told[f"latency_{name}_after_ms"] = today, then
    return told


def _minus(before: Decimal | None, after: Decimal | None) -> Decimal | None:
    return None if before is None or after is None else before - after


def _sum(values: Sequence[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if known else None


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
