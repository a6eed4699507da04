"""Links and raw HTML of a file's body: first by a look at the text; only where that is not enough, as CommonMark.

The look finds every link and every tag that CommonMark could find, and some that are none (in code, say). So a rule
asks for what it minds: where the look finds nothing of that kind, nothing is parsed, which is so for nearly every file.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Literal

from tokenop.catalogue.rules import reading
from tokenop.catalogue.rules.source import Source

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

_OPENING = re.compile(r"<(?=[A-Za-z/!?])")
_AUTOLINK = re.compile(r"<(https?://[^\s<>]*)>")
_INLINE = re.compile(r"\]\(")
_PLAIN = re.compile(r"\]\(([^\s()<>\\&]*)\)")
_BARE = re.compile(r"https?://[^\s<>\"'`\])|]*")
_ANY_BARE = re.compile(_BARE.pattern, re.IGNORECASE)
_IMAGE = re.compile(r"!\[")
_TRAILING = ".,;:!?*_~"

_DEEPEST = 1_000  # columns before the text of a cell or a quoted line

HARD = 20_000
"""Brackets, stars and the like beyond which a body is not parsed: no page for people has as many."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where something leads: address as written but for escapes, and offset of the construct in the file."""

    kind: Literal["link", "image", "autolink", "definition", "bare"]
    href: str
    offset: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Raw:
    """Raw HTML in the body, or a block of code without a fence, with the offset in the file."""

    kind: Literal["html", "code"]
    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class Block:
    """A fence as CommonMark sees it: the number of its first line from 0, and its info string."""

    line: int
    info: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What CommonMark finds."""

    links: tuple[Link, ...]
    raw: tuple[Raw, ...]
    fences: tuple[Block, ...]


def links(source: Source, minded: Callable[[Link], object]) -> list[Link]:
    """Return the links that are `minded`, in the order of the file."""
    cheap = glanced(source)
    if cheap is not None and not any(minded(link) for link in cheap):
        return []
    return [link for link in parsed(source).links if minded(link)]


def raw(source: Source) -> Sequence[Raw]:
    """Return the raw HTML of the body."""
    return parsed(source).raw if glanced(source) is None else ()


@lru_cache(maxsize=4)
def glanced(source: Source) -> tuple[Link, ...] | None:
    """Return all links, and some that are none; None where only parsing can tell what there is."""
    read = reading.of(source)
    text, found = read.text, []
    bare = _BARE if read.lowered.count(b"http") == text.count("http") else _ANY_BARE
    for start, end in read.prose:
        if text.find("]:", start, end) >= 0 or text.find("][", start, end) >= 0:
            return None
        for match in _OPENING.finditer(text, start, end):
            simple = _AUTOLINK.match(text, match.start(), end)
            if simple is None:
                return None
            found.append(Link("autolink", simple[1], match.start()))
        for match in _INLINE.finditer(text, start, end):
            plain = _PLAIN.match(text, match.start(), end)
            if plain is None or text.find("![", start, end) >= 0:
                return None
            found.append(Link("link", plain[1], match.start()))
        found += (Link("bare", _bare(match), match.start()) for match in bare.finditer(text, start, end))
    return tuple(found)


def _bare(match: re.Match[str]) -> str:
    return match[0].rstrip(_TRAILING)


def excessive(source: Source) -> bool:
    """Return whether the body has so many marks that parsing it could take long."""
    read = reading.of(source)
    body = read.text[read.body_start :] if len(read.text) - read.body_start > HARD else ""
    return sum(body.count(character) for character in "[]<>*_`&!\\|#~()") > HARD


@lru_cache(maxsize=4)
def parsed(source: Source) -> Parsed:
    """Return what CommonMark finds in the body. Takes milliseconds."""
    read = reading.of(source)
    body = read.text[read.body_start :]
    if excessive(source):
        return Parsed((), (), ())  # SE005 says so
    environment: dict[str, Any] = {}
    tokens = _parser().parse(body, environment)
    first = read.line(read.body_start)
    found: list[Link] = []
    html: list[Raw] = []
    fences: list[Block] = []
    for token in tokens:
        line = first + (token.map[0] if token.map else 0)
        if token.type == "fence":
            fences.append(Block(line, token.info.strip()))
        elif token.type == "html_block":
            html.append(Raw("html", token.content.lstrip(), max(read.text.find("<", read.line_at(line)), 0)))
        elif token.type == "code_block":
            html.append(Raw("code", token.content, _first(read, token.content, line)))
        elif token.type == "inline" and token.children:
            for child, offset in _located(read, token, line):
                found += _links(child, offset)
                if child.type == "html_inline":
                    html.append(Raw("html", child.content, offset))
    for label, entry in environment.get("references", {}).items():
        offset = read.line_at(first + entry["map"][0])
        found.append(Link("definition", entry["href"], offset, label))
    return Parsed(tuple(sorted(found, key=lambda link: link.offset)), tuple(html), tuple(fences))


def _first(read: reading.Reading, content: str, line: int) -> int:
    """Return the offset of the first word of a block that begins on `line`."""
    return max(read.text.find(content.split(maxsplit=1)[0], read.line_at(line)), 0)


def _links(token: Token, offset: int) -> Iterator[Link]:
    if token.type == "link_open":
        kind: Literal["link", "autolink"] = "autolink" if token.info == "auto" else "link"
        yield Link(kind, str(token.attrs.get("href", "")), offset)
    elif token.type == "image":
        yield Link("image", str(token.attrs.get("src", "")), offset)
    elif token.type == "bare":
        yield Link("bare", token.content, offset)


def _located(read: reading.Reading, inline: Token, line: int) -> Iterator[tuple[Token, int]]:
    """Yield the tokens in a paragraph, heading or cell that were given a place, with their offset in the file."""
    starts = [0, *(match.end() for match in re.finditer("\n", inline.content))]
    rows = inline.content.split("\n")
    depth = 0
    for child in inline.children or ():
        depth += child.nesting if child.type.startswith("link_") else 0
        places: list[tuple[Token, int]] = []
        if "at" in child.meta:
            places.append((child, child.meta["at"]))
        elif child.type == "text" and not depth and "//" in child.content:
            places += _bares(child, inline.content)
        for found, at in places:
            row = bisect_right(starts, at) - 1
            begin = read.line_at(line + row)
            shown = rows[row].lstrip()
            column = read.text.find(shown, begin, begin + len(shown) + _DEEPEST)
            yield found, column + at - starts[row] - (len(rows[row]) - len(shown)) if column >= 0 else begin


def _bares(text: Token, content: str) -> Iterator[tuple[Token, int]]:
    from markdown_it.token import Token

    for match in _ANY_BARE.finditer(text.content):
        at = content.find(match[0])
        if at >= 0:
            yield Token("bare", "", 0, content=_bare(match)), at


@cache
def _parser() -> MarkdownIt:
    """Return a parser of CommonMark with tables that keeps each address as it is, and where it found it."""
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import autolink, html_inline, image, link

    parser = MarkdownIt("commonmark").enable("table")
    parser.validateLink = lambda url: bool(url) or True  # type: ignore[method-assign]
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    for name, rule in (("link", link), ("image", image), ("autolink", autolink), ("html_inline", html_inline)):
        parser.inline.ruler.at(name, _placing(rule))
    return parser


def _placing(rule: Callable[[StateInline, bool], bool]) -> Callable[[StateInline, bool], bool]:
    """Return the parser's rule, which also notes in the first token that it makes where in the text that began."""

    def placing(state: StateInline, silent: bool) -> bool:
        at, count = state.pos, len(state.tokens)
        if not rule(state, silent):
            return False
        if not silent:
            made = next((token for token in state.tokens[count:] if token.type != "text"), None)
            if made is not None:
                made.meta["at"] = at
        return True

    return placing
