"""LK001: relative links and anchors lead to something in the repository."""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from tokenop.catalogue.rules import markup, reading
from tokenop.catalogue.rules.markup import Link
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.catalogue.sections import heading_text
from tokenop.errors import Finding

_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+([^\n]*)", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]]{0,200})\]\([^)]{0,400}\)")
_DROPPED = re.compile(r"[^\w\- ]")
_LINES = re.compile(r"L[0-9]+(?:-L[0-9]+)?\Z")
_LONGEST = 500  # characters of a heading
_MOST = 2 * 1024 * 1024  # bytes of a page whose headings are read


def _check(source: Source, around: Surroundings) -> Iterator[Finding]:
    read = reading.of(source)

    def said() -> Iterator[tuple[int, str, str]]:
        for link in markup.links(source, lambda link: _complaint(link, source, around)):
            complaint = _complaint(link, source, around)
            if complaint:
                yield link.offset, *complaint

    yield from read.found(RULE, source, said())


def _complaint(link: Link, source: Source, around: Surroundings) -> tuple[str, str] | None:
    """Return what is wrong with a relative link, and what to do; the link is named as far as it is a plain path."""
    if link.kind in ("bare", "autolink") or _ELSEWHERE.match(link.href):
        return None
    path, _, anchor = link.href.partition("#")
    path = unquote(path.partition("?")[0])
    if not path:
        there = not anchor or unquote(anchor).lower() in anchors(source.text)
        return (
            None
            if there
            else (f"no heading of this page gives #{_plain(anchor)}", "name a heading, or take the link out")
        )
    if "\\" in path or "\0" in path or path.startswith("//"):
        return "a link with unusual characters", "write a path with /"
    if around.root is None:
        return None
    return _path_complaint(path, anchor, source, around, around.root)


def _path_complaint(path: str, anchor: str, source: Source, around: Surroundings, root: Path) -> tuple[str, str] | None:
    root = root.absolute()
    start = root if path.startswith("/") else source.path.absolute().parent
    target = Path(os.path.normpath(start / path.lstrip("/")))  # links are looked at below
    if target != root and root not in target.parents:
        return f"{_plain(path)} leaves the repository", "link to a page in it, or give an address with https"
    relative = target.relative_to(root)
    if target in around.new or relative in around.new:
        return None
    wrong = _missing(root, relative.parts)
    if wrong:
        return f"there is no {_plain(path)}: {wrong}", "correct the path"
    if root.resolve() not in (target.resolve(), *target.resolve().parents):
        return f"{_plain(path)} leads out of the repository through a link", "link to a page in it"
    if anchor and target.suffix == ".md" and target.is_file() and not _LINES.match(anchor):
        with target.open("rb") as file:
            text = file.read(_MOST).decode("utf-8", "replace")
        if unquote(anchor).lower() not in anchors(text):
            return f"no heading of {_plain(path)} gives #{_plain(anchor)}", "name a heading of that page"
    return None


def _missing(root: Path, parts: tuple[str, ...]) -> str:
    """Return what of a path is not there, also where only the case of a letter differs; empty where all is."""
    folder = root
    for part in parts:
        names = _names(folder)
        if part not in names:
            near = next((name for name in sorted(names) if name.casefold() == part.casefold()), None)
            return f"it is called {_plain(near)}" if near else f"{_plain(part)} does not exist"
        folder = folder / part
    return ""


def _names(folder: Path) -> frozenset[str]:
    try:
        stamp = folder.stat().st_mtime_ns
    except OSError:
        return frozenset()
    return _listed(str(folder), stamp)


@lru_cache(maxsize=256)
def _listed(folder: str, stamp: int) -> frozenset[str]:  # noqa: ARG001
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return frozenset()


@lru_cache(maxsize=64)
def anchors(text: str) -> frozenset[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    found: set[str] = set()
    read = reading.Reading(text)
    starts = [fence.content for fence in read.fences]
    for match in _HEADING.finditer(text, read.body_start):
        at = bisect_right(starts, match.start()) - 1
        if at >= 0 and match.start() < read.fences[at].end:
            continue
        heading = heading_text(match[1])[:_LONGEST]
        slug = _DROPPED.sub("", _LINK.sub(r"\1", heading).strip().lower()).replace(" ", "-")
        number, unique = 0, slug
        while unique in found:
            number += 1
            unique = f"{slug}-{number}"
        found.add(unique)
    return frozenset(found)


def _plain(text: str) -> str:
    """Return a part of a link as far as it can be printed: visible characters, not too many."""
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown if len(shown) <= 80 else f"{shown[:79]}…"


_OTHER = {"templates/application-layer/model-routing.md": "# Routing\n\n## Which rules?\n"}
_LINKED = "[model routing](../application-layer/model-routing.md)"

RULE = Rule(
    "LK001",
    "error",
    "text",
    what="Relative links lead to files and headings of the repository, in the same case.",
    why="A link that works on one machine, or before a heading was renamed, leaves readers without what they need.",
    how="Correct path, case or anchor; for what is elsewhere give an address with https.",
    check=_check,
    examples=(
        Example(wrong="[model routing](../application-layer/model-router.md)", right=_LINKED, beside=_OTHER),
        Example(wrong="[model routing](../application-layer/Model-Routing.md)", right=_LINKED, beside=_OTHER),
        Example(wrong="[model routing](../../../application-layer/model-routing.md)", right=_LINKED, beside=_OTHER),
        Example(
            wrong="[model routing](../application-layer/model-routing.md#rules)",
            right="[model routing](../application-layer/model-routing.md#which-rules)",
            given=((_LINKED, "[model routing](../application-layer/model-routing.md#which-rules)"),),
            beside=_OTHER,
        ),
        Example(
            wrong="[steps](#roll-back)",
            right="[steps](#rollback)",
            beside=_OTHER,
            given=((_LINKED, "[steps](#rollback)"),),
        ),
    ),
)
