"""`tokenop prices`: what models cost, since when, and what of an event log that covers."""

from __future__ import annotations

import json
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from tokenop.prices.coverage import Coverage
    from tokenop.prices.model import Entry, ModelKey

SAMPLE_IN, SAMPLE_OUT = 10_000, 1_000
LISTED = 20
HEADINGS = (
    "from", "until", "hours (UTC)", "input tokens", "kind", "input", "cache read", "write 5m", "write 1h", "output"
)  # fmt: skip
FIGURES = HEADINGS.index("input")
UNTOLD = {"until": {""}, "hours (UTC)": {"all day"}, "input tokens": {"any"}, "write 5m": {"–"}, "write 1h": {"–"}}
WIDE = 120


@click.group(
    name="prices",
    epilog="\b\nExamples:\n  tokenop prices show claude-sonnet-4-5\n  tokenop prices coverage --events events.jsonl\n",
)
def command() -> None:
    """Show dated prices and what they cover."""


@command.command(
    epilog="\b\nExamples:\n  tokenop prices show gpt-4o-2024-11-20\n"
    "  tokenop prices show deepseek-chat --provider deepseek --at 2025-01-15\n"
)
@click.argument("model")
@click.option("--provider", default="", help="Who bills, such as anthropic, aws or openrouter. By default its maker.")
@click.option("--at", "at", metavar="DATE", help="Only what holds on this day (or at this UTC time).")
@click.option(
    "--prices", "extra", type=click.Path(path_type=Path), help="Further price entries: a YAML file or folder."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(model: str, provider: str, at: str | None, extra: Path | None, as_json: bool) -> None:
    """List every known price of a model, in USD per million tokens."""
    from tokenop.errors import InputError
    from tokenop.prices import book, listing

    moment = listing.parse_moment(at) if at else None
    prices = book.load(extra)
    key = listing.find(prices, provider, model)
    entries = prices.entries_of(key)
    if moment is not None:
        entries = listing.holding(entries, moment)
    if not entries:
        when = f" on {at}" if at else ""
        raise InputError(f"{key.provider}/{key.model}: known, but without a price per token{when}")
    if as_json:
        found = {"provider": key.provider, "model": key.model, "entries": [listing.as_dict(entry) for entry in entries]}
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    _print_entries(key, entries)
    cost = listing.sample_cost(entries, SAMPLE_IN, SAMPLE_OUT)
    known = "" if cost is None else f"{SAMPLE_IN:,} input and {SAMPLE_OUT:,} output tokens cost ${cost:.4f}. "
    click.echo(f"\n{known}Next: tokenop prices coverage --events events.jsonl")


@command.command(epilog="\b\nExample:\n  tokenop prices coverage --events events.jsonl\n")
@click.option("--events", required=True, type=click.Path(path_type=Path), help="Event log: .jsonl, .csv or .parquet.")
@click.option(
    "--prices", "extra", type=click.Path(path_type=Path), help="Further price entries: a YAML file or folder."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def coverage(events: Path, extra: Path | None, as_json: bool) -> None:
    """Say how much of an event log has a known price, and which models have none."""
    from tokenop.database import connect
    from tokenop.events.log import open_log
    from tokenop.prices import book, calls

    prices = book.load(extra)
    with tempfile.TemporaryDirectory(prefix="tokenop-") as scratch:
        connection = connect()
        try:
            open_log(connection, events, scratch=Path(scratch))
            found = calls.create(connection, prices)
            row = connection.execute("SELECT sum(cost), sum(list_cost) FROM calls").fetchone()
        finally:
            connection.close()
    cost, list_cost = row or (None, None)
    if as_json:
        money = {"cost_usd": _number(cost), "list_cost_usd": _number(list_cost), "prices_hash": prices.hash}
        click.echo(json.dumps({**found.as_dict(), **money}, indent=2, ensure_ascii=False))
        return
    _print_coverage(found)
    total = "unknown" if cost is None else f"${cost:,.{2 if cost == 0 or cost >= 1 else 6}f}"
    click.echo(f"\nKnown cost of {events}: {total}. Next: tokenop plan --events {shlex.quote(str(events))}")


def _number(money: Decimal | None) -> float | None:
    return None if money is None else round(float(money), 6)


def _print_entries(key: ModelKey, entries: Sequence[Entry]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from tokenop.prices import listing
    from tokenop.prices.model import moment_text

    rows = []
    for entry in entries:
        rates = entry.rates
        figures = (rates.input, rates.cache_read, rates.cache_write_5m, rates.cache_write_1h, rates.output)
        cells = (
            moment_text(entry.valid_from) if entry.valid_from and not entry.undated else "unknown",
            moment_text(entry.valid_until) if entry.valid_until else "",
            listing.hours(entry),
            listing.size(entry),
            entry.slot.processing,
            *(listing.per_million(rate) or "–" for rate in figures),
        )
        rows.append(cells)
    title = escape(f"{key.provider}/{key.model} — USD per million tokens")
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    # A column that says nothing takes the width that the figures need: a figure is never cut.
    said = [n for n, heading in enumerate(HEADINGS) if {row[n] for row in rows} - UNTOLD.get(heading, set())]
    for n in said:
        widest = max(len(row[n]) for row in rows)
        table.add_column(HEADINGS[n], min_width=widest, justify="left" if n < FIGURES else "right")
    for row in rows:
        table.add_row(*(escape(row[n]) for n in said))
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, WIDE))
    console.print(table)
    if any(entry.rates.per_call for entry in entries):
        console.print("Each call also costs " + ", ".join(sorted({f"${e.rates.per_call:f}" for e in entries})) + ".")
    for origin in dict.fromkeys(entry.origin for entry in entries):
        checked = f", verified on {origin.verified_on}" if origin.verified_on else ""
        console.print(f"Source: {origin.source}{checked}", markup=False, highlight=False, soft_wrap=True)
        if origin.note:
            console.print(f"  {origin.note}", markup=False, highlight=False, soft_wrap=True)


def _print_coverage(found: Coverage) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    def share(part: Decimal | None) -> str:
        return "–" if part is None else f"{part * 100:.2f} %"

    table = Table(title=f"{found.events:,} calls, {found.tokens:,} tokens", title_justify="left")
    table.add_column("cost")
    table.add_column("calls", justify="right")
    table.add_column("share of tokens", justify="right")
    table.add_row("reported by the source", f"{found.reported:,}", share(found.reported_token_share))
    table.add_row("priced from the price book", f"{found.priced:,}", share(found.priced_token_share))
    table.add_row("  of these not dated for the day", f"{found.undated:,}", share(found.undated_token_share))
    table.add_row("  of these at a price of zero", f"{found.free:,}", "")
    table.add_row("unpriced", f"{found.unpriced:,}", share(found.unpriced_token_share))
    table.add_row("  calls without token counts", f"{found.without_usage:,}", "")
    console = Console()
    console.print(table)
    if not found.unpriced_models:
        return
    unknown = Table(title="Unpriced models", title_justify="left")
    for heading in ("provider", "model"):
        unknown.add_column(heading, overflow="fold")
    for heading in ("calls", "tokens"):
        unknown.add_column(heading, justify="right")
    for model in found.unpriced_models[:LISTED]:
        unknown.add_row(escape(model.provider), escape(model.model), f"{model.calls:,}", f"{model.tokens:,}")
    console.print(unknown)
    if len(found.unpriced_models) > LISTED:
        console.print(f"… and {len(found.unpriced_models) - LISTED} more (--json lists all)")
    console.print("Prices of your own: templates/prices/README.md, or --prices FILE")
