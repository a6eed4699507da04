"""ID007: the file is a regular file of bounded size with a plain name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9-]*\.md\Z")


def _check(source: Source, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    if source.unreadable:
        fix = "shorten it" if "larger" in source.unreadable else "make it a readable file"
        yield RULE.found(source, "file", source.unreadable, fix)
    if not _PLAIN_NAME.match(source.path.name):
        yield RULE.found(source, "file", f"{source.path.name[:80]!r} is an unusual file name", "name it <id>.md")


RULE = Rule(
    "ID007",
    "error",
    "text",
    what="The file is a regular file, no link, of at most 256 KB, and has a plain name.",
    why="A link could point anywhere, a huge file stops every reader, and odd names break scripts.",
    how="Name it <id>.md in small letters, digits and hyphens.",
    check=_check,
    examples=(
        Example(wrong="", right="", path="templates/application-layer/Shorter Prompts.md"),
        Example(wrong="Prompts grow" + " and grow" * 30_000, right="Prompts grow"),
    ),
    structural=True,
)
