"""Where things are: the state folder, and the content (templates, collectors) that the engine works on."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def home() -> Path:
    """Return the folder of local state: `$TOKENOP_HOME`, by default `~/.tokenop`. It may not exist yet."""
    configured = os.environ.get("TOKENOP_HOME")
    return Path(configured).expanduser() if configured else Path.home() / ".tokenop"


def content(kind: str) -> Path:
    """Return the folder of shipped content, `kind` being `templates` or `collectors`.

    A checkout is used in place, so that an edited template takes effect; an installed wheel carries its own copy.
    """
    checkout = PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / kind).is_dir():
        return checkout / kind
    return PACKAGE / "_content" / kind
