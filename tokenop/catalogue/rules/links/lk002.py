"""LK002: links are encrypted, and lead to what they led to when they were written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from tokenop.catalogue.rules import reading
from tokenop.catalogue.rules.links.external import external
from tokenop.catalogue.rules.model import Edit, Example, Rule
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_LOCAL = re.compile(
    r"(?:localhost|127\.|0\.0\.0\.0|\[::1\]|host\.docker\.internal|[^./]+(?:[:/]|\Z)|[^/]*\.(?:test|local|internal)\b)",
    re.IGNORECASE,
)
_MOVING = re.compile(
    r"https?://(?:www\.)?(?:github\.com/[^/\s]+/[^/\s]+/(?:blob|tree|raw|blame)/|raw\.githubusercontent\.com/[^/\s]+/[^/\s]+/"
    r"|gitlab\.com/[^\s]+?/-/(?:blob|tree|raw)/)(?:refs/heads/)?(?P<at>[^/\s#?]+)",
    re.IGNORECASE,
)
_FIXED = re.compile(r"[0-9a-f]{40}\Z|v?[0-9]+(?:[.-][0-9A-Za-z]+)+\Z|refs\Z")


def _open(url: str) -> bool:
    return url[:7].lower() == "http://" and not _LOCAL.match(url[7:])


def _moves(url: str) -> bool:
    match = _MOVING.match(url)
    return match is not None and not _FIXED.match(match["at"])


def _minded(url: str) -> bool:
    return _open(url) or _moves(url)


def _check(source: Source, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    yield from reading.of(source).found(RULE, source, _said(source))


def _said(source: Source) -> Iterator[tuple[int, str, str]]:
    for url, offset in external(source, _minded):
        host = urlsplit(url).hostname or ""
        if _open(url):
            yield offset, f"a link to {host[:80]} is not encrypted", "write https://"
        if _moves(url):
            yield (
                offset,
                f"a link to {host[:80]} names a branch, whose text changes",
                "press y on the page: it gives the address of a commit",
            )


def _fix(source: Source, around: Surroundings) -> Iterator[Edit]:  # noqa: ARG001
    done = set()
    for _, offset in external(source, _open):
        at = source.text.lower().find("http://", offset)
        if at >= 0 and at not in done:
            done.add(at)
            yield Edit(at + 4, at + 4, "s")


RULE = Rule(
    "LK002",
    "warning",
    "text",
    what="Links use https, and links into code name a commit or a release.",
    why="An open connection can be changed on its way; a branch says something else next month.",
    how="Write https (`--fix` does), and take the permanent link of the page.",
    check=_check,
    fix=_fix,
    examples=(
        Example(
            wrong="<http://platform.claude.com/docs/en/build-with-claude/token-counting>",
            right="<https://platform.claude.com/docs/en/build-with-claude/token-counting>",
        ),
    ),
)
