"""ID004: the id is unique, in small letters too, and was not used before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(drafts: Sequence[Draft], around: Surroundings) -> Iterator[Finding]:
    seen: dict[str, Draft] = {}
    checked = {draft.document.path.absolute() for draft in drafts}
    beside = {path.stem.casefold(): path for path in around.neighbours.files() if path.absolute() not in checked}
    for draft in drafts:
        identity = draft.get("id")
        if identity is None:
            continue
        folded = identity.casefold()
        other = seen[folded].document.path if folded in seen else beside.get(folded)
        if other:
            message = f"{identity!r} is also the id of {other}"
            yield RULE.found(draft.document, "id", message, "rename one of them")
        elif draft.document.path.absolute() in around.new:
            yield from _used(draft, identity, around)
        seen.setdefault(folded, draft)


def _used(draft: Draft, identity: str, around: Surroundings) -> Iterator[Finding]:
    """Yield a finding where there are reports on an earlier template of that id."""
    if (around.validations / identity).is_dir():
        message = f"{identity!r} was the id of a template that is gone: there are reports on it in validations/"
        yield RULE.found(draft.document, "id", message, "choose another id")


RULE = Rule(
    "ID004",
    "error",
    "catalogue",
    what="The id is no other template's, whatever the capitals, and was never a retired one's.",
    why="Results, receipts and reports are kept by id.",
    how="Choose an id that nobody has used.",
    check=_check,
    examples=(
        Example(
            wrong="id: caching",
            right="id: shorter-prompts",
            path="templates/application-layer/caching.md",
            beside={"templates/serving-layer/Caching.md": "---\nid: Caching\n---\n"},
        ),
    ),
    structural=True,
)
