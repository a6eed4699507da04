"""Calls that bought nothing: tries again, failures and repeats, of all calls or of those of jobs and pipelines."""

from __future__ import annotations

from typing import Any

from tokenop.planning.platforms.model import Column, Table, Unknown, money
from tokenop.planning.platforms.world import World

TESTS = {
    "were tried again": "attempt > 1",
    "fell back to another model": "fallback_used",
    "failed": "CASE WHEN TRY_CAST(status AS INTEGER) IS NULL THEN lower(status) NOT IN "
    "('ok', 'success', 'succeeded', 'completed', 'stop') ELSE TRY_CAST(status AS INTEGER) >= 400 END",
    "repeat an earlier call within a day": "repeated",
}
_NEEDS = {
    "were tried again": "attempt",
    "fell back to another model": "fallback_used",
    "failed": "status",
    "repeat an earlier call within a day": "prompt_hash",
}
_COLUMNS = (
    Column("name", "calls that"),
    Column("calls", "calls", "count"),
    Column("cost_monthly_usd", "a month", "usd"),
    Column("known_calls", "of calls that say", "count"),
)


def table(world: World, name: str, condition: str = "true") -> Table:
    """Return how many calls were tried again, failed or repeat an earlier one; None where no call says so."""
    repeats = (
        "CASE WHEN prompt_hash IS NOT NULL THEN coalesce(ts - lag(ts) OVER (PARTITION BY tenant, model, prompt_hash "
        "ORDER BY ts, id) <= INTERVAL 24 HOUR, false) END AS repeated"
    )
    sums = ", ".join(
        f"coalesce(sum(n) FILTER ({test}), 0)::HUGEINT AS calls{place}, sum(cost) FILTER ({test}) AS cost{place}, "
        f"count(*) FILTER ({_NEEDS[what]} IS NOT NULL) AS known{place}"
        for place, (what, test) in enumerate(TESTS.items())
    )
    found = world.row(f"SELECT {sums} FROM (SELECT *, {repeats} FROM {world.calls} WHERE {condition})")
    rows = [_row(world, found, place, what) for place, what in enumerate(TESTS)]
    return Table(name, "Calls that bought nothing new (a call can be in several rows)", _COLUMNS, rows)


def _row(world: World, found: dict[str, Any], place: int, what: str) -> dict[str, Any]:
    known, calls = int(found[f"known{place}"]), int(found[f"calls{place}"])
    cost = found[f"cost{place}"]
    return {
        "name": what,
        "calls": calls if known else None,
        "known_calls": known,
        # No such call costs 0; calls without a price cost nobody knows what.
        "cost_monthly_usd": None if not known else money(world.a_month(cost)) if calls else 0.0,
    }


def unknown(told: Table) -> tuple[Unknown, ...]:
    """Return what the table could not tell."""
    missing = [row["name"] for row in told.rows if row["calls"] is None]
    if not missing:
        return ()
    return (
        Unknown(
            "calls that " + ", or ".join(missing),
            "no call in the log carries " + ", ".join(_NEEDS[name] for name in missing),
            "log these fields where the calls are made (docs/events.md); gateways and tracers have most of them",
        ),
    )
