"""What the rules on text say of a file's text."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from tests.catalogue.rules.specimen import SPECIMENS, around
from tokenop.catalogue.rules import RULES
from tokenop.catalogue.rules.source import Source
from tokenop.errors import Finding

ALL = ("SE001", "SE002", "SE003", "SE004", "SE005", "SE006")
PATH = Path("/nowhere/templates/application-layer/shorter-prompts.md")
TEMPLATE = (SPECIMENS / "template.md").read_text(encoding="utf-8")
BODY = TEMPLATE.index("\n---\n", 4) + 5


def said(rule: str, text: str, path: Path = PATH, **given: Any) -> list[Finding]:
    """Return what a rule says of a text."""
    return list(RULES[rule].check(Source(path, text), around(**given)))


def mended(rule: str, text: str) -> str:
    """Return the text after the rule's fix."""
    fix = RULES[rule].fix
    assert fix
    for edit in sorted(fix(Source(PATH, text), around()), key=lambda edit: edit.start, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def place(text: str, offset: int) -> tuple[int, int]:
    """Return line and column, from 1, of an offset."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


@cache
def gaps(text: str = TEMPLATE) -> tuple[int, ...]:
    """Return the offsets of the spaces between two words, in frontmatter and body."""
    return tuple(match.start() for match in re.finditer(r"(?<=[A-Za-z,.]) (?=[A-Za-z])", text))


@cache
def prose() -> tuple[int, ...]:
    """Return the gaps in sentences of the specimen's body, outside code."""
    found = []
    for gap in gaps():
        line = TEMPLATE[TEMPLATE.rfind("\n", 0, gap) + 1 : TEMPLATE.find("\n", gap)]
        if gap > BODY and "`" not in line and not line.startswith(("#", "|")):
            found.append(gap)
    return tuple(found)


def at(rule: str, text: str, offset: int) -> bool:
    """Return whether a rule has a finding at an offset."""
    return place(text, offset) in [(found.line, found.column) for found in said(rule, text)]


def slipped(gap: int, trick: str) -> tuple[str, int]:
    """Return the specimen with a trick between two words, and where it begins."""
    return f"{TEMPLATE[:gap]} {trick} {TEMPLATE[gap + 1 :]}", gap + 1
