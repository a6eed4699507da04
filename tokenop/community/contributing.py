"""What a contribution is made of: its files, the branch it goes on, what it says of itself, and how to send it by hand.

Pure: what stands in the checkout and what stood there before are arguments.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

from tokenop.community import outcome, submission_text
from tokenop.community.submission_text import Text
from tokenop.evidence import read
from tokenop.evidence.model import Implementation, Review

PREFIX = "contribute/"
LONGEST_URL = 6_000  # browsers and forges cut addresses somewhere above
REVIEWERS = "community/reviewers.md"

_TEMPLATE = re.compile(r"templates/[a-z]+-layer/([a-z0-9]+(?:-[a-z0-9]+)*)\.md")
_EVIDENCE = re.compile(r"validations/([a-z0-9]+(?:-[a-z0-9]+)*)/(?:reviews|implementations)\.md")
_REMOTE = re.compile(
    r"(?:https?://(?:[^@/]+@)?|ssh://(?:[^@/]+@)?|[^@/:]+@)([^/:]+)(?::[0-9]+)?[/:]([^/]+)/([^/]+?)(?:\.git)?/?"
)
_ODD = re.compile(r"[^a-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class Change:
    """A file of the checkout (path below its root), with its text before, None where it is new."""

    path: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Contribution:
    """Files that go together on one branch, and the pull request about them."""

    paths: tuple[str, ...]
    branch: str
    text: Text

    def commands(self, remote: str) -> list[str]:
        """Return the git commands that send it, to be typed in the checkout."""
        paths = shlex.join(self.paths)
        return [
            f"git switch --create {shlex.quote(self.branch)}",
            f"git add -- {paths}",
            f"git commit --message {shlex.quote(self.text.title)} -- {paths}",
            f"git push --set-upstream {shlex.quote(remote)} {shlex.quote(self.branch)}",
        ]

    def address(self, server: str, repository: str, base: str, owner: str = "") -> str:
        """Return where a browser opens the pull request; its text is left out where the address would be too long."""
        head = f"{owner}:{self.branch}" if owner and owner != repository.split("/")[0] else self.branch
        start = f"{server}/{repository}/compare/{quote(base)}...{quote(head, safe=':/')}?expand=1"
        full = f"{start}&title={quote(self.text.title)}&body={quote(self.text.body)}"
        return full if len(full) <= LONGEST_URL else f"{start}&title={quote(self.text.title)}"


def belongs(path: str, template: str | None) -> bool:
    """Return whether a changed file is part of a contribution about `template`, or about any where that is None."""
    match = _TEMPLATE.fullmatch(path) or _EVIDENCE.fullmatch(path)
    if match:
        return template in (None, match[1])
    return path == REVIEWERS


def contribution(changes: Sequence[Change], tolerances: Mapping[str, Decimal]) -> Contribution:
    """Return what goes on the branch. `tolerances` says how much quality each template may cost."""
    entries = [entry for change in changes for entry in new_entries(change)]
    templates = [(match[1], change) for change in changes if (match := _TEMPLATE.fullmatch(change.path))]
    named = [f"{entry.template}-{entry.entry_id}" for entry in entries] or [name for name, _ in templates]
    rest = [Path(change.path).stem for change in changes]
    first = (named or rest)[0]
    branch = PREFIX + _ODD.sub("-", first.lower()).strip(".-") + ("-and-more" if len(named) > 1 else "")
    paths = tuple(change.path for change in changes)
    return Contribution(paths, branch, _text(entries, templates, paths, tolerances))


def new_entries(change: Change) -> list[Review | Implementation]:
    """Return the entries of a file of evidence that were added or changed."""
    if not _EVIDENCE.fullmatch(change.path):
        return []
    before = _lines(change.before or "")
    after = _lines(change.after)
    found = read.file(Path(change.path), change.after)
    return [entry for entry in found.entries if before.get(entry.entry_id) != after.get(entry.entry_id)]


def remote(url: str) -> tuple[str, str] | None:
    """Return host and `owner/name` that a remote's address names, None where it is none of a forge."""
    match = _REMOTE.fullmatch(url.strip())
    return (match[1], f"{match[2]}/{match[3]}") if match else None


def _text(
    entries: Sequence[Review | Implementation],
    templates: Sequence[tuple[str, Change]],
    paths: Sequence[str],
    tolerances: Mapping[str, Decimal],
) -> Text:
    texts = [_of_entry(entry, tolerances) for entry in entries]
    texts += [_of_template(name, change) for name, change in templates]
    told = {change.path for _, change in templates} | {path for path in paths if texts and _EVIDENCE.fullmatch(path)}
    return submission_text.several(texts, [path for path in paths if path not in told])


def _of_entry(entry: Review | Implementation, tolerances: Mapping[str, Decimal]) -> Text:
    if isinstance(entry, Review):
        return submission_text.review(entry)
    tolerance = tolerances.get(entry.template, Decimal(0))
    return submission_text.implementation(entry, outcome.outcome(entry, tolerance, monthly=True), tolerance)


def _of_template(name: str, change: Change) -> Text:
    what = "New template" if change.before is None else "Change of template"
    body = (
        "What it would save is replayed on the reference workloads by the checks of this pull request; "
        "three reviewers are asked for."
    )
    return Text(f"{what}: {name}", f"{what} `{name}`.\n\n{body}\n")


def _lines(text: str) -> dict[str, str]:
    blocks = text.replace("\r\n", "\n").split("\n## ")[1:]
    return {block.split("\n", 1)[0].strip(): block.strip() for block in blocks}
