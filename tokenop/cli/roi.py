"""`tokenop roi`."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tokenop.planning.platforms import Found
    from tokenop.planning.platforms.world import World

PLATFORMS = ("databricks", "snowflake")
DIMENSIONS = ("endpoint", "job", "pipeline", "function", "model", "tenant", "requester", "intent", "hour")

EPILOG = """\b
Examples:
  tokenop roi databricks --reroute gpt-4=gpt-4o-mini
  tokenop roi databricks --reroute gpt-4=gpt-4o-mini --share 0.5 --by job
  tokenop roi databricks --where "tenant = 'search'" --json
  tokenop roi snowflake --events runs/march/events.parquet

\b
Files that are not named are looked for beside the events: usage.jsonl (what was billed), inventory.yaml (what runs)
and optimization-plan.yaml (steps and their cost). Without --reroute, the model that costs most is moved to one of the
same provider that is in use at half its price or less, if there is one.

A figure that the files do not say is a dash here and null in JSON; below each answer stands how to get it known.
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("platform", type=click.Choice(PLATFORMS))
@click.option(
    "--events", type=click.Path(path_type=Path), help="Event log (JSONL, CSV or Parquet). Default: events.jsonl here."
)
@click.option("--usage", type=click.Path(path_type=Path), help="Usage records. Default: usage.jsonl beside the events.")
@click.option(
    "--inventory", type=click.Path(path_type=Path), help="What runs. Default: inventory.yaml beside the events."
)
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path),
    help="Plan whose steps are shown. Default: optimization-plan.yaml beside the events.",
)
@click.option(
    "--reroute", "moves", multiple=True, metavar="FROM=TO", help="Model to replace, and by which. Several times."
)
@click.option("--share", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="Share of the calls moved.")
@click.option(
    "--by", type=click.Choice(DIMENSIONS), help="Rows of the re-routing table. Default: what the platform has."
)
@click.option("--where", metavar="SQL", help="Only calls for which this holds, such as \"endpoint ILIKE 'chat%'\".")
@click.option("--json", "as_json", is_flag=True, help="Print the analyses as JSON.")
def command(
    platform: str,
    events: Path | None,
    usage: Path | None,
    inventory: Path | None,
    plan_file: Path | None,
    moves: tuple[str, ...],
    share: float,
    by: str | None,
    where: str | None,
    as_json: bool,
) -> None:
    """Answer a platform owner: spend, cheaper models, idle machines.

    For Databricks: inference spend, serving endpoints, jobs, pipelines, clusters and MLflow, with what re-routing does
    to cost and latency of each endpoint and job. For Snowflake: spend by function, thresholds of a cache, hours,
    models and warehouses.
    """
    import tempfile

    from tokenop.planning import platforms

    with tempfile.TemporaryDirectory(prefix="tokenop-") as folder:
        scratch = Path(folder)
        files = {"usage": usage, "inventory": inventory, "plan": plan_file}
        world = _open(events, files, moves, Decimal(repr(share)), by, where, scratch)
        try:
            found = platforms.analyse(platform, world, scratch)
            document = found.as_dict()
        finally:
            world.connection.close()
    if as_json:
        import json

        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    _print(found, document)


def _open(
    events: Path | None,
    files: dict[str, Path | None],
    moves: tuple[str, ...],
    share: Decimal,
    by: str | None,
    where: str | None,
    scratch: Path,
) -> World:
    import hashlib

    from tokenop.catalogue import loader
    from tokenop.cli import using
    from tokenop.cli.progress import steps
    from tokenop.database import connect
    from tokenop.errors import InputError, NoInputError
    from tokenop.planning import inputs
    from tokenop.planning.platforms import rules, world
    from tokenop.prices import book as prices

    log = inputs.choose_log(events, None, files["inventory"])
    fleet = inputs.open_inventory(files["inventory"], log)
    using.tell()
    with steps() as say:
        say("reading prices")
        book = prices.load()
        connection = connect(spill_to=scratch)
        say("reading events")
        opened = inputs.open_events(connection, book, log, scratch) if log else inputs.open_nothing(connection, book)
        count = world.scope(connection, where)
        if log and not count:
            raise NoInputError(f"{log}: no call matches --where {where}")
        billed = world.beside(files["usage"], log, world.DEFAULT_USAGE)
        if billed and not billed.is_file():
            raise InputError(f"{billed}: no such file of usage records")
        known = {"usage_hash": hashlib.sha256(billed.read_bytes()).hexdigest()[:32]} if billed else {}
        return world.World(
            connection, book, opened, world.spread(opened, count), count,
            rules=rules.parse(connection, book, moves, share, opened.window.until, world.CALLS),
            by=by, where=where, usage=billed, inventory=fleet.inventory,
            plan=world.beside(files["plan"], log, world.DEFAULT_PLAN),
            templates=loader.load(None).templates,
            inputs={**opened.inputs, **known, **fleet.inputs},
        )  # fmt: skip


def _print(found: Found, document: dict[str, Any]) -> None:
    from tokenop.cli.progress import results
    from tokenop.planning import text as plan_text
    from tokenop.planning.platforms import text

    console = results()
    text.show(console, document, found.analyses)
    today, saved = document["baseline_monthly_usd"], document["savings_monthly_usd"]
    bill = "unknown, no call has a price" if today is None else f"{plan_text.usd(today)} a month"
    change = "" if saved is None else f"; this change saves {_saved(saved)} a month"
    console.print(f"\nToday {bill}{change}. Next: {document['next']}", soft_wrap=True)


def _saved(value: dict[str, float]) -> str:
    from tokenop.planning.text import usd

    return f"{usd(value['expected'])} ({usd(value['p10'])} to {usd(value['p90'])})"
