"""Which routing config a command works on: the named one, or the shipped one with the project's files over it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

PROJECT = (Path("tokenop/router.yaml"), Path("tokenop/cache.yaml"))

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Routing config, or a project's router.yaml. [default: the shipped one, with tokenop/router.yaml over it]",
)
overlay_option = click.option(
    "--overlay",
    "overlays",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A project's file to lay over the config. Repeat; the last is on top.",
)


def chosen(config: Path | None, overlays: Sequence[Path] = ()) -> tuple[Path, tuple[Path, ...]]:
    """Return the config and the files over it.

    Raises:
        InputError: a file that is named cannot be read.
    """
    from tokenop import routing
    from tokenop.routing.layers import is_overlay

    if config is None:
        return shown(routing.shipped()), (*(overlays or project()),)
    if is_overlay(config):
        return shown(routing.shipped()), (config, *overlays)
    return config, tuple(overlays)


def project() -> tuple[Path, ...]:
    """Return the files of the project in the working directory that lie over a config."""
    return tuple(path for path in PROJECT if path.is_file())


def shown(path: Path) -> Path:
    """Return a path as people write it: relative where it lies in the working directory."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
