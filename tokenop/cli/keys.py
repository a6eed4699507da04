"""`tokenop keys`: make, list and revoke the local keys of the gateway."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tokenop.gateway.identity.keys import Key


@click.group(
    name="keys",
    epilog="""\b
Examples:
  tokenop keys create --user ann --department research
  tokenop keys list
  tokenop keys revoke 40665e1092
""",
)
def command() -> None:
    """Make, list and revoke the keys of callers of the gateway.

    A caller gives its key in the place of a provider's: as the SDK's API key. docs/keys.md says more.
    """


@command.command(
    epilog="""\b
Examples:
  tokenop keys create --user ann
  tokenop keys create --user nightly-build --tenant acme --expires 2027-06-30
  tokenop keys create --user ann --json | jq -r .key
""",
)
@click.option("--user", required=True, help="Whose calls these are.")
@click.option("--department", help="Their department.")
@click.option("--tenant", help="The tenant that they call for.")
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="The last day, UTC. [default: none]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def create(user: str, department: str | None, tenant: str | None, expires: datetime | None, as_json: bool) -> None:
    """Make a key, and print it this once.

    What it says of its owner wins over what a caller says. Gateways that run take it up within a second. The first key
    of all closes the gateway to callers without one.
    """
    from tokenop.gateway.identity import keys

    last = None if expires is None else expires.date()
    key, text = keys.create(
        _state(), datetime.now(UTC), user=user, department=department, tenant=tenant, expires=last
    )  # fmt: skip
    if as_json:
        click.echo(json.dumps({**key.as_dict(), "key": text}, indent=2, ensure_ascii=False))
        return
    click.echo(text)
    click.echo("This is the only time that it is shown: a hash of it is kept, which does not lead back.", err=True)
    click.echo(f"Key {key.id} made{_for(key)}.\nNext: export OPENAI_API_KEY=… or ANTHROPIC_API_KEY=…, "
               f"with the gateway as base URL; take it back with tokenop keys revoke {key.id}", err=True)  # fmt: skip


@command.command(
    name="list",
    epilog="""\b
Examples:
  tokenop keys list
  tokenop keys list --json | jq '.keys[] | select(.state == "active")'
""",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def list_(as_json: bool) -> None:
    """List all keys, revoked and expired ones as well; never what they open with."""
    from tokenop.gateway.identity import keys

    now = datetime.now(UTC)
    found = sorted(keys.load(_state()).values(), key=lambda key: (key.created, key.id))
    if as_json:
        listed = [{**key.as_dict(), "state": key.state(now)} for key in found]
        click.echo(json.dumps({"keys": listed}, indent=2, ensure_ascii=False))
    elif not found:
        click.echo("There is no key: on this machine's own address the gateway lets everybody in.\n"
                   "Next: tokenop keys create --user NAME")  # fmt: skip
    else:
        _table(found, now)


@command.command(
    epilog="""\b
Example:
  tokenop keys revoke 40665e1092
""",
)
@click.argument("key_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def revoke(key_id: str, as_json: bool) -> None:
    """Take a key's rights away, for good.

    Gateways that run refuse it within a second; calls under way end as they would have.
    """
    from tokenop.gateway.identity import keys

    key, changed = keys.revoke(_state(), key_id, datetime.now(UTC))
    if as_json:
        click.echo(json.dumps({**key.as_dict(), "changed": changed}, indent=2, ensure_ascii=False))
    else:
        click.echo(f"Key {key.id}{_for(key)} {'is' if changed else 'was already'} revoked.\nNext: tokenop keys list")


def _state() -> Path:
    from tokenop import settings

    return settings.home() / "gateway"


def _for(key: Key) -> str:
    from tokenop.applying.showing import visible

    return f" for {visible(key.user_id)}" if key.user_id else ""


def _table(found: list[Key], now: datetime) -> None:
    from rich.table import Table
    from rich.text import Text

    from tokenop.applying.showing import visible
    from tokenop.cli.progress import results

    table = Table(box=None, pad_edge=False)
    for name in ("id", "user", "department", "tenant", "created", "last day", "state"):
        table.add_column(name)
    for key in found:
        said = (key.id, key.user_id, key.department, key.tenant, key.created.date(), key.expires, key.state(now))
        table.add_row(*(Text(visible("-" if one is None else str(one))) for one in said))
    results().print(table)
    active = sum(key.state(now) == "active" for key in found)
    click.echo(f"{len(found)} key{'' if len(found) == 1 else 's'}, {active} active.\n"
               "Next: tokenop keys create --user NAME, or tokenop keys revoke ID")  # fmt: skip
