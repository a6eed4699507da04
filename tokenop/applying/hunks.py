"""Unified diffs put into a text as `git apply` does it: in their context, wherever that stands once, or not at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tokenop.applying.tree import RULE, line_break
from tokenop.errors import Finding, FindingsError

_HEADER = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_TURNED = str.maketrans("+-", "-+")
NO_NEWLINE = "\\ No newline at end of file"


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that must be there, and those in their place; `line` is where the first of them once stood.

    `signs` says of each line of the hunk, by a character, whether it stays (space), goes (-) or comes (+).
    """

    line: int
    before: tuple[str, ...]
    after: tuple[str, ...]
    signs: str
    text: str


def parse(diff: str, name: str) -> tuple[Hunk, ...]:
    """Return the hunks of the diff of one file; `---`, `+++` and other lines before the first hunk do not count.

    Raises:
        FindingsError: it holds no hunk, or one that is cut short.
    """
    lines = diff.split("\n")
    if lines[-1] == "":
        lines.pop()
    found: list[Hunk] = []
    at = 0
    while at < len(lines):
        header = _HEADER.match(lines[at])
        if not header:
            if found:
                raise _no(name, 0, f"line {at + 1} of the diff is not part of a hunk: {lines[at][:60]!r}")
            at += 1
            continue
        end = next((n for n in range(at + 1, len(lines)) if _HEADER.match(lines[n])), len(lines))
        found.append(_hunk(header, lines[at + 1 : end], "\n".join(lines[at:end]), name))
        at = end
    if not found:
        raise _no(name, 0, "the diff holds no hunk (a line such as @@ -1,3 +1,3 @@)")
    return tuple(found)


def split(diff: str) -> dict[str, str]:
    """Return the parts of a unified diff of several files by the file's path, `a/` and `b/` taken off."""
    found: dict[str, list[str]] = {}
    part: list[str] = []
    old = new = 0  # lines of the hunk that are still to come: within it, `--- ` is a removed line
    lines = [line + "\n" for line in diff.removesuffix("\n").split("\n")]
    for at, line in enumerate(lines):
        if old <= 0 and new <= 0 and line.startswith("--- ") and at + 1 < len(lines):
            name = lines[at + 1].removeprefix("+++ ").rstrip("\n").rstrip("\t").removeprefix("b/")
            part = found.setdefault(name, [])
        elif header := _HEADER.match(line):
            old, new = int(header[2] or 1), int(header[3] or 1)
        else:
            old -= line[:1] in (" ", "-", "\n")
            new -= line[:1] in (" ", "+", "\n")
        part.append(line)
    return {name: "".join(text) for name, text in found.items()}


def _hunk(header: re.Match[str], lines: list[str], text: str, name: str) -> Hunk:
    before: list[str] = []
    after: list[str] = []
    signs = ""
    for number, line in enumerate(lines):
        sides = {" ": (before, after), "": (before, after), "-": (before,), "+": (after,)}.get(line[:1])
        if line.startswith("\\"):
            continue
        if sides is None:
            raise _no(name, 0, f"a line of the diff begins with {line[:1]!r}, not with a space, - or +")
        signs += line[:1] or " "
        bare = number + 1 < len(lines) and lines[number + 1].startswith("\\")
        for side in sides:
            side.append(line[1:] + ("" if bare else "\n"))
    if len(before) != int(header[2] or 1):
        raise _no(name, 0, f"the hunk {header[0]} holds {len(before)} old lines")
    return Hunk(int(header[1]), tuple(before), tuple(after), signs, text)


def apply(text: str, hunks: tuple[Hunk, ...], name: str) -> str:
    """Return `text` with all hunks in it.

    A hunk goes where its lines stand: at the line it names, else at the nearest place after the one before. Lines that
    stay keep their ends; new ones get the end (LF or CRLF) that most lines have.

    Raises:
        FindingsError: the lines of a hunk are not there; it is shown.
    """
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    if not lines[-1]:
        lines.pop()
    bare = [_bare(line) for line in lines]
    end = line_break(text)
    floor, shift = 0, 0
    for hunk in hunks:
        before = tuple(map(_bare, hunk.before))
        wanted = max(hunk.line - (1 if before else 0) + shift, floor)
        place = _place(bare, before, wanted, floor)
        if place is None:
            message = f"the lines that the template changes are not here:\n{hunk.text}"
            raise _no(name, hunk.line, message, "make the change by hand, or bring these lines back first")
        there = slice(place, place + len(before))
        lines[there] = _replaced(hunk, lines[there], line_break("".join(lines[there])) if before else end)
        bare[there] = map(_bare, hunk.after)
        shift += place - wanted + len(hunk.after) - len(before)
        floor = place + len(hunk.after)
    return "".join(lines)


def settled(text: str, hunks: tuple[Hunk, ...], name: str) -> str:
    """Return `text` with all hunks in it; itself where they are in it already.

    Raises:
        FindingsError: the lines of a hunk are not there, neither those before nor those after; it is shown.
    """
    try:
        return apply(text, hunks, name)
    except FindingsError:
        try:
            apply(text, reverse(hunks), name)
        except FindingsError:
            pass
        else:
            return text
        raise


def _bare(line: str) -> str:
    return line[:-2] + "\n" if line.endswith("\r\n") else line


def _replaced(hunk: Hunk, lines: Sequence[str], end: str) -> list[str]:
    """Return the new lines of a hunk: those that stay as they are in `lines`, added ones with `end` as their end.

    A hunk that has pairs (CRLF) itself was made of this very file: it is taken as it is.
    """
    verbatim = any(line.endswith("\r\n") for line in (*hunk.before, *hunk.after))
    old, new = iter(lines), iter(hunk.after)
    found: list[str] = []
    for sign in hunk.signs:
        if sign == "+":
            line = next(new)
            found.append(line if verbatim else line.replace("\n", end))
        elif sign == "-":
            next(old)
        else:
            next(new)
            found.append(next(old))
    return found


def _place(lines: list[str], before: tuple[str, ...], wanted: int, floor: int) -> int | None:
    if not before:
        # Without the lines around it, a second time could not be told from the first.
        return None if lines else 0
    if tuple(lines[wanted : wanted + len(before)]) == before:
        return wanted
    fitting = [at for at in range(floor, len(lines) - len(before) + 1) if tuple(lines[at : at + len(before)]) == before]
    return min(fitting, key=lambda at: (abs(at - wanted), at), default=None)


def reverse(hunks: tuple[Hunk, ...]) -> tuple[Hunk, ...]:
    """Return the hunks that take these back."""
    shift, found = 0, []
    for hunk in hunks:
        signs = hunk.signs.translate(_TURNED)
        found.append(Hunk(hunk.line + shift, hunk.after, hunk.before, signs, hunk.text))
        shift += len(hunk.after) - len(hunk.before)
    return tuple(found)


def _no(name: str, line: int, message: str, fix: str = "") -> FindingsError:
    return FindingsError([Finding(name, line, "diff", RULE, "error", message, 0, fix)])
