"""The addresses of other sites that a file links to."""

from __future__ import annotations

import re
from collections.abc import Callable

from tokenop.catalogue.rules import markup, reading
from tokenop.catalogue.rules.source import Source

# In the frontmatter only sources are links: patches name servers of one's own.
_SOURCE = re.compile(r"source:[ \t]")
_URL = re.compile(r"https?://[^\s<>\"'`\])},|]+", re.IGNORECASE)


def external(source: Source, wanted: Callable[[str], object] = bool) -> list[tuple[str, int]]:
    """Return the http(s) addresses that the file links to, with their offsets, in the order of the file.

    They are those of links, pictures, definitions and plain addresses in the body (not those in code), and those of
    `source:` in the frontmatter. An address that stands in two places is given twice.
    """
    read = reading.of(source)
    found: set[tuple[int, str]] = set()
    if read.text.find("://", 0, read.body_start) >= 0:
        end = 0
        for start in _SOURCE.finditer(read.text, 0, read.body_start):
            if start.start() < end:
                continue
            end = read.text.find("\n", start.end())
            for match in _URL.finditer(read.text, start.end(), end):
                found.add((match.start(), match[0].rstrip(".,;:!?*_~")))

    def asked(link: markup.Link) -> bool:
        return link.href[:8].lower().startswith(("http://", "https://")) and bool(wanted(link.href))

    found |= {(link.offset, link.href) for link in markup.links(source, asked)}
    # A definition and the links that use it are one address, in two places.
    return [(url, offset) for offset, url in sorted(found) if wanted(url)]
