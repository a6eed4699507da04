"""What the platform billed (`usage.jsonl`), beside the log and never added to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tokenop.database import quoted
from tokenop.planning.platforms.model import Column, Table, Unknown, dollars, money
from tokenop.planning.platforms.world import World
from tokenop.profile.window import HOURS_PER_MONTH

USAGE = "platform_usage"
MOST_ROWS = 50
MOST_NOTES = 2


@dataclass(frozen=True)
class Billed:
    """The records of one collector: USD of their time and of a month, tables, and what is missing."""

    usd: Decimal | None
    figures: dict[str, Any]
    tables: tuple[Table, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    services: frozenset[str] = frozenset()


def read(world: World, collector: str, scratch: Path) -> Billed:
    """Return what a collector of bills found; without its records, why nothing is known and how to get it."""
    if world.usage is None:
        return _missing(collector, "there is no usage.jsonl beside the events")
    from tokenop.events.usage import open_usage

    open_usage(world.connection, world.usage, "usage", scratch / "usage")
    world.connection.execute(
        f"CREATE OR REPLACE TEMP VIEW {USAGE} AS "
        f"SELECT * FROM usage WHERE split_part(source, '/', 1) = {quoted(collector)}"
    )
    whole = world.row(
        f"""SELECT count(*) AS records, sum(cost) FILTER (upper(currency) = 'USD') AS usd,
          count(*) FILTER (cost IS NULL OR upper(currency) IS DISTINCT FROM 'USD') AS unpriced,
          epoch(max(period_end)) - epoch(min(period_start)) AS seconds,
          strftime(min(period_start) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS first,
          strftime(max(period_end) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS last,
          string_agg(DISTINCT cost_kind, ', ' ORDER BY cost_kind) AS kinds FROM {USAGE}"""
    )
    if not whole["records"]:
        return _missing(collector, f"{world.usage.name} holds no record of {collector}")
    factor = _factor(whole["seconds"])
    figures = {
        "records": whole["records"], "from": whole["first"], "until": whole["last"], "usd": money(whole["usd"]),
        "monthly_usd": money(None if whole["usd"] is None else whole["usd"] * factor),
        "kind_of_cost": whole["kinds"], "records_without_usd": whole["unpriced"],
    }  # fmt: skip
    compared, unknown = _reconciled(world)
    tables = [_table(world, factor), *compared]
    found = world.rows(f"SELECT DISTINCT service FROM {USAGE} WHERE service IS NOT NULL ORDER BY 1")
    services = frozenset(str(one["service"]) for one in found)
    return Billed(whole["usd"], figures, tuple(tables), unknown, services)


def service(world: World, billed: Billed, names: Sequence[str], title: str) -> Table | None:
    """Return what was billed for products by their name; None where no record says so."""
    wanted = sorted(billed.services & set(names))
    if not wanted:
        return None
    listed = ", ".join(map(quoted, wanted))
    found = world.rows(
        f"""SELECT service AS name, count(*) AS records, sum(cost) FILTER (upper(currency) = 'USD') AS usd
        FROM {USAGE} WHERE service IN ({listed}) GROUP BY service ORDER BY service"""
    )
    rows = [{"name": one["name"], "records": one["records"], "usd": money(one["usd"])} for one in found]
    columns = (Column("name", "product"), Column("records", "records", "count"), Column("usd", "billed", "usd"))
    return Table("billed_products", title, columns, rows)


def sentence(billed: Billed) -> str:
    """Return the bill in words."""
    if not billed.figures:
        return "What was billed is unknown."
    return (
        f"Billed: {dollars(billed.usd)} ({billed.figures['kind_of_cost'] or 'no cost'}) "
        f"from {billed.figures['from'][:10]} to {billed.figures['until'][:10]}."
    )


def _missing(collector: str, why: str) -> Billed:
    how = (
        f"`tokenop extract {collector}` (or export its tables), then `tokenop discover` with it among --collectors: "
        "writes usage.jsonl"
    )
    return Billed(None, {}, (), (Unknown("what was billed", why, how),))


def _factor(seconds: float) -> Decimal:
    return Decimal(repr(HOURS_PER_MONTH * 3600 / max(float(seconds), 3600.0)))


def _table(world: World, factor: Decimal) -> Table:
    """Return the bill by endpoint (or product where it names none), with the calls that the log has of each."""
    found = world.rows(
        f"""SELECT endpoint, service, service_tier, provider, unit, sum(quantity) AS quantity,
          sum(cost) FILTER (upper(currency) = 'USD') AS usd,
          (SELECT sum(n) FROM {world.calls} c WHERE c.endpoint = u.endpoint)::HUGEINT AS calls
        FROM {USAGE} u
        GROUP BY ALL ORDER BY usd DESC NULLS LAST, endpoint NULLS FIRST, service, service_tier, provider, unit"""
    )
    rows = [
        {
            "name": one["endpoint"] or one["service"],
            "endpoint": one["endpoint"],
            "service": one["service"],
            "service_tier": one["service_tier"],
            "provider": one["provider"],
            "quantity": None if one["quantity"] is None else float(one["quantity"]),
            "unit": one["unit"],
            "billed_usd": money(one["usd"]),
            "billed_monthly_usd": money(None if one["usd"] is None else one["usd"] * factor),
            "log_calls": None if one["endpoint"] is None else int(one["calls"] or 0),
        }
        for one in found
    ]
    columns = (
        Column("name", "endpoint or product"),
        Column("quantity", "quantity", "number"),
        Column("unit", "unit"),
        Column("billed_usd", "billed", "usd"),
        Column("log_calls", "calls in the log", "count"),
    )
    return Table("billed", "Billed, by endpoint", columns, rows[:MOST_ROWS])


def _reconciled(world: World) -> tuple[list[Table], tuple[Unknown, ...]]:
    """Return log against bill by provider, for the time that both know; else why there is nothing to compare."""
    if not world.count:
        return [], ()
    from tokenop.collect import reconcile

    found = reconcile.compare(world.connection, world.book, "total", world.calls, USAGE)
    rows = [
        {"name": one["provider"], "log_usd": one["log"]["cost_usd"], "bill_usd": one["bill"]["cost_usd"],
         "difference_usd": one["difference"]["cost_usd"], "coverage": one["coverage"]["cost_usd"],
         "log_requests": one["log"]["requests"], "bill_requests": one["bill"]["requests"]}
        for one in found.providers
    ]  # fmt: skip
    columns = (
        Column("name", "provider"),
        Column("log_usd", "log", "usd"),
        Column("bill_usd", "bill", "usd"),
        Column("difference_usd", "log - bill", "usd"),
    )
    known = any(row["difference_usd"] is not None for row in rows)
    why = "; ".join(found.notes[:MOST_NOTES]) or "no provider has a cost on both sides"
    how = "collect calls and bills of the same days; `tokenop reconcile` shows all of it"
    missing = () if known else (Unknown("whether the log holds all that was billed", why, how),)
    title = "Log against bill, for the time that both know"
    return [Table("reconciled", title, columns, rows)] if known else [], missing
