"""FM001: frontmatter is strict YAML."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.rules.frontmatter.refused import is_plain_date
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(source: Source, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    for refused in source.refused:
        if not is_plain_date(source, refused):
            yield refused


RULE = Rule(
    "FM001",
    "error",
    "text",
    what="Frontmatter is strict YAML: one mapping, no key twice, no anchors, aliases or tags, no ambiguous words.",
    why="YAML parsers disagree on the rest, a repeated key silently wins, and aliases can explode.",
    how="Write plain keys and values; quote what could be read as something else.",
    check=_check,
    examples=(
        Example(wrong="title: Shorter prompts\ntitle: Short", right="title: Shorter prompts"),
        Example(wrong="authors: &us [tokenop]", right="authors: [tokenop]"),
        Example(wrong="category: yes", right='category: "yes"', given=(("category: prompting", 'category: "yes"'),)),
    ),
    structural=True,
)
