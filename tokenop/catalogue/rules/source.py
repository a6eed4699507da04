"""A contributed file as text: what the rules on text look at, also where the file does not parse."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.catalogue.rules.model import Place

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONTMATTER = re.compile(r"---[ \t]*\n.*?^---[ \t]*$\n?", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """A file's text, line ends as line feeds."""

    path: Path
    text: str

    @cached_property
    def body_start(self) -> int:
        """Return the offset of the first character after the frontmatter; 0 where there is none."""
        match = _FRONTMATTER.match(self.text)
        return match.end() if match else 0

    @property
    def body(self) -> str:
        """Return the markdown below the frontmatter."""
        return self.text[self.body_start :]

    def place(self, offset: int) -> Place:
        """Return line and column, from 1, of the character at `offset`."""
        return self.text.count("\n", 0, offset) + 1, offset - (self.text.rfind("\n", 0, offset) + 1) + 1

    def line(self, field_path: str) -> Place:  # noqa: ARG002
        """Return the first place of the file: text has no fields."""
        return 1, 1

    @cached_property
    def tokens(self) -> list[Token]:
        """Return the body as CommonMark tokens with tables. Takes milliseconds: look at the text first."""
        from markdown_it import MarkdownIt

        return MarkdownIt("commonmark").enable("table").parse(self.body)
