"""What the rules on text see in a file: its rare characters, its words, its fences, and what escapes hide in it.

All of it is found by plain look-ups in well under a millisecond, because every rule on text runs on every file.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice

from tokenop.catalogue.rules.characters import INVISIBLE, plain
from tokenop.catalogue.rules.model import Place, Rule
from tokenop.catalogue.rules.source import Source
from tokenop.errors import Finding

MOST = 100
"""Findings of one rule in one file: more help nobody, and a hostile file must not make them dear."""

_COMMON = bytes((*range(0x20, 0x7F), 0x09, 0x0A))
_LETTERS = bytes(byte if chr(byte).isalnum() and byte < 0x80 else 0x20 for byte in range(256))
_ESCAPED = re.compile(
    r"\\{1,9}(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})|\\\n[ \t]*|\\[tnr]"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
)
_INDENTED = re.compile(r"\n[ \t>]*\n[ >]{0,12}(?: {4}|\t)")
_SHORT = {"t": "\t", "n": "\n", "r": "\r"}
_MARKER = re.compile(r"(`{3,}|~{3,})([^\n]*)")
_BEFORE = re.compile(r"[ \t>]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)*[ \t>]*\Z")


@dataclass(frozen=True)
class View:
    """The text as somebody reads it. `pieces` maps offsets in it to the file's: (here, in the file), ascending."""

    text: str
    pieces: tuple[tuple[int, int], ...] = ()

    @cached_property
    def lowered(self) -> bytes:
        """Return the text as UTF-8, ASCII letters in small ones: look-ups in bytes are the quickest."""
        return self.text.encode("utf-8", "surrogatepass").lower()

    @cached_property
    def words(self) -> frozenset[bytes]:
        """Return the runs of ASCII letters and digits, in small letters."""
        return frozenset(self.lowered.translate(_LETTERS).split())

    def starts(self, words: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
        """Yield each place in `lowered` where one of these words begins."""
        for word in words:
            if word in self.words:
                at = self.lowered.find(word)
                while at >= 0:
                    if not self.lowered[at - 1 : at].isalnum() or not at:
                        yield word, at
                    at = self.lowered.find(word, at + len(word))

    def at_byte(self, offset: int) -> int:
        """Return the offset in the file of the character at byte `offset` of `lowered`."""
        return self.at(len(self.lowered[:offset].decode("utf-8", "surrogatepass")))

    def at(self, offset: int) -> int:
        """Return the offset in the file of the character at `offset` of this view."""
        if not self.pieces:
            return offset
        here, there = self.pieces[max(bisect_right(self.pieces, (offset, 1 << 60)) - 1, 0)]
        return there + offset - here


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: offsets of its first line, of its info string and of its content, and the info string."""

    start: int
    info_at: int
    info: str
    content: int
    end: int
    flush: bool  # begins and ends at the beginning of a line, so that nothing else can be meant by it


@dataclass(frozen=True)
class Reading:
    """A file's text and what is cheap to know of it."""

    text: str

    @cached_property
    def body_start(self) -> int:
        """Return the offset of the first character after the frontmatter; 0 where there is none."""
        if not self.text.startswith("---"):
            return 0
        first = self.text.find("\n")
        if first < 0 or self.text[3:first].strip(" \t"):
            return 0
        at = self.text.find("\n---", first)
        while at >= 0:
            end = self.text.find("\n", at + 1)
            end = len(self.text) if end < 0 else end
            if not self.text[at + 4 : end].strip(" \t"):
                return min(end + 1, len(self.text))
            at = self.text.find("\n---", at + 1)
        return 0

    @cached_property
    def rare(self) -> frozenset[str]:
        """Return all characters but printable ASCII, tabs and line feeds."""
        left = self.text.encode("utf-8", "surrogatepass").translate(None, _COMMON)
        return frozenset(left.decode("utf-8", "surrogatepass"))

    @property
    def lowered(self) -> bytes:
        """Return the text as UTF-8, ASCII letters in small ones."""
        return self.views[0].lowered

    @cached_property
    def views(self) -> tuple[View, ...]:
        """Return the text, and where it hides something also what it says once that is decoded.

        Decoded are escapes of YAML and JSON in the frontmatter, character references, and letters of other shapes;
        invisible characters are left out.
        """
        raw = View(self.text)
        pattern = self._hiding
        if pattern is None:
            return (raw,)
        parts: list[str] = []
        pieces = [(0, 0)]
        length = last = 0
        for match in pattern.finditer(self.text):
            said = self.decoded(match)
            if said == match[0]:
                continue
            before = self.text[last : match.start()]
            parts += (before, said)
            length += len(before)
            pieces.append((length, match.start()))
            length += len(said)
            last = match.end()
            pieces.append((length, last))
        if not parts:
            return (raw,)
        return raw, View("".join((*parts, self.text[last:])), tuple(pieces))

    @property
    def _hiding(self) -> re.Pattern[str] | None:
        """Return what must be decoded; None where nothing can be hidden."""
        escapes = self.text.find("\\", 0, self.body_start) >= 0 or "&" in self.text
        strange = "".join(sorted(character for character in self.rare if plain(character) != character))
        if not escapes and not strange:
            return None
        return re.compile(f"{_ESCAPED.pattern}|[{re.escape(strange)}]") if strange else _ESCAPED

    def decoded(self, match: re.Match[str]) -> str:
        """Return what an escape, a character reference or a strange character stands for."""
        if match[0][0] not in "&\\":
            return plain(match[0])
        return "".join(plain(character) for character in self._meant(match))

    def _meant(self, match: re.Match[str]) -> str:
        text = match[0]
        if text[0] == "&":
            return html.unescape(text)
        if match.start() >= self.body_start:
            return text  # in prose a backslash is a backslash
        if text[1] == "\n":
            return ""
        if text[1:] in _SHORT:
            return _SHORT[text[1:]]
        number = int(text.lstrip("\\")[1:], 16)
        return chr(number) if number < 0x110000 else text

    def escapes(self) -> Iterator[tuple[int, int, str]]:
        """Yield offset, end and character of each escape and character reference for one character."""
        if "&" not in self.text and self.text.find("\\", 0, self.body_start) < 0:
            return
        for match in _ESCAPED.finditer(self.text):
            said = self._meant(match)
            if len(said) == 1:
                yield match.start(), match.end(), said

    @cached_property
    def fences(self) -> tuple[Fence, ...]:
        """Return the body's fenced blocks, in order, also those in lists and quotes."""
        found: list[Fence] = []
        marks = _Marks(self.text, self.body_start)
        while (place := marks.next()) >= 0:
            start = self.text.rfind("\n", 0, place) + 1
            opening = _MARKER.match(self.text, place)
            fenced = opening and (opening[1][0] == "~" or "`" not in opening[2])
            if not opening or not fenced or place - start > _DEEPEST or not _BEFORE.match(self.text[start:place]):
                line_end = self.text.find("\n", place)
                marks.at = len(self.text) if line_end < 0 else line_end
                continue
            content = min(opening.end() + 1, len(self.text))
            end, marks.at, closed_flush = self._closing(content, opening[1][0], len(opening[1]))
            flush = start == place and closed_flush
            found.append(Fence(start, opening.start(2), opening[2].strip(), content, end, flush))
        return tuple(found)

    def _closing(self, at: int, fill: str, length: int) -> tuple[int, int, bool]:
        """Return the end of the content, where to go on, and whether the closing line begins with its marker."""
        text = self.text
        place = text.find(fill * length, at)
        while place >= 0:
            start = text.rfind("\n", 0, place) + 1
            line_end = text.find("\n", place)
            line_end = len(text) if line_end < 0 else line_end
            if not text[start:place].strip(" \t>") and not text[place:line_end].lstrip(fill).strip(" \t"):
                return start, line_end, start == place
            place = text.find(fill * length, line_end)
        return len(text), len(text), True

    @cached_property
    def indented(self) -> bool:
        """Return whether the body may have code that is indented, not in a fence."""
        text, start = self.text, self.body_start
        if text.find("\n    ", start) < 0 and text.find("\t", start) < 0:
            return False
        return _INDENTED.search(text, start) is not None

    @cached_property
    def prose(self) -> tuple[tuple[int, int], ...]:
        """Return where the body is no fenced block of which nobody can doubt that it is one: offsets from and to."""
        at, found = self.body_start, []
        for fence in self.fences:
            if fence.flush:
                found.append((at, fence.content))
                at = fence.end
        return (*found, (at, len(self.text)))

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def line(self, offset: int) -> int:
        """Return the number of the line, from 0, of the character at `offset`."""
        return bisect_right(self._line_starts, offset) - 1

    def line_at(self, line: int) -> int:
        """Return the offset at which line `line` (from 0) begins."""
        return self._line_starts[min(line, len(self._line_starts) - 1)]

    def place(self, offset: int) -> Place:
        """Return line and column, from 1, of the character at `offset`."""
        line = self.line(offset)
        return line + 1, offset - self._line_starts[line] + 1

    def found(self, rule: Rule, source: Source, said: Iterator[tuple[int, str, str]]) -> Iterator[Finding]:
        """Yield a finding for each distinct (offset, message, fix), at most `MOST`."""
        seen: set[tuple[int, str]] = set()
        for offset, message, fix in islice((one for one in said if one[:2] not in seen), MOST):
            seen.add((offset, message))
            field = "frontmatter" if offset < self.body_start else "body"
            yield rule.found(source, field, message, fix, place=self.place(offset))


class _Marks:
    """The places at which a fence could open or close, from `at` on. Each is looked for once."""

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at
        self.ahead = {fill: text.find(fill, at) for fill in ("```", "~~~")}

    def next(self) -> int:
        """Return the next place; -1 where there is none."""
        for fill, place in self.ahead.items():
            if 0 <= place < self.at:
                self.ahead[fill] = self.text.find(fill, self.at)
        return min((place for place in self.ahead.values() if place >= 0), default=-1)


def uncommented(text: str) -> str:
    """Return `text` without comments of HTML; what follows one that is not closed is left out."""
    parts, at = [], 0
    while (start := text.find("<!--", at)) >= 0:
        parts.append(text[at:start])
        end = text.find("-->", start + 4)
        at = len(text) if end < 0 else end + 3
    return "".join((*parts, text[at:]))


_DEEPEST = 200  # columns before a fence: deeper ones are no fence, and long lines must not be read again and again


@lru_cache(maxsize=4)
def of(source: Source) -> Reading:
    """Return the reading of a file; that of the last files is kept, as many rules ask for it."""
    return Reading(source.text)


__all__ = ["INVISIBLE", "MOST", "Fence", "Reading", "View", "of"]
