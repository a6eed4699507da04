"""A group of commands that imports a command's module only when that command runs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """A group whose `--help` imports none of its commands."""

    def __init__(self, *words: Any, table: Mapping[str, tuple[str, str]], **options: Any) -> None:
        """Take the commands: name → module of `tokenop.cli` and one-line help, in the order of the workflow."""
        super().__init__(*words, **options)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order of the workflow."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command; None where there is none."""
        if cmd_name not in self.table:
            return None
        command: click.Command = importlib.import_module(f"tokenop.cli.{self.table[cmd_name][0]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.table.items()])
