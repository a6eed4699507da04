"""Saying which templates a command works on, where that may not be what somebody expects."""

from __future__ import annotations

from pathlib import Path

import click


def tell(templates_dir: Path | None = None) -> None:
    """Say on stderr where templates come from that neither the command line names nor the program brought."""
    from tokenop import settings

    if templates_dir is None and settings.content("templates") != settings.shipped("templates"):
        from tokenop.applying.showing import visible
        from tokenop.applying.sync import run

        click.echo(f"note: using {visible(run.used())}", err=True)
