"""Words for markdown pages: other people's text made harmless, numbers with what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tokenop.planning.text import visible

# What would be markup, an entity, a mention, a reference or a link in a cell.
_MARKUP = re.compile(r"[\\`*_{}\[\]<>|@#&~$]")
_LINK = re.compile(r"(?i)\b(https?|ftp|mailto|www)(?=[:.])")
LONGEST = 200


def cell(text: object, longest: int = LONGEST) -> str:
    """Return text fit for one cell of a markdown table: one line, no markup, mention, reference or link of its own."""
    flat = " ".join(visible(str(text)).split())
    flat = flat if len(flat) <= longest else flat[: longest - 2] + " …"
    # An entity is shown as its sign and is no markup; a joiner after the scheme keeps an address from becoming a link.
    return _LINK.sub("\\1\N{WORD JOINER}", _MARKUP.sub(lambda sign: f"&#{ord(sign[0])};", flat))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a markdown table. A heading that ends in `#` is that of a column of numbers."""
    ends = ["---:" if name.endswith("#") else "---" for name in head]
    names = [name.removesuffix("#").strip() for name in head]
    lines = [f"| {' | '.join(names)} |", f"|{'|'.join(ends)}|"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number and its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
