"""SC003: no section is empty."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules import reading
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.catalogue.sections import SECTIONS, named
from tokenop.errors import Finding

# Headings and rules say nothing themselves, nor do comments.
_SAYS = re.compile(r"[^\W_]")
_SILENT = re.compile(r"^ {0,3}#{1,6}(?:[ \t][^\n]*)?$|^[ \t*_-]+$", re.MULTILINE)


def _empty(text: str) -> bool:
    first = text.split("\n", 1)[0]
    if _SAYS.search(first) and not first.startswith(("#", "<!--")):
        return False  # as nearly all
    return not _SILENT.sub("", reading.uncommented(text)).strip()


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    there = named(draft.document)
    for title in SECTIONS:
        section = there.get(title.casefold())
        if section and _empty(section.text):
            message, fix = f"section {title} is empty", "write at least a sentence"
            yield RULE.found(draft.document, "body", message, fix, place=(section.line, 1))


RULE = Rule(
    "SC003",
    "error",
    "template",
    what="No section is empty.",
    why="A heading is not an answer.",
    how="Write at least a sentence; where there is nothing to say, say why.",
    check=_check,
    examples=(
        Example(
            wrong="## Problem\n\n### Prompts\n",
            right="## Problem\n\nPrompts grow by a sentence with every incident, and nobody takes one out again.\n",
        ),
    ),
    structural=True,
)
