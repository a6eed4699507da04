"""`tokenop eval`: ask golden tasks, and hold a change of routing to what comes of them."""

from __future__ import annotations

import importlib

import click

# name → (module, one-line help), as in `tokenop.cli.main`: `--help` imports none of them.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("eval_run", "Ask the golden tasks and write what came of them."),
    "show": ("eval_show", "Show a run: passes, cost and latency by tier and engine."),
    "baseline": ("eval_baseline", "Print the baseline, or make a run the baseline."),
    "gate": ("eval_gate", "Stop a change of routing that makes answers worse."),
    "promote": ("eval_promote", "Say whether a provider may be proposed as primary."),
}


class LazyGroup(click.Group):
    """A group that imports a subcommand's module only when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order of the workflow."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a subcommand; None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"tokenop.cli.{COMMANDS[cmd_name][0]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    name="eval",
    cls=LazyGroup,
    epilog="""\b
Examples:
  tokenop eval run --dry-run
  tokenop eval run --tier T3 --provider groq
  tokenop eval gate --baseline main:templates/routing/default.yaml --candidate templates/routing/default.yaml
""",
)
def command() -> None:
    """Ask golden tasks, and hold a change of routing to what comes of them."""
