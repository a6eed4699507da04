"""ID005: an id never changes; who renames leaves the old template behind as deprecated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(drafts: Sequence[Draft], around: Surroundings) -> Iterator[Finding]:
    gone = sorted(around.removed - set(around.neighbours.ids()) - {draft.document.path.stem for draft in drafts})
    for identity in gone:
        # The finding stands where the reader can act: at the template that seems to take the place of the one gone.
        heir = next((draft for draft in drafts if identity in (draft.get("supersedes") or [])), None)
        heir = heir or next((draft for draft in drafts if draft.document.path.absolute() in around.new), None)
        heir = heir or next(iter(drafts), None)
        if heir:
            message = f"the template {identity!r} is gone; receipts and reports still name it"
            fix = f"keep {identity}.md with status: deprecated, and name it in supersedes of what replaces it"
            yield RULE.found(heir.document, "id", message, fix)


RULE = Rule(
    "ID005",
    "error",
    "catalogue",
    what="An id never changes and never goes away; the old template of a renamed one stays, deprecated.",
    why="Receipts of those who applied it, and all reports on it, name the id.",
    how="Keep the old file with status: deprecated, and name its id in supersedes of the new one.",
    check=_check,
    examples=(
        Example(
            wrong="",
            right="",
            path="templates/application-layer/tiny-prompts.md",
            around={"removed": frozenset({"shorter-prompts"})},
        ),
    ),
)
