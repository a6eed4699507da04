"""`tokenop costs`: what the calls of a day, a week, a month cost, and what the caches saved."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenop.errors import MisuseError, NoInputError

if TYPE_CHECKING:
    from tokenop.gateway.costing.model import Costs
    from tokenop.gateway.costing.periods import Period

_EPILOG = """\b
Examples:
  tokenop costs                                           today, by user, tier and provider
  tokenop costs week --by model,intent                    the last seven days, by something else
  tokenop costs month --baseline anthropic/claude-opus-4-7
  tokenop costs --events events.jsonl --since 2026-11-01 --until 2026-12-01
  tokenop costs week --json | jq .prompt_cache
"""


@click.command(epilog=_EPILOG)
@click.argument("word", metavar="[today|week|month]", required=False, type=click.Choice(["today", "week", "month"]))
@click.option("--since", metavar="T", help="Calls from here on: 2026-11-01, or a time.")
@click.option("--until", metavar="T", help="Calls before this time. [default: now]")
@click.option(
    "--by",
    metavar="A,B",
    default="user,tier,provider",
    show_default=True,
    help="user, tier, provider, model, intent, tenant, department.",
)
@click.option("--baseline", metavar="PROVIDER/MODEL", help="Say what the same tokens would have cost there.")
@click.option("--events", type=click.Path(path_type=Path), help="Another event log. [default: the gateway's]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(
    word: str | None,
    since: str | None,
    until: str | None,
    by: str,
    baseline: str | None,
    events: Path | None,
    as_json: bool,
) -> None:
    """Say what was spent, by whom, and what the caches saved.

    Week are the last seven days, month the days since the first, in the zone of tokenop/gateway.yaml (else UTC).
    docs/costs.md says how each figure is made.
    """
    from tokenop.gateway.costing import periods

    period = periods.period(word, since, until, periods.zone_in(Path()), datetime.now(UTC))
    found = _measured(period, _fields(by), _model(baseline), events)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
        return
    from tokenop.cli.costs_text import show
    from tokenop.cli.progress import results

    show(results(), found)
    if events is not None:
        click.echo(f"\nNext: tokenop plan --events {shlex.quote(str(events))}")
    else:
        click.echo(f"\nNext: tokenop costs {'month' if word == 'week' else 'week'}")


def _fields(by: str) -> list[str]:
    from tokenop.gateway.costing.measuring import FIELDS

    wanted = list(dict.fromkeys(one.strip() for one in by.split(",") if one.strip()))
    wrong = [one for one in wanted if one not in FIELDS]
    if wrong:
        raise MisuseError(f"--by: {', '.join(wrong)}: not among {', '.join(FIELDS)}")
    return wanted


def _model(baseline: str | None) -> tuple[str, str] | None:
    if baseline is None:
        return None
    provider, slash, model = baseline.partition("/")
    if not slash or not provider or not model:
        raise MisuseError(f"--baseline {baseline}: write a provider and a model, such as anthropic/claude-opus-4-7")
    return provider, model


def _measured(period: Period, by: list[str], baseline: tuple[str, str] | None, events: Path | None) -> Costs:
    from tokenop.cli.progress import steps
    from tokenop.database import connect
    from tokenop.gateway.costing.measuring import measure
    from tokenop.prices import book
    from tokenop.settings import home

    folder = home() / "gateway" / "log"
    with steps() as step, connect() as connection:
        step("reading the log")
        if events is not None:
            from tokenop.database import identifier
            from tokenop.events.log import open_log

            open_log(connection, events)
            relation, source = identifier("events"), str(events)
        else:
            from tokenop.gateway.log.reading import relation as of_gateway

            relation, source = of_gateway(connection, folder, period.since, period.until), "the gateway's log"
        step("adding up")
        found = measure(connection, relation, book.load(), period, source, by, baseline)
    if found is None:
        when = f"from {period.since.isoformat(timespec='minutes')} to {period.until.isoformat(timespec='minutes')}"
        start = (
            "start the gateway with tokenop serve and send calls through it"
            if events is None
            else "--since and --until say which calls are meant"
        )
        raise NoInputError(f"{source} holds no calls {when}; {start}")
    return found
