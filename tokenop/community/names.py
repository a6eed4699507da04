"""In whose name a change speaks: reviews, implementations and places on the list of reviewers.

Who opens a pull request is known from GitHub; whose entry it is says the entry itself. Only both together tell whether
somebody writes, alters or takes away what others said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.community.assign import plain
from tokenop.community.pull_request import Change
from tokenop.errors import Finding, InputError

if TYPE_CHECKING:
    from tokenop.evidence.model import Implementation, Review
    from tokenop.evidence.people import Reviewer

    Entry = Review | Implementation | Reviewer

RULE, OWN = "NOT-OWN", "OWN-REVIEW"


def foreign(main: Path, root: Path, changes: Iterable[Change], author: str) -> list[Finding]:
    """Return a warning for each entry that a change adds, alters or takes away and that is not its author's.

    Args:
        main: the repository as it is.
        root: the repository as the change would leave it; paths of findings are relative to it.
        changes: the changed files.
        author: who opened the pull request; empty where nobody knows.
    """
    found = []
    for change in changes:
        if change.kind not in ("evidence", "people") or not change.placed:
            continue
        before, after = _entries(main / change.path, change), _entries(root / change.path, change)
        for name in sorted({*before, *after}):
            was, now = before.get(name), after.get(name)
            entries = [entry for entry in (was, now) if entry is not None and not getattr(entry, "sample", False)]
            if _same(was, now) or not entries or all(_by(entry, author) for entry in entries):
                continue
            done = "adds" if was is None else "takes away" if now is None else "alters"
            message = f"the pull request of {author or 'somebody unknown'} {done} what stands in the name of {name}"
            fix = "ask that person to say in the pull request that it is theirs"
            line = 0 if now is None else now.line
            found.append(Finding(change.path, line, name, RULE, "warning", message, 4 if line else 0, fix))
    return found


def own_reviews(root: Path, changes: Iterable[Change], author: str) -> list[Finding]:
    """Return a warning for each review by who opened the pull request of a template that it changes as well.

    Who is named as an author of the template cannot review it (RP002); who is not named could still have written it.
    """
    changes = list(changes)
    changed = {change.template_id for change in changes if change.kind == "template" and change.placed}
    found = []
    for change in changes:
        if change.kind != "evidence" or not change.placed or change.template_id not in changed:
            continue
        for name, entry in sorted(_entries(root / change.path, change).items()):
            if getattr(entry, "reviewer", None) and not getattr(entry, "sample", False) and _by(entry, author):
                message = f"{author} changes the template and reviews it in one pull request"
                fix = "leave the review out: somebody else gives it"
                found.append(Finding(change.path, entry.line, name, OWN, "warning", message, 4, fix))
    return found


def _entries(path: Path, change: Change) -> Mapping[str, Entry]:
    """Return what stands in a file by name; what is not sound is told elsewhere."""
    from tokenop.evidence import people, read

    try:
        if change.kind == "people":
            return {one.handle: one for one in people.reviewers(path).reviewers}
        return {entry.entry_id: entry for entry in read.file(path).entries}
    except InputError:
        return {}


def _same(was: Entry | None, now: Entry | None) -> bool:
    """Return whether two entries say the same, wherever they stand."""
    return was is not None and now is not None and _placeless(was) == _placeless(now)


def _placeless(entry: Entry) -> Entry:
    from tokenop.evidence.people import Reviewer

    return replace(entry, line=0) if isinstance(entry, Reviewer) else replace(entry, line=0, path=Path())


def _by(entry: Entry, author: str) -> bool:
    return plain(_who(entry)) == plain(author)


def _who(entry: Entry) -> str:
    return str(getattr(entry, "reviewer", None) or getattr(entry, "by", None) or getattr(entry, "handle", ""))
