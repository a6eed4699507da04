"""Checking what a pull request changes, in a folder that holds the repository as the change would leave it.

The job that runs the contributor's code calls this on its checkout, the one that comments on the main branch's files
with the changed texts in their places. Collectors run code of their own, and are not looked at here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.community import routing_checks
from tokenop.community.pull_request import Change, dependents, gone, misnamed
from tokenop.errors import Finding, InputError

if TYPE_CHECKING:
    from tokenop.catalogue.draft import Draft
    from tokenop.catalogue.rules.surroundings import Replayed

    Replay = Callable[[Draft], Replayed]


@dataclass(frozen=True, slots=True)
class Examined:
    """What was looked at and found; paths are relative to the repository.

    `looked_at` are the files that were read because they are changed, `templates` those of them that are templates, and
    `suppressed` the rules that these tell to say nothing of them.
    """

    findings: tuple[Finding, ...]
    checked: dict[str, int]
    templates: tuple[str, ...]
    looked_at: tuple[str, ...]
    suppressed: tuple[Finding, ...] = ()

    def count(self, severity: str) -> int:
        """Return how many findings have this severity."""
        return sum(found.severity == severity for found in self.findings)


def examine(
    root: Path,
    changes: Sequence[Change],
    today: date,
    replay: Replay | None = None,
) -> Examined:
    """Return what is wrong with the templates, the evidence and the people that a change touches.

    Errors in unchanged files that name a changed template are among the findings: the change broke them.

    Args:
        root: the repository as the change would leave it.
        changes: all changed files.
        today: the day against which freshness is judged.
        replay: what the economics engine says of a template; rules that need it are left out without it.
    """
    root = root.absolute()
    findings = misnamed(changes)
    # A link that leads nowhere is there as well: it would lead somewhere on another machine.
    files = [c.path for c in changes if c.template_id and c.status != "removed" and os.path.lexists(root / c.path)]
    beside = dependents(changes, _texts(root)) if any(c.kind == "template" for c in changes) else ()
    found = _linted(root, [*files, *beside], changes, today, replay)
    findings += [one for one in found if one.file in files or one.severity == "error"]
    if not any(one.rule == "ID005" for one in found):
        findings += gone(changes)
    people = [c.path for c in changes if c.kind == "people" and c.status != "removed"]
    findings += [one for path in people for one in _people(root, path)]
    routing, quiet = routing_checks.linted(root, changes, today)
    findings += routing
    checked = {
        "templates": sum(c.kind == "template" for c in changes),
        "evidence": sum(c.kind == "evidence" for c in changes),
        "collectors": len({c.collector for c in changes} - {None}),
        "people": len(people),
        "routing": sum(c.kind == "routing" for c in changes),
    }
    templates = tuple(c.path for c in changes if c.kind == "template" and c.path in files)
    hidden = [one for path in templates for one in suppressed(root, path, today)] + quiet
    looked_at = (*files, *routing_checks.changed(changes))
    return Examined(tuple(sorted(set(findings))), checked, templates, looked_at, tuple(hidden))


def suppressed(root: Path, name: str, today: date) -> list[Finding]:
    """Return each rule that a template tells to say nothing of it today, where it says so: a reader judges why."""
    from tokenop.catalogue.linting.lint import opened
    from tokenop.catalogue.rules import RULES
    from tokenop.catalogue.rules.suppressions.entries import entries
    from tokenop.catalogue.rules.suppressions.su005 import suppressible

    draft = opened(root / name).draft
    found = []
    for entry in entries(draft) if draft else ():
        if entry.rule in RULES and suppressible(RULES[entry.rule]) and entry.holds(today):
            line, column = draft.document.line(f"{entry.path}.rule") if draft else (0, 0)
            found.append(Finding(name, line, "suppress", entry.rule, "warning", "is suppressed", column, entry.reason))
    return found


def _linted(
    root: Path,
    files: Sequence[str],
    changes: Sequence[Change],
    today: date,
    replay: Replay | None,
) -> list[Finding]:
    from tokenop.catalogue.linting.lint import opened
    from tokenop.catalogue.linting.neighbours import Repository
    from tokenop.catalogue.linting.run import asked, check
    from tokenop.catalogue.rules import RULES
    from tokenop.catalogue.rules.surroundings import Surroundings

    if not files:
        return []
    sources = [opened(root / name) for name in files]
    templates = [change for change in changes if change.kind == "template" and change.template_id]
    removed = frozenset(str(change.template_id) for change in templates if change.status == "removed")
    around = Surroundings(
        today,
        Repository((source.path for source in sources), removed, root),
        root,
        frozenset(root / c.path for c in changes if c.status == "added"),
        removed,
        replay and _only({root / change.path for change in templates}, replay),
    )
    return [_relative(found, root) for found in check(sources, around, asked(RULES.values(), around))]


def _only(changed: Collection[Path], replay: Replay) -> Replay:
    """Return a replay of changed templates alone: what others save has not changed, and takes seconds to find out."""
    from tokenop.catalogue.rules.surroundings import Replayed

    return lambda draft: replay(draft) if draft.document.path in changed else Replayed({})


def replayer(root: Path, changes: Sequence[Change]) -> Replay:
    """Return the engine as the linter asks it; all changed templates are replayed in one pass."""
    from tokenop.catalogue.linting.lint import opened
    from tokenop.trials import drafts

    paths = [root / change.path for change in changes if change.kind == "template" and change.template_id]
    return drafts.replayer(draft for path in paths if path.is_file() and (draft := opened(path).draft))


def economics(
    root: Path, paths: Sequence[str], replay: Replay
) -> dict[str, dict[str, tuple[float, float, float] | None]]:
    """Return by path and workload what templates save, in percent (P10, expected, P90); None where one stays silent.

    Of a template that is not sound nothing is said.
    """
    from tokenop.catalogue.linting.lint import opened

    found: dict[str, dict[str, tuple[float, float, float] | None]] = {}
    for path in paths:
        draft = opened(root / path).draft
        if draft is not None:
            found[path] = dict(sorted(replay(draft).percent.items()))
    return found


def tried(root: Path, paths: Sequence[str]) -> list[Finding]:
    """Return a finding for each patch of sound templates that does not apply cleanly, or that rolling back leaves."""
    from tokenop.trials import run

    found = []
    for path, trial in zip(paths, run.trials([root / path for path in paths], economics=False), strict=True):
        for check in trial.checks:
            if check.section == "patches" and check.verdict == "fail":
                line, column = _at(root / path)
                fix = "run `tokenop test-template` on it and correct the patch"
                message = f"{check.name}: {check.text}"
                found.append(Finding(path, line, "patches", "TRIAL-PATCH", "error", message, column, fix))
    return found


def _at(path: Path) -> tuple[int, int]:
    """Return where a template's patches begin."""
    from tokenop.catalogue.linting.lint import opened

    draft = opened(path).draft
    return draft.document.key_line("patches") if draft else (0, 0)


def _people(root: Path, name: str) -> list[Finding]:
    from tokenop.evidence import people

    try:
        return [_relative(found, root) for found in people.reviewers(root / name).findings]
    except InputError:
        fix = "put a plain file of text there, no link and no folder"
        return [Finding(name, 0, "file", "ID007", "error", "cannot be read as a file", 0, fix)]


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
