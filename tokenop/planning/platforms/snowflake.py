"""Snowflake: Cortex by function and warehouse, thresholds of a cache, hours that could be batched, and other models."""

from __future__ import annotations

from pathlib import Path

from tokenop.planning.platforms import billed as bills
from tokenop.planning.platforms import routing, steps, sweep, waste
from tokenop.planning.platforms.billed import Billed
from tokenop.planning.platforms.effect import Effect
from tokenop.planning.platforms.model import Analysis, Table, Unknown, dollars, many, money
from tokenop.planning.platforms.world import World

BY = "function"
_METERED = ("WAREHOUSE_METERING", "WAREHOUSE_METERING_READER")


def analyse(world: World, scratch: Path) -> tuple[tuple[Analysis, ...], Effect | None]:
    """Return the analyses and what the plan takes, and the effect of re-routing on the whole."""
    billed = bills.read(world, "snowflake-metering", scratch)
    models, whole = _models(world)
    return (
        _spend(world, billed),
        sweep.analyse(world, "Response caching: where to set the threshold"),
        _hours(world),
        models,
        _warehouses(world, billed),
        steps.analyse(world),
    ), whole


def _spend(world: World, billed: Billed) -> Analysis:
    told = routing.first(world, ("function", "model", "tenant", "requester"))
    whole = told[0].total["cost_monthly_usd"] if told and told[0].total else None
    unpriced = sum(row["unpriced_calls"] for row in told[0].rows) if told else 0
    missing = [*billed.unknown]
    if unpriced:
        how = "`tokenop discover --collectors snowflake --setting usd_per_credit=…` with the rate of your contract"
        why = "Snowflake states credits, which are no dollars, and most functions report no input and output"
        missing.append(Unknown(f"the cost of {many(unpriced, 'call')}", why, how))
    figures = {
        "calls": world.count or None,
        "monthly_usd": whole,
        "unpriced_calls": unpriced if world.count else None,
        "billed": billed.figures or None,
    }
    by_log = f"{many(world.count, 'call')}, {dollars(whole)} a month by the log." if world.count else "There is no log."
    summary = f"{by_log} {bills.sentence(billed)}"
    return Analysis(
        "spend", "Spend by function, model and team", summary, (*told, *billed.tables), tuple(missing), figures
    )


def _hours(world: World) -> Analysis:
    """Return when the calls are made, and what the batch price of those that could wait would take off."""
    title = "Hours, and calls that could wait"
    if not world.count:
        return Analysis("hours", title, "There is no call.")
    row = world.row(
        f"""SELECT sum(cost) FILTER (batch IS NOT TRUE AND batch_discount > 0) AS cost,
          sum(CAST(cost * CAST(batch_discount AS DECIMAL(6, 4)) AS DECIMAL(38, 12)))
            FILTER (batch IS NOT TRUE AND batch_discount > 0) AS most,
          count(DISTINCT ts) FILTER (ts = date_trunc('hour', ts)) = count(DISTINCT ts) AS hourly FROM {world.calls}"""
    )
    wasted = waste.table(world, "waste")
    most = money(world.a_month(row["most"])) if row["cost"] is not None else None
    figures = {
        "batchable_monthly_usd": money(world.a_month(row["cost"])),
        "most_saved_monthly_usd": most,
        "times_are_hours": bool(row["hourly"]),
    }
    unknown = [
        Unknown(
            "which calls can wait for hours",
            "no field of a call says whether somebody waits for the answer",
            "`tokenop plan` assumes a share of them (template batch-inference) and shows the saving for each share",
        ),
        *waste.unknown(wasted),
    ]
    if row["cost"] is None:
        why = "no model here has a batch price in the price book"
        unknown.insert(0, Unknown("what batching would save", why, "`tokenop prices show MODEL` says what is known"))
    summary = f"If every call with a batch price could wait, {dollars(most)} a month would be saved; that is the most."
    tables = (*routing.first(world, ("hour",)), wasted)
    return Analysis("hours", title, summary, tables, tuple(unknown), figures)


def _models(world: World) -> tuple[Analysis, Effect | None]:
    title = "Other models"
    if not world.count:
        return Analysis("models", title, "There is no call."), None
    moved = routing.told(world, world.by or BY)
    tables, unknown = list(moved.tables), list(moved.unknown)
    if world.rules:
        seen, quality = routing.models(world)
        tables.append(seen)
        unknown += quality
    return Analysis("models", title, routing.sentence(world, moved.effect), tuple(tables), tuple(unknown)), moved.effect


def _warehouses(world: World, billed: Billed) -> Analysis:
    """Return what was metered for warehouses, where the records have it."""
    product = bills.service(world, billed, _METERED, "Metered for warehouses")
    unknown = [
        Unknown(
            "which warehouse a call ran on",
            "Cortex functions are billed by token beside the warehouse, and their views name no warehouse in a call",
            "join QUERY_ID (task_id here) with `SNOWFLAKE.ACCOUNT_USAGE.QUERY_HISTORY`",
        )
    ]
    if product is None:
        why = "no usage record is of a warehouse: the collector snowflake-metering keeps AI services only"
        how = (
            "`tokenop discover --collectors snowflake-metering --setting "
            "services=AI_SERVICES,AI_FUNCTIONS,WAREHOUSE_METERING`"
        )
        unknown.append(Unknown("what the warehouses cost", why, how))
    tables: tuple[Table, ...] = (product,) if product else ()
    return Analysis("warehouses", "Warehouses", "What the queries around the calls cost.", tables, tuple(unknown))
