"""Reading a routing config."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenop import settings
from tokenop.errors import FindingsError
from tokenop.routing import building, layers
from tokenop.routing.layers import Layers
from tokenop.routing.model import RoutingConfig


def shipped() -> Path:
    """Return the routing config that holds where nobody names another."""
    return settings.content("templates") / "routing" / "default.yaml"


def load(path: Path, overlays: Sequence[Path] = ()) -> RoutingConfig:
    """Return the routing config at `path`, with the files of a project laid over it, the last on top.

    Raises:
        FindingsError: anything wrong in any of the files, all findings at once.
        InputError: a file cannot be read.
    """
    return load_layers(path, overlays)[0]


def load_layers(path: Path, overlays: Sequence[Path] = ()) -> tuple[RoutingConfig, Layers]:
    """Return the same with the files as they stand, for whoever tells where something is written.

    Raises:
        FindingsError: anything wrong in any of the files, all findings at once.
        InputError: a file cannot be read.
    """
    read = layers.read(path, overlays)
    config, findings = building.build(read)
    if config is None:
        raise FindingsError(sorted(findings))
    return config, read
