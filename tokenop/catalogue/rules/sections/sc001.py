"""SC001: the body has every section."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Edit, Example, Rule
from tokenop.catalogue.rules.sections import lines
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.catalogue.sections import SECTIONS, named
from tokenop.errors import Finding


def _missing(draft: Draft) -> list[str]:
    there = named(draft.document)
    return [title for title in SECTIONS if title.casefold() not in there]


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    document = draft.document
    for title in _missing(draft):
        last = document.body_line + document.body.count("\n")
        fix = f"add a heading `## {title}` with at least a sentence"
        yield RULE.found(document, "body", f"section {title} is missing", fix, place=(last, 1))


def _fix(draft: Draft, around: Surroundings) -> Iterator[Edit]:  # noqa: ARG001
    document, there = draft.document, named(draft.document)
    stubs: dict[int, list[str]] = {}
    end = len(document.text.rstrip())
    for title in _missing(draft):
        later = [name.casefold() for name in SECTIONS[SECTIONS.index(title) + 1 :]]
        before = next((there[name] for name in later if name in there), None)
        at = lines.offset(document, before.line) if before else end
        stubs.setdefault(at, []).append(f"## {title}\n\nTODO: write this section.\n")
    for at, texts in stubs.items():
        text = "\n".join(texts)
        yield Edit(at, at, f"\n\n{text}".rstrip() if at == end else f"{text}\n")


RULE = Rule(
    "SC001",
    "error",
    "template",
    what="The body has every section.",
    why="Readers find the same answers in the same place.",
    how="Add the heading and at least a sentence; `--fix` adds a stub to be filled in.",
    check=_check,
    fix=_fix,
    examples=(
        Example(wrong="## The money", right="## Economics"),
        Example(wrong="## Links", right="## References"),
    ),
    structural=True,
)
