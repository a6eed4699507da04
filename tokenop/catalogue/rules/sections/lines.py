"""Offsets of lines in a document's text."""

from __future__ import annotations

from tokenop.documents import Document


def offset(document: Document, line: int) -> int:
    """Return the offset at which line `line` (from 1) begins; the end of the text where there are fewer lines."""
    at = 0
    for _ in range(line - 1):
        at = document.text.find("\n", at) + 1
        if not at:
            return len(document.text)
    return at
