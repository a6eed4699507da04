"""GR005: what is required is neither deprecated nor superseded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_SETTLED = ("proposed", "approved")


def _check(drafts: Sequence[Draft], around: Surroundings) -> Iterator[Finding]:
    checked = {identity: draft for draft in reversed(drafts) if (identity := draft.get("id"))}
    heirs: dict[str, str] = {}
    for identity, draft in sorted(checked.items()):
        for old in _superseded(draft):
            heirs.setdefault(old, identity)
    for draft in drafts:
        for index, other in enumerate(draft.get("requires") or []):
            there = checked.get(other) or around.neighbours.draft(other)
            heir = heirs.get(other) or _heir(other, around)
            if heir == draft.get("id"):
                heir = ""
            if heir:
                message, fix = f"{other} is superseded by {heir}", f"require {heir}"
            elif there and there.get("status") == "deprecated":
                message, fix = f"{other} is deprecated and is never planned", "remove it"
            else:
                continue
            yield RULE.found(draft.document, f"requires[{index}]", message, fix)


def _heir(name: str, around: Surroundings) -> str:
    """Return the id of a template outside of the check that supersedes `name`; empty where there is none."""
    found = (there for there in around.neighbours.mentioning(name) if name in _superseded(there))
    heir = next(found, None)
    return str(heir.get("id") or "") if heir else ""


def _superseded(draft: Draft) -> Sequence[str]:
    return (draft.get("supersedes") or []) if draft.get("status") in _SETTLED else []


RULE = Rule(
    "GR005",
    "error",
    "catalogue",
    what="What a template requires is neither deprecated nor superseded.",
    why="A deprecated template is never planned, and what requires it is not planned either.",
    how="Require the template that took its place.",
    check=_check,
    examples=(
        Example(
            wrong="requires: [tiny-prompts]",
            right="requires: []",
            beside={"templates/serving-layer/tiny-prompts.md": "---\nid: tiny-prompts\nstatus: deprecated\n---\n"},
        ),
        Example(
            wrong="requires: [tiny-prompts]",
            right="requires: [small-prompts]",
            given=(("requires: []", "requires: [small-prompts]"),),
            beside={
                "templates/serving-layer/tiny-prompts.md": "---\nid: tiny-prompts\n---\n",
                "templates/serving-layer/small-prompts.md":
                    "---\nid: small-prompts\nstatus: proposed\nsupersedes: [tiny-prompts]\n---\n",
            },
        ),
    ),
)  # fmt: skip
