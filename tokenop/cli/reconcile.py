"""`tokenop reconcile`."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from tokenop.collect.reconcile import Reconciliation

EPILOG = """\b
Examples:
  tokenop reconcile                                   events.jsonl against usage.jsonl
  tokenop reconcile --by day --json
  tokenop reconcile --events runs/march/events.jsonl --usage runs/march/usage.jsonl

\b
A difference is log minus bill: below 0 the log lacks calls that the vendor counted. A coverage is log / bill.
Both are empty where one side does not know. Sums of several reports of the same usage are never added.

Exit code 0 whatever the difference is, 3 where there is nothing to compare. docs/usage.md explains usage records.
"""


@click.command(short_help="Hold the log of calls against what vendors billed.", epilog=EPILOG)
@click.option(
    "--events", type=click.Path(path_type=Path), default=Path("events.jsonl"), show_default=True, metavar="FILE",
    help="Log of calls: .jsonl, .csv or .parquet.",
)  # fmt: skip
@click.option(
    "--usage", type=click.Path(path_type=Path), metavar="FILE",
    help="Usage records. Default: usage.jsonl beside the events.",
)  # fmt: skip
@click.option(
    "--by", type=click.Choice(["total", "month", "day"]), default="month", show_default=True,
    help="Length of the periods that are compared.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(events: Path, usage: Path | None, by: Literal["total", "month", "day"], as_json: bool) -> None:
    """Hold the log of calls against what vendors billed.

    Compares requests, tokens and cost by provider, model and period with the usage records that `tokenop discover`
    made of admin APIs and bills. Only the time that both sides know is compared; what is left out is said.
    """
    from tokenop import database
    from tokenop.collect import reconcile
    from tokenop.events.log import open_log
    from tokenop.events.usage import open_usage
    from tokenop.prices import book, calls

    records = usage or events.with_name("usage.jsonl")
    with tempfile.TemporaryDirectory(prefix="tokenop-") as folder:
        connection = database.connect(spill_to=Path(folder))
        try:
            open_log(connection, events, scratch=Path(folder) / "events")
            open_usage(connection, records, scratch=Path(folder) / "usage")
            prices = book.load()
            calls.create(connection, prices)
            found = reconcile.compare(connection, prices, by)
        finally:
            connection.close()
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
        return
    _print(found)


def _print(found: Reconciliation) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for heading in ("requests", "input", "output", "cost"):
        table.add_column(heading, justify="right", no_wrap=True)
    for provider in found.providers:
        told = [row for row in found.rows if row["provider"] == provider["provider"]]
        for row in told:
            period = f", {row['period']}" if row["period"] else ""
            _add(table, f"{row['provider']} {row['model'] or '(not by model)'}{period}", row)
        if len(told) > 1:
            _add(table, f"{provider['provider']}, all", provider)
    Console(soft_wrap=True, highlight=False, markup=False).print(table)
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"\n{money(found)}")
    click.echo("Next: tokenop plan")


def _add(table: Any, title: str, row: dict[str, Any]) -> None:
    from rich.text import Text

    table.add_row(Text(title))
    for side in ("log", "bill", "difference"):
        signed = side == "difference"
        counts = [_count(row[side][name], signed=signed) for name in ("requests", "input_tokens", "output_tokens")]
        table.add_row(f"  {side}", *counts, _usd(row[side]["cost_usd"], signed=signed))


def _count(value: int | None, *, signed: bool) -> str:
    return "–" if value is None else f"{value:+,}" if signed and value else f"{value:,}"


def _usd(value: float | None, *, signed: bool) -> str:
    if value is None:
        return "–"
    digits = 2 if value == 0 or abs(value) >= 1 else 6
    sign = "-" if value < 0 else "+" if signed and value else ""
    return f"{sign}${abs(value):,.{digits}f}"


def money(found: Reconciliation) -> str:
    """Return the result in one line, in money where both sides know it."""
    total = found.total
    if total["difference_usd"] is None:
        return "No cost is known on both sides for the same time: nothing to compare in money"
    names = ", ".join(total["providers"])
    said = f"The log says {_usd(total['log_usd'], signed=False)}, the bill {_usd(total['bill_usd'], signed=False)}"
    covered = "" if total["coverage"] is None else f" (the log covers {total['coverage']:.1%})"
    return f"{said} for the same time: a difference of {_usd(total['difference_usd'], signed=True)}{covered}, {names}"
