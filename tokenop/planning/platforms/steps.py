"""What the chosen plan takes: its cost, and when each step could be done by one person."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tokenop import documents
from tokenop.errors import Finding, FindingsError
from tokenop.planning.platforms.model import Analysis, Column, Table, Unknown, dollars, money
from tokenop.planning.platforms.world import World

HOURS_PER_WEEK = Decimal(40)
TITLE = "Implementation: cost and timeline"
_COLUMNS = (
    Column("order", "#", "count"),
    Column("name", "template"),
    Column("hours", "hours", "number"),
    Column("weeks", "weeks"),
    Column("cost_usd", "to build", "usd"),
    Column("running_monthly_usd", "to run", "usd"),
    Column("savings_monthly_usd", "saves", "usd"),
    Column("payback", "paid back"),
)


def analyse(world: World) -> Analysis:
    """Return the steps of optimization-plan.yaml in order, one after the other at 40 hours a week.

    Raises:
        FindingsError: the file is no plan of `tokenop plan`.
    """
    if world.plan is None:
        how = "`tokenop plan` chooses templates with hours, cost and payback; its file beside the events is read here"
        why = "there is no optimization-plan.yaml beside the events"
        return Analysis("implementation", TITLE, "No plan has been made yet.", unknown=(Unknown("steps", why, how),))
    document = documents.load_yaml(world.plan)
    rows: list[dict[str, Any]] = []
    start = Decimal(0)
    try:
        for one in sorted(document.meta["chosen"], key=lambda one: int(one["order"])):
            row, start = _row(one, start)
            rows.append(row)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        problem = Finding(
            str(world.plan), 1, "chosen", "PLAN", "error", f"is not what `tokenop plan` writes: {error!r}", 1,
            "write the plan again, or move the file away",
        )  # fmt: skip
        raise FindingsError([problem]) from error
    cost, running = (_total(rows, key) for key in ("cost_usd", "running_monthly_usd"))
    figures = {
        "templates": len(rows),
        "hours": float(start),
        "weeks": float(round(start / HOURS_PER_WEEK, 1)),
        "cost_usd": money(cost),
        "running_monthly_usd": money(running),
        "events_hash": document.meta.get("inputs", {}).get("events_hash"),
    }
    if not rows:
        summary = f"{world.plan.name} chose no template: none pays for itself on these calls."
        return Analysis("implementation", TITLE, summary, figures=figures)
    summary = (
        f"{len(rows)} templates of {world.plan.name}: {float(start):,g} hours, {start / HOURS_PER_WEEK:,.1f} weeks of "
        f"one person, {dollars(cost)} once and {dollars(running)} a month."
    )
    own = world.inputs.get("events_hash")
    stale = figures["events_hash"] != own
    unknown = (
        Unknown("whether these steps still hold", "the plan was made from another log", "run `tokenop plan` again"),
    )
    table = Table("steps", "In this order, one after the other", _COLUMNS, rows)
    return Analysis("implementation", TITLE, summary, (table,), unknown if stale else (), figures)


def _row(one: dict[str, Any], start: Decimal) -> tuple[dict[str, Any], Decimal]:
    hours, roi = Decimal(str(one["effort_hours"])), one["roi"]
    until = start + hours
    days = None if roi["payback_days"]["p50"] is None else float(roi["payback_days"]["p50"])
    return {
        "order": int(one["order"]),
        "name": str(one["id"]),
        "hours": float(hours),
        "from_week": float(round(start / HOURS_PER_WEEK, 2)),
        "until_week": float(round(until / HOURS_PER_WEEK, 2)),
        "weeks": f"{start / HOURS_PER_WEEK:.1f}-{until / HOURS_PER_WEEK:.1f}",
        "cost_usd": float(roi["implementation_usd"]),
        "running_monthly_usd": float(roi["running_monthly_usd"]),
        "savings_monthly_usd": float(one["marginal_monthly_usd"]),
        "payback_days": days,
        "payback": "never" if days is None else f"{days:,.0f} days",
    }, until


def _total(rows: list[dict[str, Any]], key: str) -> Decimal:
    return sum((Decimal(repr(row[key])) for row in rows), Decimal(0))
