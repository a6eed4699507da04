"""A contributed file as text: what the rules on text look at, also where the file does not parse."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tokenop import documents
from tokenop.catalogue.rules.model import Place

if TYPE_CHECKING:
    from markdown_it.token import Token

    from tokenop.catalogue.draft import Draft
    from tokenop.errors import Finding

_FRONTMATTER = re.compile(r"---[ \t]*\n.*?^---[ \t]*$\n?", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """A file's text, line ends as line feeds.

    `raw` holds the file's bytes, `text` as much of them as can be decoded; `unreadable` says why there are none.
    """

    path: Path
    text: str
    raw: bytes | None = None
    kind: Literal["template", "evidence"] = "template"
    unreadable: str = ""

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

    def offset(self, place: Place) -> int:
        """Return the offset of the character at line and column `place`; the end of the text where it has none."""
        at = 0
        for _ in range(place[0] - 1):
            at = self.text.find("\n", at) + 1
            if not at:
                return len(self.text)
        return min(at + place[1] - 1, len(self.text))

    def line(self, field_path: str) -> Place:  # noqa: ARG002
        """Return the first place of the file: text has no fields."""
        return 1, 1

    @cached_property
    def tokens(self) -> list[Token]:
        """Return the body as CommonMark tokens with tables. Takes milliseconds: look at the text first."""
        from markdown_it import MarkdownIt

        return MarkdownIt("commonmark").enable("table").parse(self.body)

    @property
    def draft(self) -> Draft | None:
        """Return the template that this file is; None where it does not parse."""
        return self._parsed[0]

    @property
    def refused(self) -> tuple[Finding, ...]:
        """Return what is wrong with the frontmatter's YAML (rule FM001 of every strict document)."""
        return self._parsed[1]

    def known(self, draft: Draft | None, refused: tuple[Finding, ...]) -> None:
        """Take what another process read in this very text, so that it need not be parsed again."""
        self.__dict__["_parsed"] = draft, refused

    def __reduce__(self) -> tuple[object, ...]:
        """Send no more than the bytes to another process."""
        return Source, (self.path, self.text, self.raw, self.kind, self.unreadable)

    @cached_property
    def _parsed(self) -> tuple[Draft | None, tuple[Finding, ...]]:
        from tokenop.catalogue import schema
        from tokenop.catalogue.draft import drafted
        from tokenop.errors import FindingsError

        if self.unreadable or self.kind != "template":
            return None, ()
        try:
            document = documents.parse(self.path, self.text.encode() if self.raw is None else self.raw)
        except FindingsError as error:
            return None, error.findings
        return drafted(document, schema.check(document)), ()


def read(path: Path, kind: Literal["template", "evidence"] = "template") -> Source:
    """Return the file at `path`. One that is no regular file, too large or closed to us is `unreadable`, with why.

    A link is not followed: it could lead to any file of the machine, and findings quote what they find.
    """
    try:
        if path.is_symlink():
            return Source(path, "", b"", kind, "is a link")
        if not path.is_file():
            return Source(path, "", b"", kind, "is not a regular file")
        with path.open("rb") as file:
            raw = file.read(_most(kind) + 1)
    except OSError as error:
        return Source(path, "", b"", kind, f"cannot be read: {error.strerror or error}")
    return source(path, raw, kind)


def source(path: Path, raw: bytes, kind: Literal["template", "evidence"] = "template") -> Source:
    """Return a file whose bytes are known; `path` is where it stands, or would stand."""
    if len(raw) > _most(kind):
        return Source(path, "", b"", kind, f"is larger than {_most(kind) // 1024} KB")
    return Source(path, raw.decode("utf-8", errors="replace").replace("\r\n", "\n"), raw, kind)


def _most(kind: Literal["template", "evidence"]) -> int:
    if kind == "template":
        return documents.MAX_BYTES
    from tokenop.evidence.read import MAX_BYTES  # reports are appended to for years

    return MAX_BYTES
