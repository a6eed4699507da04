"""Finds what changes from one call to the next in a text that should stay the same.

A line in a block of code is an example and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from tokenop.providers.caching.blocks import block_of
from tokenop.providers.caching.boundary import outside_code

# Nobody writes longer lines by hand; of others no more is looked at.
_LONGEST_LINE = 2000
_DATE = r"\d{4}-\d{2}-\d{2}"
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_DAY = rf"(?:{_DATE}|\d{{1,2}}[./ ]|{_WEEKDAY}|{_MONTH})"
_OPEN, _CLOSE = r"(?:\{\{-?\s*|\$\{|<%=?\s*|\$\(|(?<!\{)\{)", r"(?:\s*-?\}\}|\}|\s*%>|\))"


def _filled_in(words: str) -> re.Pattern[str]:
    """Return what a template fills in under a name with one of `words`: `{{ words }}`, `${words}`, `$(words)`."""
    named = rf"[\w.\-]{{0,30}}(?<![a-z])(?:current_?|session_?)?(?:{words})(?![a-z])"
    return re.compile(rf"{_OPEN}{named}[^{{}}<>()\n]{{0,60}}?{_CLOSE}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sign:
    """What to look for; `certain` says that it changes, and not only that it may."""

    what: str
    pattern: re.Pattern[str]
    certain: bool = True


_NOW = r"today(?:'s date)?|(?:current|session) (?:date|time)(?: and time)?"
_SIGNS = (
    Sign("a date or time that is filled in", _filled_in("date|time|datetime|now|today|timestamp")),
    Sign("memory that is filled in", _filled_in("memory|memories")),
    Sign(
        "session state that is filled in",
        _filled_in("session|state|session_id|request_id|run_id|cwd|git_status|branch"),
    ),
    Sign("a task list that is filled in", _filled_in("task_?list|tasks|todos?")),
    Sign("the output of a command", re.compile(r"!`[^`\n]+`")),
    Sign("today's date", re.compile(rf"\b(?:{_NOW})(?: is)?[*_:=\s]{{1,5}}{_DAY}", re.IGNORECASE)),
    Sign("a date", re.compile(rf"^[*_#>\-\s]*(?:date|time|timestamp)[*_]*\s?[:=][*_\s]*{_DAY}", re.IGNORECASE)),
    Sign(
        "session state",
        re.compile(r"^\s*(?:#{1,6}\s+(?:current |active )?session state\s*$|session[_ ]id\s*[:=])", re.I),
    ),
    Sign("a task list", re.compile(r"^\s*#{1,6}\s+(?:(?:current|open) (?:tasks|todos?)|task list|todos?)\s*$", re.I)),
    Sign("a date", re.compile(rf"(?<![\w/\-.=]){_DATE}(?![/\-])"), certain=False),
)
# `@path` as Claude Code includes a file; not an address of mail, and not within a word.
_INCLUDE = re.compile(r"(?<![\w`@/])@((?:~/|\.{0,2}/)?[\w.\-/]*[\w\-]\.(?:md|txt|json|ya?ml))\b")
_FILE = r"[\w./~\-]*[\w\-]\.(?:md|txt|json|ya?ml)"
_TOLD = re.compile(rf"(?:\b(?:include|import|insert)\b[:\s'\"(]{{1,4}}|\{{\{{>?\s*|\[\[)({_FILE})", re.IGNORECASE)
_CODE = re.compile(r"(?<!!)(`+)(?!`).*?(?<!`)\1(?!`)")


# Without one of these, or two dashes of a date, no sign can be in a line: most lines are done with at a glance.
_HINTS = (
    *("@", "{", "$(", "<%", "!`", "[[", "include", "import", "insert"),
    *("date", "time", "today", "current", "session", "task", "todo"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that changes: its line and column from 1, what it is, and the words."""

    line: int
    column: int
    what: str
    words: str
    certain: bool


def signs(text: str, first_line: int = 1) -> Iterator[Found]:
    """Yield what changes in `text`, at most one thing a line; its first line has the number `first_line`."""
    for number, line in enumerate(outside_code(text.splitlines()), first_line):
        found = _sign(line) if hinted(line) else None
        if found is not None:
            what, start, words, certain = found
            yield Found(number, start + 1, what, words.strip(), certain)


def hinted(line: str) -> bool:
    """Return whether a sign may be in `line`."""
    lower = line.lower()
    for hint in _HINTS:  # a plain loop: a regular expression, or `any`, takes several times as long
        if hint in lower:
            return True
    return line.count("-") > 1


def _sign(line: str) -> tuple[str, int, str, bool] | None:
    # What stands in `code` is named, not said; its place is kept, so that columns stay true.
    said = _CODE.sub(lambda code: " " * len(code[0]), line[:_LONGEST_LINE])
    for include in (*_INCLUDE.finditer(said), *_TOLD.finditer(said)):
        block = block_of(PurePath(include[1]))
        if block is not None and block.stability == "volatile":
            return f"{block.name} that is included", include.start(), include[0], True
    for sign in _SIGNS:
        match = sign.pattern.search(said)
        if match is not None:
            return sign.what, match.start(), match[0], sign.certain
    return None
