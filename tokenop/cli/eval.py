"""`tokenop eval`: ask golden tasks, and hold a change of routing to what comes of them."""

from __future__ import annotations

import click

from tokenop.cli.lazy import LazyGroup

# name → (module, one-line help); a test holds each line against the command's own.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("eval_run", "Ask the golden tasks and write what came of them."),
    "show": ("eval_show", "Show a run: passes, cost and latency by tier and engine."),
    "baseline": ("eval_baseline", "Print the baseline, or make a run the baseline."),
    "gate": ("eval_gate", "Stop a change of routing that makes answers worse."),
    "promote": ("eval_promote", "Say whether a provider may be proposed as primary."),
}


@click.group(
    name="eval",
    cls=LazyGroup,
    table=COMMANDS,
    epilog="""\b
Examples:
  tokenop eval run --dry-run
  tokenop eval run --tier T3 --provider groq
  tokenop eval gate --baseline main:templates/routing/default.yaml --candidate templates/routing/default.yaml
""",
)
def command() -> None:
    """Ask golden tasks, and hold a change of routing to what comes of them."""
