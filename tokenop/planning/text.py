"""The plan as people read it in a terminal."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

MOST_REJECTED = 30
# Escape sequences begin in C0 or C1; the others turn the direction of what follows.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
LONGEST = 240  # characters of a reason; the plan file has all of it


def show(console: Console, plan: Mapping[str, Any]) -> None:
    """Print headline, chosen templates, what was left out, and where the numbers come from."""
    _headline(console, plan)
    _chosen(console, plan["chosen"])
    _rejected(console, plan["rejected"])
    _origin(console, plan)


def visible(text: str) -> str:
    """Return names from other people's data fit to be shown: control characters become one sign.

    An escape sequence in the name of a tenant would otherwise repaint the reader's terminal.
    """
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\n", " ").replace("\t", " "))


def marked(text: object) -> str:
    """Return text fit to be put into a line with rich's markup, none of which is its own."""
    from rich.markup import escape

    return escape(visible(str(text)))


def usd(value: float | None) -> str:
    """Return whole dollars with a sign only where money is lost; cents under ten dollars."""
    if value is None:
        return "–"
    digits = 2 if abs(value) < 10 else 0
    text = f"${abs(value):,.{digits}f}"
    return f"-{text}" if round(value, digits) < 0 else text


def templates(number: int) -> str:
    """Return a count of templates in words."""
    return "1 template" if number == 1 else f"{number} templates"


def interval(values: Mapping[str, Any] | None) -> str:
    """Return `P50 (P10 to P90)`."""
    if not values:
        return "–"
    return f"{usd(values['p50'])} ({usd(values['p10'])} to {usd(values['p90'])})"


def _headline(console: Console, plan: Mapping[str, Any]) -> None:
    if plan["baseline"]["sample"]:
        console.print("[yellow]SAMPLE DATA: a made-up month, not anybody's bill.[/yellow]")
    before, saved = plan["baseline_monthly_usd"], plan["savings_monthly_usd"]
    if before is None:
        console.print("[bold]Today's bill is unknown: no call has a price, so nothing can be saved.[/bold]")
        console.print("`tokenop prices coverage` says which models; `discover --set model=… provider=…` names them.")
    else:
        part = f", {saved['p50'] / before:.0%}" if before else ""
        console.print(
            f"[bold]Today {usd(before)} a month{_split(plan)}. This plan saves {interval(saved)} a month{part}.[/bold]",
            soft_wrap=True,
        )
    _refused(console, plan)
    priced = plan["baseline"]["priced_cost_share"]
    # Rounded down: 99.96 % is not all of it.
    covered = "unknown" if priced is None else f"{math.floor(priced * 1000) / 1000:.1%}"
    window = plan["window"]
    notes = [
        f"{plan['baseline']['calls']:,} calls",
        f"{window['hours']:,.0f} hour{'' if round(window['hours']) == 1 else 's'}",
        f"{covered} of tokens priced",
    ]
    if window["extrapolated"]:
        notes.append("[yellow]extrapolated to a month from less than a week: take it as a rate, not a bill[/yellow]")
    if window["from"] is None:
        console.print("No calls: this plan is of the inventory alone, and today's tokens are unknown.")
    else:
        console.print(f"{window['from']} to {window['until']} · " + " · ".join(notes), soft_wrap=True)
    quality = plan["quality"]
    if plan["chosen"]:
        console.print(
            f"Quality may drop by {quality['average_drop']:.4f} on average (0 to 1), by what the templates say."
        )
    if plan["budget"]:
        state = "met" if plan["budget"]["met"] else "[red]missed[/red]"
        console.print(
            f"Budget {usd(plan['budget']['monthly_usd'])} a month: {state} ({usd(plan['budget']['after_usd'])} after)"
        )
    console.print()


def _split(plan: Mapping[str, Any]) -> str:
    """Return the two bills behind the sum, where the plan has an inventory."""
    inventory, baseline = plan.get("infrastructure"), plan["baseline"]
    if inventory is None:
        return ""
    infra, tokens = (
        "unknown" if (bill := baseline[f"{name}_monthly_usd"]) is None else usd(bill)
        for name in ("infrastructure", "tokens")
    )
    count, missing = inventory["resources"], inventory["unpriced"]
    unknown = f", {missing} without a known bill" if missing else ""
    return f" (tokens {tokens}; infrastructure {infra}: {count} resource{'' if count == 1 else 's'}{unknown})"


def _refused(console: Console, plan: Mapping[str, Any]) -> None:
    """Say what a limit refuses: that is no saving by doing the same for less."""
    limited = plan.get("limited")
    if limited and (limited["calls_rejected"] or limited["calls_degraded"]):
        console.print(f"[yellow]Part of this is a limit: {marked(limited['note'])}.[/yellow]", soft_wrap=True)


def _chosen(console: Console, chosen: list[Mapping[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not chosen:
        console.print("No template pays for itself on this workload; below is why.\n")
        return
    table = Table(title="Do this, in this order", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("#", justify="right")
    table.add_column("template", overflow="fold")
    table.add_column("in the plan", justify="right", no_wrap=True)
    table.add_column("alone, P10 to P90", justify="right", no_wrap=True)
    table.add_column("payback", justify="right", no_wrap=True)
    table.add_column("risk", no_wrap=True)
    for entry in chosen:
        days = entry["roi"]["payback_days"]["p50"]
        alone = entry["savings_monthly_usd"]
        table.add_row(
            str(entry["order"]),
            Text(visible(entry["id"])),
            usd(entry["marginal_monthly_usd"]),
            f"{usd(alone['p10'])} to {usd(alone['p90'])}",
            "never" if days is None else f"{days:,.0f} days",
            entry["risk"]["level"],
        )
    console.print(table)
    console.print()


def _rejected(console: Console, rejected: list[Mapping[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not rejected:
        return
    table = Table(title="Left out, and why", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("template", no_wrap=True)
    table.add_column("because")
    table.add_column("reason", overflow="fold")
    told: dict[str, str] = {}
    for entry in rejected[:MOST_REJECTED]:
        reason = entry["reason"] if len(entry["reason"]) <= LONGEST else entry["reason"][: LONGEST - 2] + " …"
        # The same words a second time are not read: they hide what differs.
        first = told.setdefault(reason, entry["id"])
        if first != entry["id"] and len(reason) > len(first):
            reason = f"as {first}"
        table.add_row(Text(visible(entry["id"])), entry["code"], Text(visible(reason)))
    console.print(table)
    if len(rejected) > MOST_REJECTED:
        console.print(f"… and {len(rejected) - MOST_REJECTED} more in the plan file")
    console.print()


def _origin(console: Console, plan: Mapping[str, Any]) -> None:
    inputs, joint = plan["inputs"], plan["joint"]
    console.print(
        f"Replayed on the rows {usd(joint['replayed_monthly_usd'])}, pooled in {joint['cells']} cells "
        f"{usd(joint['pooled_monthly_usd'])}; alone the templates add up to {usd(joint['singles_sum_monthly_usd'])} "
        f"(interaction {usd(joint['interaction_monthly_usd'])}).",
        soft_wrap=True,
        style="dim",
    )
    console.print(
        f"{plan['window']['method']}, {inputs['draws']} draws · events {marked(inputs['events_hash'] or 'none')} · "
        f"prices {inputs['prices_hash'][:12]} · commit {(inputs['commit'] or 'none')[:12]}",
        soft_wrap=True,
        style="dim",
    )
