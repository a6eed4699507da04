"""Diffs as people read them in a terminal: coloured, and with everything invisible made visible."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = (("--- ", "bold"), ("+++ ", "bold"), ("@@ ", "cyan"), ("+", "green"), ("-", "red"))
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str) -> str:
    """Return one line with its control characters, and those that turn or hide text, as `<U+202E>`."""
    if text.isprintable():
        return text
    return "".join(
        f"<U+{ord(character):04X}>" if character != "\t" and unicodedata.category(character) in _UNSEEN else character
        for character in text
    )


def styled(diff: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of a unified diff, each fit to be shown, with the style of rich that tells what it does."""
    for line in diff.removesuffix("\n").split("\n") if diff else ():
        yield visible(line), next((style for start, style in _STYLES if line.startswith(start)), "")


def show(console: Console, diff: str) -> None:
    """Print a unified diff."""
    from rich.text import Text

    for line, style in styled(diff):
        # Not as markup, and not wrapped: what is shown can be copied.
        console.print(Text(line, style=style), soft_wrap=True, highlight=False)
