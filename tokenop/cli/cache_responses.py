"""`tokenop cache responses`: which answers are kept, what they saved, and how many are false at most."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenop.cli.routing_files import chosen, config_option

if TYPE_CHECKING:
    from tokenop.gateway.responses.learning import Learned
    from tokenop.gateway.responses.policy import Policy
    from tokenop.gateway.responses.reporting import Report


@click.command(
    name="responses",
    epilog="""\b
Examples:
  tokenop cache responses                         what is kept, and what it saved
  tokenop cache responses --tenant acme --json    of one tenant, for programs
  tokenop cache responses --clear                 forget all answers, in running gateways too
""",
)
@config_option
@click.option("--tenant", metavar="NAME", help="Answers of this tenant alone.")
@click.option("--clear", "clearing", is_flag=True, help="Delete the answers.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(config: Path | None, tenant: str | None, clearing: bool, as_json: bool) -> int:
    """Show kept answers, hits, savings and the bound of false hits.

    Counts are of all gateways of this machine that wrote them down, savings what the answers had cost when they were
    fresh. What was compared and learned stays when answers are deleted. Exit code 3 where nothing was ever kept.
    """
    from tokenop.gateway.responses import reporting
    from tokenop.gateway.responses.policy import folder_of
    from tokenop.settings import home

    folder = folder_of(home() / "gateway")
    if clearing:
        count = reporting.clear(folder, tenant)
        click.echo(json.dumps({"deleted": count}) if as_json else f"{_number(count, 'answer')} deleted.")
        return 0
    _show(folder, config, tenant, as_json=as_json)
    return 0


def _show(folder: Path, config: Path | None, tenant: str | None, *, as_json: bool) -> None:
    import time

    from tokenop import routing
    from tokenop.errors import NoInputError
    from tokenop.gateway.responses import reporting
    from tokenop.gateway.responses.policy import Policy, policy_from

    in_force = policy_from(routing.load(*chosen(config)).cache)
    if not folder.is_dir():
        state = "the config keeps answers" if in_force else "the config keeps none (docs/response-cache.md says how)"
        raise NoInputError(f"{folder}: no answer was kept yet; {state}")
    policy = in_force or Policy()
    found = reporting.report(folder, policy, time.time(), tenant)
    if as_json:
        click.echo(json.dumps(_document(found, policy, enabled=in_force is not None), indent=2, ensure_ascii=False))
    else:
        _text(found, policy, enabled=in_force is not None)


def _document(found: Report, policy: Policy, *, enabled: bool) -> dict[str, Any]:
    from datetime import UTC, datetime

    counts = found.counts
    return {
        "enabled": enabled,
        "modes": [name for name in ("exact", "semantic") if getattr(policy, name)],
        "entries": sum(found.entries.values()),
        "bytes": found.size,
        "oldest": None if found.oldest is None else datetime.fromtimestamp(found.oldest, UTC).isoformat(),
        "by_tenant": [{"tenant": tenant, "entries": n} for tenant, n in _sorted(found.entries)],
        "hits": {"exact": counts.exact, "semantic": counts.semantic, "missed": counts.missed, "rate": _rate(found)},
        "skipped": dict(sorted(counts.skipped.items())),
        "kept": counts.kept,
        "not_kept_for_quality": counts.poor,
        "not_embedded": counts.unembedded,
        "compared": counts.compared,
        "differed": counts.differed,
        "saved": {
            "tokens": counts.saved_tokens,
            "usd": str(counts.saved_usd),
            "hits_of_unknown_price": counts.unpriced,
        },
        "max_false_hits": policy.false_hits,
        "least_likeness": found.floor,
        "learned": [
            {
                "tenant": tenant,
                "threshold": one.threshold,
                "samples": one.n,
                "differed": one.bad,
                "bound": round(one.bound, 6),
                "samples_needed": one.needed,
            }
            for tenant, one in _sorted(found.learned)
        ],
    }


def _text(found: Report, policy: Policy, *, enabled: bool) -> None:
    counts = found.counts
    size = f"{found.size / 1e6:.1f} MB"
    click.echo(
        f"{_number(sum(found.entries.values()), 'answer')} kept, {size} on disk{'' if enabled else '; now off'}."
    )
    for tenant, n in _sorted(found.entries):
        if tenant is not None:
            click.echo(f"  {_name(tenant)}: {n:,}")
    rate = _rate(found)
    shown = (
        "no call looked up yet" if rate is None else f"{rate:.1%} of {counts.missed + counts.exact + counts.semantic:,}"
    )
    click.echo(f"Hits: {counts.exact:,} exact, {counts.semantic:,} semantic ({shown}).")
    if counts.skipped:
        left = ", ".join(f"{n:,} {_name(why)}" for why, n in sorted(counts.skipped.items()))
        click.echo(f"Left out: {left}. Not kept for their quality: {counts.poor:,}.")
    unknown = f", and {_number(counts.unpriced, 'hit')} of unknown price" if counts.unpriced else ""
    click.echo(f"Saved: {counts.saved_tokens:,} tokens, USD {counts.saved_usd:.4f}{unknown}.")
    if not policy.semantic:
        click.echo("Semantic hits are off: false hits there are none.")
        return
    click.echo(f"False hits: at most {policy.false_hits:.1%} are allowed, compared from likeness {found.floor:.2f} on.")
    for tenant, one in _sorted(found.learned):
        click.echo(f"  {'calls without tenant' if tenant is None else _name(tenant)}: {_learned(one)}")
    if not found.learned:
        click.echo("  Nothing was compared yet: no semantic hit is served.")


def _learned(one: Learned) -> str:
    seen = f"{one.bad:,} of {one.n:,} differed, so {one.bound:.2%} at most (95 %)"
    if one.threshold is None:
        return f"none served yet: {seen}; {one.needed:,} comparisons are needed if no more differ"
    return f"served from likeness {one.threshold:.3f} on: {seen}"


def _rate(found: Report) -> float | None:
    counts = found.counts
    hits = counts.exact + counts.semantic
    return hits / (hits + counts.missed) if hits + counts.missed else None


def _sorted(by_tenant: dict[str | None, Any]) -> list[tuple[str | None, Any]]:
    return sorted(by_tenant.items(), key=lambda item: (item[0] is not None, item[0] or ""))


def _name(text: str) -> str:
    from tokenop.planning.text import visible

    return visible(text)


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
