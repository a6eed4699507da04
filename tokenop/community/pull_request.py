"""What a pull request changes, what of it is looked at, and what may not happen to an id.

Both sides decide here: the job that runs the contributor's code, from git, and the job that comments, from GitHub's own
list of changed files. Renames are taken apart into a removal and an addition, so that both see the same changes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tokenop.catalogue.model import LAYERS
from tokenop.errors import Finding, InputError

Status = Literal["added", "modified", "removed"]
Kind = Literal["template", "evidence", "collector", "people", "routing", "golden", "engine", "other"]

# What is opened only where its name is as plain as this: no link, no option, no command can be made of it.
PLAIN = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]*(?:/[A-Za-z0-9._][A-Za-z0-9._-]*)*")
LONGEST_PATH = 200
_SLUG = r"[a-z0-9]+(?:-[a-z0-9]+)*"
_TEMPLATE = re.compile(rf"templates/({'|'.join(map(re.escape, LAYERS))})/({_SLUG})\.md")
_EVIDENCE = re.compile(rf"validations/({_SLUG})/(reviews|implementations)\.md")
_ROUTING = re.compile(rf"templates/routing/({_SLUG})\.yaml")
_COLLECTOR = re.compile(rf"collectors/({_SLUG})/.+", re.DOTALL)
# What stands beside templates and evidence, is data of ours, and decides over them.
_DATA = {"templates": ("prices", "models", "routing"), "validations": ("golden",)}
# Of these it is told what they do; golden tasks, recorded answers and overrides decide over routing configs alone.
_TOLD: dict[tuple[str, str], Kind] = {("templates", "routing"): "routing", ("validations", "golden"): "golden"}
# Where words alone are kept. All else decides whether a change is sound, be it a file at the top that shadows a module:
# where it changes too, the contributor's own green mark is a hint and no more.
_PROSE = ("docs/", "community/")
# Names that lead to the same file on a machine that knows no case.
_CODE = ("scripts", "tests", "tokenop", ".github", ".ci")
_FOLDERS = (*_DATA, *_CODE, "collectors", "community", "docs")
_PEOPLE = "community/reviewers.md"
_CONTENT: dict[str, Kind] = {"templates": "template", "validations": "evidence"}
_STATUS: dict[str, Status] = {"A": "added", "D": "removed"}


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One changed file. A renamed one is two changes."""

    path: str
    status: Status

    @property
    def plain(self) -> bool:
        """Return whether the name can be used as a path without a second thought."""
        return len(self.path) <= LONGEST_PATH and ".." not in self.path and bool(PLAIN.fullmatch(self.path))

    @property
    def kind(self) -> Kind:
        """Return what the file is, by its place alone."""
        top, _, rest = self.path.partition("/")
        place, below = top.casefold(), rest.partition("/")[0]
        if place in _DATA and rest and rest != "README.md":
            if place == "validations" and rest.endswith("/metrics.md"):
                return "other"
            if "/" not in rest or below not in _DATA[place]:
                return _CONTENT[place]
            if (place, below) in _TOLD and not rest.endswith(".md"):
                return _TOLD[place, below]
        elif place == "collectors" and "/" in rest:
            return "collector"
        elif self.path.casefold() == _PEOPLE:
            return "people"
        prose = self.path.startswith(_PROSE) or (self.path.endswith((".md", "LICENSE")) and place not in _CODE)
        return "other" if prose else "engine"

    @property
    def placed(self) -> bool:
        """Return whether the name is one that its place asks for, in the case in which it is looked for."""
        if self.kind in ("template", "evidence"):
            return self.template_id is not None
        if self.kind == "routing":
            return _ROUTING.fullmatch(self.path) is not None
        if self.kind == "collector":
            return self.collector is not None
        top = self.path.partition("/")[0]
        return (top in _FOLDERS or top.casefold() not in _FOLDERS) and (self.kind != "people" or self.path == _PEOPLE)

    @property
    def template_id(self) -> str | None:
        """Return the id of the template that the file is, or is evidence about; None where the name is not in order."""
        found = _TEMPLATE.fullmatch(self.path)
        if found:
            return found[2]
        found = _EVIDENCE.fullmatch(self.path)
        return found[1] if found else None

    @property
    def collector(self) -> str | None:
        """Return the name of the collector that the file belongs to; None where it belongs to none."""
        found = _COLLECTOR.fullmatch(self.path)
        return found[1] if found else None


def fingerprint(path: str) -> str:
    """Return the SHA-256 of a path: names a file of the change without repeating what its author called it."""
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()


def from_git(listing: bytes) -> tuple[Change, ...]:
    """Return the changes that `git diff --no-renames --name-status -z` lists, sorted by path.

    Raises:
        InputError: the listing is not of that form.
    """
    words = listing.split(b"\0")
    if words.pop() != b"" or len(words) % 2:
        raise InputError("git's list of changed files is cut off: fetch the whole history, then run again")
    changes = []
    for letter, name in zip(words[::2], words[1::2], strict=True):
        status = _STATUS.get(letter.decode("ascii", "replace")[:1], "modified")
        changes.append(Change(name.decode("utf-8", "surrogateescape"), status))
    return tuple(sorted(changes))


def from_github(files: Iterable[tuple[str, str, str | None]]) -> tuple[Change, ...]:
    """Return the changes of GitHub's list: each file's name, status and earlier name; sorted by path."""
    changes: dict[str, Status] = {}
    for name, status, before in files:
        if status == "renamed" and before:
            changes.setdefault(before, "removed")
        named: dict[str, Status] = {"added": "added", "copied": "added", "renamed": "added", "removed": "removed"}
        changes[name] = named.get(status, "modified")
    return tuple(sorted(Change(path, status) for path, status in changes.items()))


def misnamed(changes: Iterable[Change]) -> list[Finding]:
    """Return a finding for each file whose name is not plain, or not the one that its folder asks for."""
    found = []
    for change in changes:
        if change.status == "removed":
            continue
        if change.plain and change.placed:
            continue
        message = "the file's name is not plain"
        fix = "use small letters, digits and dashes: templates/<layer>/<id>.md, validations/<id>/reviews.md"
        found.append(Finding(change.path, 0, "file", "ID007", "error", message, 0, fix))
    return found


def gone(changes: Sequence[Change]) -> list[Finding]:
    """Return a finding for each template whose id the change takes away."""
    kept = {change.template_id for change in changes if change.kind == "template" and change.status != "removed"}
    found = []
    for change in changes:
        name = change.template_id
        if change.kind == "template" and change.status == "removed" and name and name not in kept:
            message = f"the template {name!r} is gone; receipts and reports still name it"
            fix = f"keep {name}.md with status: deprecated, and name it in supersedes of what replaces it"
            found.append(Finding(change.path, 0, "id", "ID005", "error", message, 0, fix))
    return found


def dependents(changes: Iterable[Change], texts: Mapping[str, str]) -> tuple[str, ...]:
    """Return the paths of unchanged files that name a changed template, sorted.

    Args:
        changes: all changes.
        texts: text of each template and evidence file of the repository, by path.
    """
    changed = list(changes)
    ids = {change.template_id for change in changed if change.kind == "template"} - {None}
    own = {change.path for change in changed}
    if not ids:
        return ()
    named = re.compile(rf"(?<![a-z0-9-])(?:{'|'.join(sorted(re.escape(str(name)) for name in ids))})(?![a-z0-9-])")
    return tuple(sorted(path for path, text in texts.items() if path not in own and _names(named, path, text)))


def _names(named: re.Pattern[str], path: str, text: str) -> bool:
    found = _EVIDENCE.fullmatch(path)
    return bool(named.fullmatch(found[1]) if found else named.search(text))


def untouched(changes: Iterable[Change]) -> bool:
    """Return whether the change provably holds nothing that is checked here."""
    return all(change.kind in ("engine", "golden", "other") for change in changes)


def touches_engine(changes: Iterable[Change]) -> bool:
    """Return whether the change edits the code, the workflows or the pins that check it."""
    return any(change.kind == "engine" for change in changes)


def touches_golden(changes: Iterable[Change]) -> bool:
    """Return whether the change edits the tasks, the recorded answers or the overrides that routing is held to."""
    return any(change.kind == "golden" for change in changes)
