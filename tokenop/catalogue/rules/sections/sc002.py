"""SC002: sections are in order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Edit, Example, Rule
from tokenop.catalogue.rules.sections import lines
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.catalogue.sections import SECTIONS, Section, named
from tokenop.errors import Finding


def _present(draft: Draft) -> list[Section]:
    """Return the sections that have a place, in the order in which they should stand."""
    there = named(draft.document)
    return [there[title.casefold()] for title in SECTIONS if title.casefold() in there]


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    for before, after in pairwise(_present(draft)):
        if after.line < before.line:
            message = f"section {after.title} stands before {before.title}"
            fix = "order: " + " · ".join(SECTIONS)
            yield RULE.found(draft.document, "body", message, fix, place=(after.line, 1))


def _fix(draft: Draft, around: Surroundings) -> Iterator[Edit]:  # noqa: ARG001
    wanted = _present(draft)
    standing = sorted(wanted, key=lambda section: section.line)
    document = draft.document
    end = len(document.text.rstrip())
    for place, section in zip(standing, wanted, strict=True):
        if place is section:
            continue
        # What has no place in the order (a section of one's own) stays where it is: places are filled anew.
        start, stop = (min(lines.offset(document, line), end) for line in (place.line, place.last))
        first, last = (min(lines.offset(document, line), end) for line in (section.line, section.last))
        gap = document.text[len(document.text[:stop].rstrip()) : stop] or "\n"
        yield Edit(start, stop, document.text[first:last].rstrip() + (gap if stop < end else ""))


RULE = Rule(
    "SC002",
    "warning",
    "template",
    what="Sections are in order.",
    why="Readers find the same answers in the same place.",
    how="Move the section; `--fix` moves it with all that is in it.",
    check=_check,
    fix=_fix,
    examples=(
        Example(
            wrong="## Economics\n\nSaves input tokens.\n\n## Implementation\n\nDelete, test, commit.\n",
            right="## Implementation\n\nDelete, test, commit.\n\n## Economics\n\nSaves input tokens.\n",
            given=(
                ("\n1. Take the longest prompt: `tokenop profile` names it.\n", "\n"),
                ("\n2. Delete, test, commit:\n", "\nDelete, test, commit.\n"),
                ("\n```yaml\nprompts:\n  trim_boilerplate: true\n```\n", ""),
                ("Saves input tokens only. It costs a day of work, and USD 20 a month for running the tests again.\n",
                 "Saves input tokens.\n"),
            ),
        ),
    ),
)  # fmt: skip
