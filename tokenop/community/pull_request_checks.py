"""Checking what a pull request changes, in a folder that holds the repository as the change would leave it.

The job that runs the contributor's code calls this on its checkout, the one that comments on the main branch's files
with the changed texts in their places. Whatever needs the contributor's code or the economics engine is done elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tokenop.community.pull_request import Change, dependents, misnamed, vanished
from tokenop.errors import Finding, FindingsError, InputError


@dataclass(frozen=True, slots=True)
class Examined:
    """What was looked at and found; paths are relative to the repository. `sound` are changed templates without errors.

    `looked_at` are the changed files that were read: only of these can two runs be compared.
    """

    findings: tuple[Finding, ...]
    checked: dict[str, int]
    sound: tuple[str, ...]
    looked_at: tuple[str, ...]

    def count(self, severity: str) -> int:
        """Return how many findings have this severity."""
        return sum(found.severity == severity for found in self.findings)


def examine(root: Path, changes: Sequence[Change]) -> Examined:
    """Return what is wrong with the templates, the evidence and the people that a change touches.

    Errors in unchanged files that name a changed template are among the findings: the change broke them.

    Args:
        root: the repository as the change would leave it.
        changes: all changed files.
    """
    findings = misnamed(changes) + vanished(changes, _superseded(root, changes))
    files = [
        c.path for c in changes if c.template_id and c.plain and c.status != "removed" and (root / c.path).exists()
    ]
    beside = dependents(changes, _texts(root)) if any(c.kind == "template" for c in changes) else ()
    found = _linted(root, [*files, *beside])
    findings += [one for one in found if one.file in set(files) or one.severity == "error"]
    people = [c for c in changes if c.kind == "people" and c.status != "removed"]
    for change in people:
        findings += _people(root, change.path)
    checked = {
        "templates": sum(c.kind == "template" for c in changes),
        "evidence": sum(c.kind == "evidence" for c in changes),
        "collectors": len({c.collector for c in changes} - {None}),
        "people": len(people),
    }
    wrong = {one.file for one in findings if one.severity == "error"}
    sound = tuple(c.path for c in changes if c.kind == "template" and c.path in files and c.path not in wrong)
    return Examined(tuple(sorted(set(findings))), checked, sound, tuple(files))


def _linted(root: Path, files: Sequence[str]) -> list[Finding]:
    from tokenop.catalogue import lint

    if not files:
        return []
    linted = lint.lint([root / name for name in files])
    if linted.files != len(files):
        # A linter that looked at fewer files than it was given would pass what it never saw.
        raise InputError(f"{len(files)} files were to be checked, {linted.files} were")
    return [_relative(found, root) for found in linted.findings]


def _people(root: Path, name: str) -> list[Finding]:
    from tokenop.evidence import people

    return [_relative(found, root) for found in people.reviewers(root / name).findings]


def _superseded(root: Path, changes: Iterable[Change]) -> dict[str, str]:
    """Return the ids that templates of the changed repository list under `supersedes`; read only where one is gone."""
    from tokenop import documents

    gone = {c.template_id for c in changes if c.kind == "template" and c.status == "removed"} - {None}
    found: dict[str, str] = {}
    for name, text in _texts(root).items() if gone else ():
        if name.startswith("templates/") and any(str(one) in text for one in gone):
            try:
                listed = documents.load(root / name).meta.get("supersedes")
            except (FindingsError, InputError):
                continue
            names = listed if isinstance(listed, list) else []
            found |= {one: Path(name).stem for one in names if isinstance(one, str)}
    return found


def _texts(root: Path) -> dict[str, str]:
    """Return the text of each template and each evidence file under `root` by its path; nothing outside is followed."""
    from tokenop.documents import MAX_BYTES

    texts = {}
    for pattern in ("templates/*-layer/*.md", "validations/*/reviews.md", "validations/*/implementations.md"):
        for path in sorted(root.glob(pattern)):
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    texts[path.relative_to(root).as_posix()] = file.read(MAX_BYTES).decode("utf-8", "replace")
    return texts


def _relative(found: Finding, root: Path) -> Finding:
    path = Path(found.file)
    return replace(found, file=path.relative_to(root).as_posix()) if path.is_relative_to(root) else found
