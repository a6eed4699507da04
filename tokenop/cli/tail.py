"""`tokenop tail`: calls of the gateway, as they come."""

from __future__ import annotations

from typing import Any

import click

_EPILOG = """\b
Examples:
  tokenop tail                          the last ten calls, and those that come
  tokenop tail -n 50 --no-follow        the last fifty, then stop
  tokenop tail --user sarah --failed    what goes wrong for one user
  tokenop tail --json | jq .cost_usd    the rows themselves
"""
_HEAD = f"{'time':<12}  {'status':<12}  {'took':>8}  {'cost $':>10}  {'tokens':>13}  {'tier':<4}  who answered whom"
_FINE = "ok"


@click.command(epilog=_EPILOG)
@click.option(
    "-n", "--lines", default=10, show_default=True, type=click.IntRange(0, 10_000), help="Rows to begin with."
)
@click.option("--follow/--no-follow", default=True, show_default=True, help="Go on with the rows that come.")
@click.option("--user", help="Only rows of this user.")
@click.option("--intent", help="Only rows with this intent.")
@click.option("--tier", help="Only rows of this tier.")
@click.option("--provider", help="Only rows of this provider.")
@click.option("--failed", is_flag=True, help="Only rows that did not end well.")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as they stand in the log.")
def command(
    lines: int,
    follow: bool,
    user: str | None,
    intent: str | None,
    tier: str | None,
    provider: str | None,
    failed: bool,
    as_json: bool,
) -> None:
    """Show the gateway's calls as they come.

    One line for each row of the event log: an attempt, a kept answer, a refusal. Times are UTC. Prompts and answers are
    not in the log, and not here. Ctrl-C ends it.
    """
    from tokenop.gateway.seen import following
    from tokenop.settings import home

    folder = home() / "gateway" / "log"
    wanted = {"user_id": user, "intent": intent, "tier": tier, "provider": provider}
    if not folder.is_dir():
        click.echo("nothing is logged yet; start the gateway with: tokenop serve", err=True)
    if not as_json:
        click.echo(_HEAD, err=True)

    def keep(row: dict[str, Any]) -> bool:
        fits = all(row.get(name) == value for name, value in wanted.items() if value is not None)
        return fits and not (failed and row.get("status", _FINE) == _FINE)

    try:
        for row in following.follow(folder, lines, keep, go_on=follow):
            click.echo(_json(row) if as_json else _line(row))
    except KeyboardInterrupt:
        click.echo(err=True)


def _json(row: dict[str, Any]) -> str:
    import msgspec

    return msgspec.json.encode(row).decode()


def _line(row: dict[str, Any]) -> str:
    status = str(row.get("status", _FINE))
    end = "kept answer" if row.get("cache_hit") else status
    colour = "cyan" if row.get("cache_hit") else "green" if status == _FINE else "red"
    parts = (
        str(row["ts"])[11:23],
        click.style(f"{_shown(end, 12):<12}", fg=colour),
        f"{_took(row.get('latency_ms')):>8}",
        f"{_money(row.get('cost_usd')):>10}",
        f"{_tokens(row):>13}",
        f"{_shown(row.get('tier') or '', 4):<4}",
        _who(row),
    )
    return "  ".join(parts).rstrip()


def _who(row: dict[str, Any]) -> str:
    asker = [row.get(name) for name in ("user_id", "agent_id", "intent", "session_id")]
    said = [_shown(one, 24) for one in asker if one and one != "unknown"]
    answered = f"{_shown(row.get('provider', ''), 20)}/{_shown(row.get('model', ''), 40)}"
    again = f" (attempt {row['attempt']})" if isinstance(row.get("attempt"), int) and row["attempt"] > 1 else ""
    return f"{answered}{again}{' → ' if said else ''}{' · '.join(said)}"


def _tokens(row: dict[str, Any]) -> str:
    counts = (row.get("input_tokens"), row.get("output_tokens"))
    mark = "~" if row.get("usage_source") == "estimated" else ""
    return mark + "→".join("?" if count is None else _short(count) for count in counts)


def _short(count: Any) -> str:
    if not isinstance(count, int | float):
        return "?"
    return f"{count:,}" if count < 10_000 else f"{count / 1000:,.0f}k"


def _money(cost: Any) -> str:
    return f"{cost:.6f}" if isinstance(cost, int | float) else "?"


def _took(milliseconds: Any) -> str:
    if not isinstance(milliseconds, int | float):
        return "?"
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def _shown(text: Any, width: int) -> str:
    from tokenop.planning.text import visible

    seen = visible(str(text))
    return seen if len(seen) <= width else seen[: width - 1] + "…"
