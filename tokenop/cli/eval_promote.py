"""`tokenop eval promote`."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenop.cli import evaluating

if TYPE_CHECKING:
    from tokenop.evals.promotion import Standing


@click.command(
    name="promote",
    epilog="""\b
Example:
  tokenop eval promote --provider groq
""",
)
@click.option("--provider", required=True, help="As results name it, such as groq.")
@click.option("--days", type=click.IntRange(1, 365), help="Days that results must span. [default: the config's, 7]")
@click.option("--config", "config_path", type=click.Path(path_type=Path), help="Routing config. [default: the shipped]")
@evaluating.tasks_option
@evaluating.out_option
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), help="The last day of the window. [default: today, UTC]")
@evaluating.json_option
def command(
    provider: str,
    days: int | None,
    config_path: Path | None,
    tasks_dir: Path | None,
    out: Path,
    today: datetime | None,
    as_json: bool,
) -> int:
    """Say whether a provider may be proposed as primary.

    It may where it passed at least 80 % of the golden tasks of T3 and T4 over 7 days (the config's `promotion` says
    otherwise). Only answers that were asked for count: no recordings, no samples, no infrastructure. Exit code 1 where
    it stays a fallback.
    """
    from tokenop.evals import promotion

    config, _ = evaluating.load_config(config_path)
    rule = replace(config.promotion, window_days=days) if days else config.promotion
    tasks = evaluating.load_tasks(tasks_dir, rule.tiers)
    day = (today or datetime.now(UTC)).date()
    found = promotion.standing(out, provider, rule, tasks, day)
    click.echo(json.dumps(_document(found), indent=2) if as_json else _text(found))
    return 0 if found.may else 1


def _document(found: Standing) -> dict[str, Any]:
    return {
        "provider": found.provider,
        "tiers": list(found.rule.tiers),
        "from": str(found.first),
        "until": str(found.last),
        "passed": found.passed,
        "failed": found.failed,
        "infrastructure": found.infrastructure,
        "not_live": found.not_asked,
        "days_with_results": found.days,
        "pass_rate": None if found.rate is None else round(float(found.rate), 4),
        "wanted_pass_rate": float(found.rule.pass_rate),
        "may_be_proposed": found.may,
        "reasons": list(found.reasons),
    }


def _text(found: Standing) -> str:
    from tokenop.catalogue.linting.text import visible

    known = found.passed + found.failed
    tiers = " and ".join(found.rule.tiers)
    rate = f" ({found.rate:.1%}, with 95 % confidence at least {found.at_least:.1%})" if found.rate is not None else ""
    where = f"{visible(found.provider)}, {tiers}, {found.first} to {found.last}"
    unknown = f"{found.infrastructure} of which nothing is known (infrastructure)"
    lines = [
        f"{where}: {found.passed} of {known} passed{rate}, on {evaluating.number(found.days, 'day')}.",
        f"Left out: {unknown}, {found.not_asked} answered from files.",
    ]
    if found.may:
        lines.append("It may be proposed as primary. Next: put it first in the tier's chain, in a pull request.")
    else:
        lines.append(f"It stays a fallback: {visible('; '.join(found.reasons))}.")
    return "\n".join(lines)
