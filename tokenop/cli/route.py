"""`tokenop route`: who answers a call, whether a routing config is sound, and what a change of it does."""

from __future__ import annotations

import click

from tokenop.cli.lazy import LazyGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "explain": ("route_explain", "Say who answers a call: which rule, which chain, and why."),
    "test": ("route_test", "Check routing configs: models, rules, chains, prices."),
    "diff": ("route_diff", "Say what a changed routing config does to cost and quality."),
    "trial": ("route_trial", "Try routers out on recorded outcomes, and recommend one only where it surely helps."),
}


@click.group(
    name="route",
    cls=LazyGroup,
    table=COMMANDS,
    epilog="""\b
Examples:
  tokenop route explain --intent "classify ticket" --tokens 300
  tokenop route test
  tokenop route diff --base main
""",
)
def command() -> None:
    """Say who answers a call, check routing configs, and what a change does."""
