"""LK003: what is linked to is still there. Asked once a week, by the bot, as it needs the network."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from tokenop.catalogue.rules import reading
from tokenop.catalogue.rules.links.external import external
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(source: Source, around: Surroundings) -> Iterator[Finding]:
    """Yield the addresses that `around.dead` says do not answer: what asks them is the weekly bot."""
    yield from reading.of(source).found(RULE, source, _said(source, around))


def _said(source: Source, around: Surroundings) -> Iterator[tuple[int, str, str]]:
    for url, offset in external(source, around.dead.get):
        host = urlsplit(url).hostname or "a host"
        yield offset, f"a page of {host[:80]} is gone: {around.dead[url][:80]}", "find where it went, or another source"


_URL = "https://platform.claude.com/docs/en/build-with-claude/token-counting"

RULE = Rule(
    "LK003",
    "warning",
    "text",
    what="Pages that are linked to still answer.",
    why="A figure whose source is gone cannot be checked.",
    how="Find where the page went, or take another source; an archived copy will do.",
    check=_check,
    weekly=True,
    examples=(
        Example(
            wrong="https://platform.claude.com/docs/en/gone",
            right=_URL,
            around={"dead": {"https://platform.claude.com/docs/en/gone": "404"}},
        ),
    ),
)
