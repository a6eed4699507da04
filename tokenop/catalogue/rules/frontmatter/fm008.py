"""FM008: nothing is left to be written."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop.catalogue.rules import reading
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

# Capitals only where the word also means something: "to do" and "fix me" are English.
_LEFT = re.compile(
    r"\b(?:TODO|FIXME|TBD|XXX+)\b|\blorem ipsum\b|\[(?:insert|your|describe)\b[^\]\n]{0,60}\](?!\()"
    r"|<(?:insert|your|describe)\b[^>\n]{0,60}>",
    re.IGNORECASE,
)
_CAPITALS = re.compile(r"TODO|FIXME|TBD|X+\Z")
# Looked for first: nearly no file holds any of them, and the expression above is slow.
_WORDS = frozenset({b"todo", b"fixme", b"tbd", b"lorem", b"insert", b"your", b"describe"})
_SIGNS = (b"todo", b"fixme", b"tbd", b"lorem", b"[insert", b"[your", b"[describe", b"<insert", b"<your", b"<describe")


def _check(source: Source, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    view = reading.of(source).views[0]
    named = not _WORDS.isdisjoint(view.words) and any(sign in view.lowered for sign in _SIGNS)
    if not named and b"xxx" not in view.lowered:
        return
    for left in _LEFT.finditer(source.text):
        if left[0].isalpha() and not _CAPITALS.match(left[0]):
            continue
        field = "body" if left.start() >= source.body_start else "frontmatter"
        yield RULE.found(
            source, field, f"{left[0]!r} is a placeholder", "write what belongs there", place=source.place(left.start())
        )


RULE = Rule(
    "FM008",
    "warning",
    "text",
    what="No placeholders are left: TODO, TBD, FIXME, lorem ipsum, <your …>.",
    why="A template is applied by people who cannot ask what was meant.",
    how="Write what belongs there, or take it out.",
    check=_check,
    examples=(
        Example(wrong="title: TODO\n", right="title: Shorter prompts\n"),
        Example(wrong="Saves TBD.", right="Saves input tokens only.", given=(
            ("Saves input tokens only. It", "Saves input tokens only.\nIt"),)),
    ),
)  # fmt: skip
