"""SE005: no raw HTML, and no address that does more than to lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from tokenop.catalogue.rules import markup, reading
from tokenop.catalogue.rules.markup import Link
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_PLAIN = re.compile(
    r"(?:https://(?!xn--|[^/]*\.xn--)[A-Za-z0-9.-]+)?(?:/(?!/)[A-Za-z0-9._~/?#=&+,;-]*)?\Z|[a-z0-9./-]+\.md(?:#[a-z0-9-]*)?\Z"
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,30}:")
_ALLOWED = ("https:", "http:", "mailto:")
# In frontmatter `<b AND c>` may be SQL and `<example>` may be a prompt: only elements that do something count.
_ACTIVE = re.compile(
    r"<[/!?]?(?:script|iframe|object|embed|applet|img|image|svg|math|style|link|meta|base|form|button|audio|video|frame|frameset"
    r"|marquee|noscript|body|html|head|portal|isindex|keygen|dialog)(?![A-Za-z0-9_:-])",
    re.IGNORECASE,
)
_W = r"[\s\x00]{0,5}"
_RUNS = re.compile(
    rf"\b(?:{_W.join('javascript')}|{_W.join('vbscript')}|{_W.join('livescript')}){_W}:{_W}(?=[^\s:])"
    r"|\bdata:(?:text|image|application|font|audio|video)/|\bdata:[\w/+-]{0,40};base64,|\b(?:file|jar|view-source):/{1,3}\w",
    re.IGNORECASE,
)


def _complaint(link: Link) -> str | None:
    """Return what is wrong with an address, without the address itself: it may hold a secret."""
    href = link.href
    if link.kind != "image" and _PLAIN.match(href):
        return None  # as nearly all are
    for _ in range(3):
        href = unquote(href)
    href = "".join(character for character in href if character > " " and character != "\x7f").lower()
    scheme = _SCHEME.match(href)
    if scheme and scheme[0] not in _ALLOWED:
        return f"an address with {scheme[0]} may run or read something"
    if href.startswith(("//", "\\", "/\\")):
        return "an address without a scheme leads to another host"
    if not scheme:
        return None
    host = re.split(r"[/?#\\]", href.partition("//")[2], maxsplit=1)[0]
    if scheme[0] != "mailto:" and (not host or "@" in host):
        return "an address whose host is not what it seems"
    if not host.isascii() or re.search(r"(?:^|\.)xn--", host):
        return "a host with letters that can pass for others"
    return "a picture from elsewhere tells its server who reads, and can change" if link.kind == "image" else None


def _check(source: Source, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    read = reading.of(source)
    yield from read.found(RULE, source, _said(read, source))


def _said(read: reading.Reading, source: Source) -> Iterator[tuple[int, str, str]]:
    for link in markup.links(source, _complaint):
        yield link.offset, str(_complaint(link)), "write an address with https, or a relative one"
    yield from _front(read)
    if markup.excessive(source):
        yield read.body_start, "the body holds more brackets, stars and tags than a page for people does", "shorten it"
    for part in markup.raw(source):
        left = reading.uncommented(part.text) if part.kind == "html" else ""
        if left.strip():
            found = part.text.find(left.strip()[:20]) if part.text.startswith("<!--") else 0
            yield part.offset + max(found, 0), "holds raw HTML", "write markdown, or put it in backticks"


def _front(read: reading.Reading) -> Iterator[tuple[int, str, str]]:
    """Yield what is active in the frontmatter, whose texts end up in pages, and in all that escapes hide."""
    for view in read.views:
        front = view.lowered[: len(view.text[: _front_end(read, view)].encode("utf-8", "surrogatepass"))]
        end = _front_end(read, view)
        for match in _ACTIVE.finditer(view.text, 0, end):
            yield view.at(match.start()), "holds raw HTML", "write plain text"
        squeezed = front.translate(None, _SPACES)
        if any(start in squeezed for start in _STARTS):
            for match in _RUNS.finditer(view.text, 0, end):
                yield view.at(match.start()), "an address that may run or read something", "write an address with https"


def _front_end(read: reading.Reading, view: reading.View) -> int:
    """Return where the frontmatter of the view ends."""
    before = [(here, there) for here, there in view.pieces if there <= read.body_start]
    here, there = before[-1] if before else (0, 0)
    return here + read.body_start - there


_SPACES = bytes(range(0x21))
_MEDIA = ("text", "image", "application", "font", "audio", "video")
_STARTS = (b"script:", b";base64,", b"file:/", b"jar:/", *(f"data:{kind}/".encode() for kind in _MEDIA))


RULE = Rule(
    "SE005",
    "error",
    "text",
    what="There is no raw HTML, no picture from elsewhere, and no address that does more than lead to a page.",
    why="Templates are shown in pages, dashboards and editors, of which one or the other runs what it is given.",
    how="Write markdown; put code in backticks or fences; give addresses with https.",
    check=_check,
    examples=(
        Example(wrong="- How <script>alert(1)</script>", right="- How prompts are counted",),
        Example(wrong="- [How](javascript:alert(1)) prompts", right="- How prompts are counted"),
        Example(wrong="- [How](java&#x0A;script:alert) prompts", right="- How prompts are counted"),
        Example(wrong="- ![How](https://example.com/pixel.png) prompts", right="- How prompts are counted"),
        Example(wrong='title: "<svg onload=go()>"', right="title: Shorter prompts"),
    ),
    structural=True,
)  # fmt: skip
