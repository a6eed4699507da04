"""The one form of the files that people append to: a title, then entries of lines that all hold the entry's name.

    # Reviews of prompt-caching

    ## octocat-1.0.0

    - octocat-1.0.0 day: 2026-10-20
    - octocat-1.0.0 verdict: approve

Each line of an entry holds the entry's name, so no two entries have a line in common. That is what lets git put two
branches together with `merge=union` (.gitattributes) and never mix up two entries: git's merge takes lines that two
sides have in common out of a conflict, at its ends and, where four stand in a row, in its middle. It also means that
an entry has no order to get wrong and that `grep` answers questions.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenop.errors import Finding

MAX_FINDINGS = 100
MAX_VALUE = 4_000
RULE = "RP006"

Place = tuple[int, int]

_LINE = re.compile(r"- (\S+) ([^\s:]+): *(\S.*)\Z")
# What has no place in text, and what some programs take for the end of a line while git does not.
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_SHOWN = 60
_LISTED = 20


class Refused(Exception):  # noqa: N818 it is an answer, not an error: the reader turns it into a finding
    """A value that is not what its field holds: what is wrong with it, and what to write."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind of entry: how its value is read, and whether each entry has it."""

    read: Callable[[str], Any]
    required: bool = False
    what: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of file. `title` is what stands behind `# `, `name` reads an entry's name (Refused where it is none)."""

    title: str
    name: Callable[[str], Any]
    fields: Mapping[str, Field]
    prose: bool = False  # whether text may stand between the title and the first entry


@dataclass(slots=True)
class Raw:
    """An entry as it was read: what its name says, its values by field, and where each stands."""

    entry_id: str
    named: Any
    line: int
    values: dict[str, Any] = field(default_factory=dict)
    whole: bool = True  # nothing in it was refused


@dataclass(slots=True)
class Parsed:
    """A file: the title's rest, its entries in order, the places of their fields, and what is wrong with it."""

    subject: str = ""
    entries: list[Raw] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def shown(value: str) -> str:
    """Return a contributed value as findings show it: quoted, on one line, not too long."""
    return repr(value if len(value) <= _SHOWN else value[: _SHOWN - 2] + " …")


def near(word: str, known: Sequence[str]) -> str:
    """Return what to write instead of an unknown word."""
    found = difflib.get_close_matches(word, known, n=1)
    rest = " and others" if len(known) > _LISTED else ""
    return f"did you mean {found[0]}?" if found else f"known: {', '.join(known[:_LISTED])}{rest}"


class Reader:
    """Reads one file of a `Form`, line by line, and notes everything that is wrong."""

    def __init__(self, path: Path, form: Form) -> None:
        self.path = str(path)
        self.form = form
        self.parsed = Parsed()
        self.entry: Raw | None = None
        self.skipping = False  # in an entry whose name was refused
        self.names: dict[str, int] = {}

    def read(self, text: str) -> Parsed:
        """Return what the file says. Never raises: what is wrong becomes findings, at most `MAX_FINDINGS`."""
        for match in _FORBIDDEN.finditer(text):
            place = text.count("\n", 0, match.start()) + 1, match.start() - text.rfind("\n", 0, match.start())
            self.report(place, "file", f"character U+{ord(match[0]):04X} is not allowed", "remove it")
        lines = text.split("\n")
        self._title(lines[0])
        for number, line in enumerate(lines[1:], 2):
            if line.startswith("- ") and self.entry is not None:
                self._line(number, line.rstrip(), self.entry)
            elif line.strip():
                self._other(number, line.rstrip())
        self._close()
        return self.parsed

    def report(self, place: Place, field_path: str, message: str, fix: str) -> None:
        """Note one thing that is wrong; the entry that it is in does not count."""
        if self.entry is not None:
            self.entry.whole = False
        if len(self.parsed.findings) < MAX_FINDINGS:
            line, column = place
            self.parsed.findings.append(Finding(self.path, line, field_path, RULE, "error", message, column, fix))

    def _title(self, line: str) -> None:
        start = f"# {self.form.title}"
        if line.startswith(start):
            self.parsed.subject = line.removeprefix(start).strip()
        else:
            self.report((1, 1), "title", f"the first line is {shown(line)}", f"begin the file with the line {start}…")

    def _other(self, number: int, line: str) -> None:
        if line.startswith("## "):
            self._open(number, line[3:].strip())
        elif not self.skipping and not (self.form.prose and self.entry is None):
            known = f"- {self.entry.entry_id} field: value" if self.entry else "a line ## and the entry's name first"
            self.report((number, 1), "line", f"{shown(line)} is no line of an entry", f"write {known}")

    def _open(self, number: int, name: str) -> None:
        self._close()
        self.skipping = False
        try:
            named = self.form.name(name)
        except Refused as refused:
            self.skipping = True
            self.report((number, 4), "name", refused.message, refused.fix)
            return
        if name in self.names:
            # Rules judge whether it may come twice; for the reader it is another entry.
            self.parsed.places.setdefault(f"{name}#{number}", (number, 4))
        self.names.setdefault(name, number)
        self.parsed.places.setdefault(name, (number, 4))
        self.entry = Raw(name, named, number)
        self.parsed.entries.append(self.entry)

    def _line(self, number: int, line: str, entry: Raw) -> None:
        match = _LINE.match(line)
        if not match:
            fix = f"write - {entry.entry_id} field: value; leave a field without a value out"
            self.report((number, 1), "line", f"{shown(line)} is not a name, a field and a value", fix)
            return
        name, key, value = match.groups()
        if name != entry.entry_id:
            fix = f"begin the line with - {entry.entry_id}"
            self.report((number, 3), entry.entry_id, f"a line of {shown(name)} in the entry {entry.entry_id}", fix)
            return
        where = f"{name}.{key}"
        known = self.form.fields.get(key)
        if known is None:
            message, fix = f"unknown field {shown(key)}", near(key, list(self.form.fields))
            self.report((number, match.start(2) + 1), where, message, fix)
            return
        place = (number, match.start(3) + 1)
        if key in entry.values:
            self.report(place, where, f"{key} stands twice in this entry", "keep one")
            return
        entry.values[key] = None
        self.parsed.places.setdefault(where, place)
        if len(value) > MAX_VALUE:
            message = f"a text of {len(value):,} characters"
            self.report(place, where, message, f"shorten it to {MAX_VALUE:,}")
            return
        try:
            entry.values[key] = known.read(value)
        except Refused as refused:
            self.report(place, where, refused.message, refused.fix)

    def _close(self) -> None:
        entry = self.entry
        if entry is None:
            return
        for key, known in self.form.fields.items():
            if known.required and key not in entry.values:
                fix = f"add a line - {entry.entry_id} {key}: {known.what}".rstrip()
                self.report((entry.line, 4), f"{entry.entry_id}.{key}", f"{key} is missing", fix)
        self.entry = None
