"""What the rules on prose need: a section's text with its place, the numbered steps in it, and what is no prose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tokenop.catalogue import sections
from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Place
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.sections import Section
from tokenop.documents import Document

_STEP = re.compile(r"^ {0,3}[0-9]+[.)] +(.*(?:\n(?!\s*\n| {0,3}[0-9]+[.)] ).*)*)", re.MULTILINE)
_CODE = re.compile(r"^ {0,3}(```|~~~).*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)|`[^`\n]*`", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """A section of the body, and where in the file it stands. Places are worked out only for what is found."""

    document: Document
    section: Section

    @property
    def text(self) -> str:
        """Return the text below the heading."""
        return self.section.text

    @property
    def heading(self) -> Place:
        """Return the place of the heading."""
        return self.section.line, 1

    def place(self, offset: int) -> Place:
        """Return line and column of a character of `text`."""
        lines = self.document.text.split("\n")
        first = self.section.line + 1  # lines count from 1, so that this is the line after the heading
        while first < len(lines) and not lines[first - 1].strip():
            first += 1
        indent = len(lines[first - 1]) - len(lines[first - 1].lstrip()) if "\n" not in self.text[:offset] else 0
        column = offset - (self.text.rfind("\n", 0, offset) + 1) + 1
        return first + self.text.count("\n", 0, offset), column + indent


def section(draft: Draft, title: str) -> Part | None:
    """Return a section with something in it; None where there is none, which is another rule's finding."""
    found = sections.named(draft.document).get(title.casefold())
    return Part(draft.document, found) if found and found.text else None


def place(draft: Draft, offset: int) -> Place:
    """Return line and column of a character of the file."""
    return Source(draft.document.path, draft.document.text).place(offset)


def prose(text: str) -> str:
    """Return `text` with code blanked out, character for character, so that offsets stay."""
    return _CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text) if "`" in text or "~~~" in text else text


def steps(text: str) -> tuple[str, ...]:
    """Return the numbered steps of a section, each with the lines that continue it."""
    return tuple(found[1] for found in _STEP.finditer(text))


def sentences(text: str, start: int = 0) -> Iterator[tuple[int, str]]:
    """Yield sentences, list items and table cells, each with its offset; a full stop in a number is none."""
    for found in re.finditer(r"(?:[^.;:!?|\n]|[.:](?=[^\s])|\n(?![ \t]*(?:\n|[-*|]|[0-9]+[.)] )))+", text):
        yield start + found.start(), found[0]
