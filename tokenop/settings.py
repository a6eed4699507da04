"""Where things are: the state folder, and the content (templates, collectors) that the engine works on."""

from __future__ import annotations

import os
import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent

CURRENT = "current"
_VERSION = re.compile(r"[0-9a-f]{12}-[0-9a-f]{8}\Z")


def home() -> Path:
    """Return the folder of local state: `$TOKENOP_HOME`, by default `~/.tokenop`. It may not exist yet."""
    configured = os.environ.get("TOKENOP_HOME")
    return Path(configured).expanduser() if configured else Path.home() / ".tokenop"


def content(kind: str) -> Path:
    """Return the folder of content, `kind` being `templates`, `collectors`, `validations` or `community`.

    A checkout is used in place, so that an edited template takes effect; else what `tokenop sync-templates` brought,
    where it did; else what the installed wheel carries.
    """
    if checkout() is None:
        synced = synced_folder()
        if synced is not None and (synced / kind).is_dir():
            return synced / kind
    return shipped(kind)


def shipped(kind: str) -> Path:
    """Return the folder of content that came with this program: of the checkout, or of the wheel."""
    here = checkout()
    if here is not None and (here / kind).is_dir():
        return here / kind
    return PACKAGE / "_content" / kind


def checkout() -> Path | None:
    """Return the checkout that this program runs from, None where it is installed."""
    here = PACKAGE.parent
    return here if (here / "pyproject.toml").is_file() and (here / "templates").is_dir() else None


def synced_folder() -> Path | None:
    """Return the folder of what `tokenop sync-templates` brought last, None where it never did."""
    state = home() / "templates"
    try:
        name = (state / CURRENT).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    folder = state / name
    return folder if _VERSION.match(name) and folder.is_dir() else None
