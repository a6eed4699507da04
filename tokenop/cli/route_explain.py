"""`tokenop route explain`: who answers a call, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenop.cli.routing_files import chosen, config_option, overlay_option
from tokenop.errors import MisuseError

if TYPE_CHECKING:
    from tokenop.routing.explaining import Cost, Explained, Place
    from tokenop.routing.model import Facts, RoutingConfig


@click.command(
    name="explain",
    epilog="""\b
Examples:
  tokenop route explain --intent "classify ticket" --tokens 300
  tokenop route explain --tokens 50000 --output-tokens 800 --tools 3
  tokenop route explain --model claude-opus-5 --provider anthropic --fact batch=true
  tokenop route explain --tier T5 --json
""",
)
@click.option("--intent", help="What the call is for.")
@click.option("--tokens", type=int, metavar="N", help="Tokens of the prompt.")
@click.option("--output-tokens", type=int, metavar="N", help="Most tokens that the answer may have.")
@click.option("--user", help="Who asks.")
@click.option("--tools", type=int, metavar="N", help="How many tools the request offers.")
@click.option("--images", type=int, metavar="N", help="How many pictures are in it.")
@click.option("--model", help="Model that the request names. Rules may answer with another one.")
@click.option("--provider", help="Provider that the request names.")
@click.option("--fact", "others", multiple=True, metavar="NAME=VALUE", help="Any other fact. Repeat.")
@click.option("--tier", help="Tier that the caller insists on.")
@click.option("--ask", metavar="WHAT", help="Model of the config, or provider/model, that the caller insists on.")
@click.option("--key", default="", metavar="ID", help="Operation by which shares are drawn where no fact says it.")
@config_option
@overlay_option
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), help="Take prices of this day. [default: today, UTC]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(
    intent: str | None,
    tokens: int | None,
    output_tokens: int | None,
    user: str | None,
    tools: int | None,
    images: int | None,
    model: str | None,
    provider: str | None,
    others: tuple[str, ...],
    tier: str | None,
    ask: str | None,
    key: str,
    config: Path | None,
    overlays: tuple[Path, ...],
    today: datetime | None,
    as_json: bool,
) -> None:
    """Say who answers a call: which rule, which chain, and why.

    What is not said is not known, and a rule that asks about it does not hold. Nothing is sent.
    """
    if tier is not None and ask is not None:
        raise MisuseError("--tier and --ask both say what the caller insists on: give one of them")
    known = {
        "intent": intent,
        "input_tokens": tokens,
        "output_tokens_limit": output_tokens,
        "user_id": user,
        "has_tools": None if tools is None else tools > 0,
        "tool_count": tools,
        "image_count": images,
        "model": model,
        "provider": provider,
        "tier": tier,
    }
    path, above = chosen(config, overlays)
    _explain(path, above, _facts(known, others), tier or ask, key, today, as_json)


def _explain(
    path: Path,
    overlays: Sequence[Path],
    facts: Facts,
    asked: str | None,
    key: str,
    today: datetime | None,
    as_json: bool,
) -> None:
    import os
    from datetime import UTC

    from tokenop import routing
    from tokenop.prices import book
    from tokenop.routing.explaining import explain

    now = today.replace(tzinfo=UTC) if today else datetime.now(UTC)
    config = routing.load(path, overlays)
    found = explain(config, facts, prices=book.load(), now=now, env=os.environ, asked=asked, key=key)
    if as_json:
        click.echo(json.dumps(_document(config, facts, found, asked), indent=2))
    else:
        _show(config, facts, found)


def _facts(known: Mapping[str, Any], others: Sequence[str]) -> Facts:
    """Return the facts of the call.

    Raises:
        MisuseError: a name that is no fact, or a value that the fact cannot have.
    """
    from tokenop.catalogue.schema import closest
    from tokenop.routing.facts import COLUMNS, facts

    said = {name: value for name, value in known.items() if value is not None}
    for other in others:
        name, sign, text = other.partition("=")
        if not sign or name not in COLUMNS:
            raise MisuseError(f"--fact {other!r}: write NAME=VALUE; {closest(name, COLUMNS)}")
        said[name] = _value(name, COLUMNS[name], text)
    checked = facts(**said)
    for name, value in said.items():
        if name not in checked:
            raise MisuseError(f"{name}: {value!r} is nothing that this fact can be")
    return checked


def _value(name: str, kind: str, text: str) -> str | int | float | bool:
    if kind == "VARCHAR":
        return text
    if kind == "BOOLEAN" and text in ("true", "false"):
        return text == "true"
    try:
        return int(text) if kind == "BIGINT" else float(text)
    except ValueError:
        wanted = {"BOOLEAN": "true or false", "BIGINT": "a whole number", "DOUBLE": "a number"}[kind]
        raise MisuseError(f"--fact {name}={text}: write {wanted}") from None


def _show(config: RoutingConfig, facts: Facts, found: Explained) -> None:
    from tokenop.planning.text import visible

    decision = found.decision
    where = " + ".join([config.path, *config.overlays])
    click.echo(f"{visible(where)}, mode {config.mode}")
    click.echo(f"call: {_call(facts)}")
    heads = {"rule": f"rule {decision.rule}", "asked": "the caller", "default": "the default", "recon": "recon"}
    leads = f" leads to {decision.tier}" if decision.tier else " leads here"
    because = found.because if decision.by == "rule" else decision.why
    click.echo(f"\n{visible(heads[decision.by])}{leads}: {visible(because)}")
    _table(found.places)
    for line in dict.fromkeys(f"{place.target.name}: {place.reason}" for place in found.places if place.reason):
        click.echo(f"not from here: {visible(line)}")
    if found.passed_over:
        click.echo("\nrules before it:")
        for name, reason in found.passed_over:
            click.echo(f"  {visible(name)}: {visible(reason)}")
    up = [place.target for place in found.places if not place.reason]
    first = f"{up[0].name}/{up[0].model} would be asked first from here" if up else "nobody can be asked from here"
    click.echo(f"\n{visible(first)}. Next: tokenop route test")


def _call(facts: Facts) -> str:
    from tokenop.planning.text import visible

    shown = [f"{name}={value!r}" if isinstance(value, str) else f"{name}={value}" for name, value in facts.items()]
    return visible(", ".join(shown)) or "nothing is known of it"


def _table(places: Sequence[Place]) -> None:
    from rich.table import Table

    from tokenop.cli.progress import results
    from tokenop.planning.text import marked

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "name", "model"):
        table.add_column(column, no_wrap=True)
    table.add_column("from here", no_wrap=True)
    table.add_column("this call")
    for number, place in enumerate(places, 1):
        cells = (place.target.name, place.target.model, "no" if place.reason else "yes", priced(place.cost))
        table.add_row(str(number), *(marked(cell) for cell in cells))
    results().print(table)


def priced(cost: Cost) -> str:
    """Return in a few words what a call costs."""
    if cost.own:
        return "no price a token: your own machine"
    if cost.input_rate is None or cost.output_rate is None:
        return "price not known"
    if cost.usd is not None:
        return f"${cost.usd:.6f} with the longest answer"
    rates = f"${cost.input_rate.normalize():f} in, ${cost.output_rate.normalize():f} out a million tokens"
    return rates if cost.input_usd is None else f"${cost.input_usd:.6f} and the answer ({rates})"


def _document(config: RoutingConfig, facts: Facts, found: Explained, asked: str | None) -> dict[str, Any]:
    decision = found.decision
    return {
        "config": config.path,
        "overlays": list(config.overlays),
        "mode": config.mode,
        "facts": dict(facts),
        "asked": asked,
        "by": decision.by,
        "rule": decision.rule,
        "tier": decision.tier,
        "why": found.because,
        "passed_over": [{"rule": name, "reason": reason} for name, reason in found.passed_over],
        "chain": [_place(place) for place in found.places],
    }


def _place(place: Place) -> dict[str, Any]:
    def number(value: Any) -> float | None:
        return None if value is None else float(value)

    target, cost, wait = place.target, place.cost, place.timeouts
    return {
        "name": target.name,
        "provider": target.provider,
        "model": target.model,
        "base_url": target.base_url,
        "priority": target.priority,
        "unusable": place.reason,
        "timeouts": {"connect": wait.connect, "first_token": wait.first_token, "total": wait.total},
        "own_machine": cost.own,
        "usd_per_million_input": number(cost.input_rate),
        "usd_per_million_output": number(cost.output_rate),
        "input_usd": number(cost.input_usd),
        "most_usd": number(cost.usd),
        "price_id": cost.price_id,
    }
