"""Where templates and the evidence about them stand."""

from __future__ import annotations

from pathlib import Path

from tokenop.catalogue.model import LAYERS

EVIDENCE = ("implementations.md", "reviews.md")
"""Files of `validations/<id>/` that people write; metrics.md beside them is computed."""


def find(root: Path) -> list[Path]:
    """Return the template files under `root`, sorted: those of its layer folders, or its own if it is one."""
    folders = [root] if root.name in LAYERS else [root / layer for layer in LAYERS]
    return sorted(path for folder in folders for path in folder.glob("*.md") if path.name != "README.md")


def repository(path: Path) -> Path | None:
    """Return the repository that the file at `path` is in (`templates/<layer>/` or `validations/<id>/`), if it is."""
    up = path.absolute().parents
    if len(up) < 3:
        return None
    of_template = up[0].name in LAYERS and up[1].name == "templates"
    return up[2] if of_template or up[1].name == "validations" else None
