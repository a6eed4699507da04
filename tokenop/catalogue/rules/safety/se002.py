"""SE002: no personal data, and no names of internal machines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop.catalogue.rules import reading
from tokenop.catalogue.rules.model import Edit, Example, Rule
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.collect.redact_patterns import NUMBERS, PHONE
from tokenop.errors import Finding

_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@((?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24})(?![\w-])")
# Nobody's, or everybody's: reserved names, addresses that nobody reads, the user of git over SSH.
_NOBODY = re.compile(
    r"(?:no-?reply|donotreply|git)@|[^@]*@(?:[\w-]+\.)*(?:example(?:\.\w+)?|test|invalid|localhost|noreply\.github\.com)\Z",
    re.IGNORECASE,
)
_PHONES = tuple(
    re.compile((r"(?<![\w.+-])" if found.regex.startswith(r"(\+") else "") + found.regex)
    for found in NUMBERS
    if found.replacement == PHONE
)
# Whatever has the form of a number begins so. One look-up for each sign: those are quick.
_DIALLED = tuple(
    re.compile(pattern)
    for pattern in (r"\+[1-9][ ().\-/0-9]{7}", r"\([2-9][0-9]{2}\)", r"-[0-9]{3}-[0-9]{4}", r"\.[0-9]{3}\.[0-9]{4}")
)
_FICTION = re.compile(r"555[ .-]?01[0-9]{2}(?![0-9])")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_PRIVATE = re.compile(
    rf"(?<![\w.-])(?:10\.{_OCTET}|192\.168|172\.(?:1[6-9]|2[0-9]|3[01])|169\.254|100\.(?:6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7]))"
    rf"\.{_OCTET}\.{_OCTET}(?!\w|\.[0-9]|/(?:[0-9]|1[0-6])\b)"
)
_UNIQUE_LOCAL = re.compile(
    r"(?<![\w:.])(?:f[cd][0-9a-f]{2}|fe80):(?::|[0-9a-f]{1,4}:)[0-9a-f:]{1,36}(?![\w:])", re.IGNORECASE
)
_SUFFIXES = ("internal", "corp", "local", "lan", "intranet", "intra", "localdomain", "home.arpa")
_HOST = re.compile(
    rf"(?<![\w.$-])(?!(?:module|data|var|each|self|local|locals|resource|settings|this)\.)(?:[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.){{1,8}}"
    rf"(?:{'|'.join(re.escape(suffix) for suffix in _SUFFIXES)})(?![\w(\[-]|\.[\w]|[ \t]*=[^=])",
    re.IGNORECASE,
)
_PUBLIC = re.compile(
    r"(?:(?:host|gateway|kubernetes)\.docker|metadata\.google)\.internal\Z|(?:.*\.)?cluster\.local\Z", re.IGNORECASE
)
# A word of the file → what must then be in it.
_LAST_LABELS = {
    (label := suffix.rpartition(".")[2].encode()): re.compile(rb"\.%b(?![\w(\[-]|\.\w)" % label) for suffix in _SUFFIXES
}
_PRIVATE_FIRST = {
    first: re.compile(rb"%b\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]" % first)
    for first in (b"10", b"100", b"169", b"172", b"192")
}
_METADATA = "169.254.169.254"  # the same on every cloud


def _hinted(view: reading.View, hints: dict[bytes, re.Pattern[bytes]]) -> bool:
    """Return whether a closer look is worth it."""
    return any(hints[word].search(view.lowered) for word in view.words.intersection(hints))


def spans(view: reading.View) -> Iterator[tuple[int, int, str, str]]:
    """Yield offset, end, kind and replacement of everything that names a person or a machine."""
    text = view.text
    for match in _EMAIL.finditer(text) if "@" in text else ():
        if not _NOBODY.match(match[0]):
            yield match.start(), match.end(), "an e-mail address", "someone@example.com"
    for pattern in _PHONES if any(sign.search(text) for sign in _DIALLED) else ():
        for match in pattern.finditer(text):
            if not _FICTION.search(match[1]):
                yield match.start(1), match.end(1), "a telephone number", "+1 202-555-0100"
    yield from _machines(view)


def _machines(view: reading.View) -> Iterator[tuple[int, int, str, str]]:
    text = view.text
    what = "the address of an internal machine"
    for match in _PRIVATE.finditer(text) if _hinted(view, _PRIVATE_FIRST) else ():
        if match[0] != _METADATA:
            yield match.start(), match.end(), what, "192.0.2.1"
    for match in _UNIQUE_LOCAL.finditer(text) if "::" in text else ():
        yield match.start(), match.end(), what, "2001:db8::1"
    for match in _HOST.finditer(text) if _hinted(view, _LAST_LABELS) else ():
        if not _PUBLIC.match(match[0]):
            yield match.start(), match.end(), "the name of an internal machine", "host.example.com"


def _check(source: Source, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    read = reading.of(source)
    yield from read.found(RULE, source, _said(read))


def _said(read: reading.Reading) -> Iterator[tuple[int, str, str]]:
    for view in read.views:
        for start, _, kind, better in spans(view):
            yield view.at(start), f"looks like {kind}", f"write something like {better}"


def _fix(source: Source, around: Surroundings) -> Iterator[Edit]:  # noqa: ARG001
    read, last = reading.of(source), 0
    for start, end, _, better in sorted(spans(read.views[0])):
        if start >= last:
            yield Edit(start, end, better)
            last = end


RULE = Rule(
    "SE002",
    "error",
    "text",
    what="There are no e-mail addresses, telephone numbers, private addresses or names of internal machines.",
    why="Templates and reviews are public, and stay public in the history.",
    how="Name a role instead of a person, and example.com instead of a machine; `--fix` does.",
    check=_check,
    fix=_fix,
    examples=(
        Example(wrong="**Owner**: jane.doe@acme.io.", right="**Owner**: someone@example.com.",
                given=(("**Owner**: the team that owns the prompt.", "**Owner**: someone@example.com."),)),
        Example(wrong="an alert on db01.payments.corp", right="an alert on host.example.com",
                given=(("look for a prompt that grew back", "an alert on host.example.com"),)),
        Example(wrong="an alert on 10.20.30.40", right="an alert on 192.0.2.1",
                given=(("look for a prompt that grew back", "an alert on 192.0.2.1"),)),
        Example(wrong="call +49 30 9012345", right="call +1 202-555-0100",
                given=(("look for a prompt that grew back", "call +1 202-555-0100"),)),
    ),
)  # fmt: skip
