"""`tokenop budgets`: how the limits stand, and who is slowed down."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenop.errors import InputError, NoInputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tokenop.gateway.applied.verdict import Verdict
    from tokenop.gateway.budgets.status import Standing, Status

_COLOURS = {"ok": "green", "soft": "yellow", "full": "red"}


@click.group(
    name="budgets",
    invoke_without_command=True,
    epilog="""\b
Examples:
  tokenop budgets                                     what is spent, set aside and left of each limit
  tokenop budgets --json | jq '.limits[] | select(.state != "ok")'
  tokenop budgets clear-throttle ana@example.org      give a user all providers back
""",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    default=Path(),
    show_default="this folder",
    help="The project whose applied files (tokenop/*.yaml) hold.",
)
@click.option("--config", type=click.Path(path_type=Path), help="Another routing config than the shipped one.")
@click.option("--most", type=click.IntRange(min=1), default=10, show_default=True, help="Lines for each limit.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs: all lines.")
@click.pass_context
def command(context: click.Context, root: Path, config: Path | None, most: int, as_json: bool) -> None:
    """Show what is spent of each limit, when it is reset, and who is slowed down.

    Counted are the calls of all gateways of this machine ($TOKENOP_HOME); calls under way with the most that they may
    cost. docs/budgets.md says more.
    """
    if context.invoked_subcommand is not None:
        return
    from tokenop.gateway.budgets import settings
    from tokenop.gateway.budgets.status import status
    from tokenop.settings import home

    verdict = _in_force(root, config)
    assert verdict.config is not None
    state, own = home() / "gateway", settings.read(verdict.own)
    found = status(state / "budgets", state / "log", verdict.config.budgets, own.zone, time.time())
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
        return
    if found.zone != own.zone:
        click.echo(f"note: days are counted in {found.zone} until all gateways were started again", err=True)
    _text(found, most)


@command.command(
    name="clear-throttle",
    epilog="\b\nExample:\n  tokenop budgets clear-throttle ana@example.org   all providers again\n",
)
@click.argument("user")
def clear_throttle(user: str) -> None:
    """Free a user whose calls go to local providers alone.

    Running gateways know it within a second. The user is not judged again in this hour.
    """
    from tokenop.applying.showing import visible
    from tokenop.gateway.budgets import throttling
    from tokenop.settings import home

    folder = home() / "gateway" / "budgets"
    if not (folder.is_dir() and throttling.clear(folder, user, time.time())):
        raise NoInputError(f"{visible(user)} is not throttled: tokenop budgets says who is")
    click.echo(f"{visible(user)} may use all providers again. Next: tokenop budgets")


def _in_force(root: Path, config: Path | None) -> Verdict:
    import os
    from datetime import UTC, datetime

    from tokenop.gateway.applied.reading import read
    from tokenop.gateway.applied.sources import sources
    from tokenop.gateway.model import Settings
    from tokenop.settings import home

    where = sources(Settings(root=root, state=home() / "gateway", env=os.environ, config=config))
    verdict = read(where, datetime.now(UTC).date())
    if verdict.config is None:
        raise InputError("\n".join(verdict.refused))
    return verdict


def _text(found: Status, most: int) -> None:
    from tokenop.cli.progress import results

    if not found.standings:
        click.echo("note: the routing config has no section `budgets`: nothing is limited", err=True)
    else:
        results().print(_table(found, most))
    for name, entry in found.throttled.items():
        click.echo(_slow(name, entry))
    full = sum(one.word == "full" for one in found.standings)
    soft = sum(one.word == "soft" for one in found.standings)
    gateways = f"{found.processes} process{'' if found.processes == 1 else 'es'} counting"
    click.echo(
        f"{full} at the limit, {soft} near it, {len(found.throttled)} throttled; {gateways}. Next: tokenop costs"
    )


def _table(found: Status, most: int) -> Any:
    from datetime import datetime

    from rich.markup import escape
    from rich.table import Table

    from tokenop.applying.showing import visible
    from tokenop.gateway.budgets.windows import zone_of

    zone = zone_of(found.zone)
    table = Table(box=None, pad_edge=False)
    for heading in ("limit", "for", "spent", "set aside", "of", "used", "resets"):
        table.add_column(heading, justify="right" if heading in ("spent", "set aside", "of", "used") else "left")
    shown: dict[str, int] = {}
    for one in found.standings:
        shown[one.budget.name] = shown.get(one.budget.name, 0) + 1
        if shown[one.budget.name] > most:
            continue
        spent, held, limit = _figures(one)
        used = f"[{_COLOURS[one.word]}]{one.share * 100:.1f} %[/]"
        resets = f"{datetime.fromtimestamp(one.window.end, zone):%Y-%m-%d %H:%M %Z}"
        table.add_row(escape(one.budget.name), escape(visible(_whose(one))), spent, held, limit, used, resets)
    for name, count in shown.items():
        if count > most:
            table.add_row(escape(name), f"and {count - most:,} more: --most {count}")
    return table


def _whose(one: Standing) -> str:
    if one.budget.per == "all":
        return "everybody"
    return f"{one.budget.per} {one.total.subject}" if one.total.subject else f"no {one.budget.per} named"


def _figures(one: Standing) -> tuple[str, str, str]:
    spent, held, limit = [], [], []
    if one.budget.usd is not None:
        spent.append(f"${one.total.usd / 1e12:,.4f}")
        held.append(f"${one.total.usd_held / 1e12:,.4f}")
        limit.append(f"${one.budget.usd:,f}")
    if one.budget.tokens is not None:
        spent.append(f"{one.total.tokens:,} tokens")
        held.append(f"{one.total.tokens_held:,} tokens")
        limit.append(f"{one.budget.tokens:,} tokens")
    return "\n".join(spent), "\n".join(held), "\n".join(limit)


def _slow(name: str, entry: Mapping[str, Any]) -> str:
    from tokenop.applying.showing import visible

    money = f"{entry.get('spent_usd')} USD in an hour, usually {entry.get('baseline_usd')}"
    return visible(f"throttled: {name} until {entry.get('until')} ({money})")
