"""GR003: conflicts are told by both sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Edit, Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(drafts: Sequence[Draft], around: Surroundings) -> Iterator[Finding]:
    checked = _by_id(drafts)
    for identity, draft in sorted(checked.items()):
        for index, other in enumerate(draft.get("conflicts") or []):
            beside = _other(other, checked, around)
            if beside and other != identity and identity not in (beside.get("conflicts") or []):
                message = f"{other} does not name {identity} in its conflicts"
                fix = f"add {identity} to conflicts of {other}"
                yield RULE.found(draft.document, f"conflicts[{index}]", message, fix)
        # The other way round: a template that is not checked, but names one that is.
        for there in around.neighbours.mentioning(identity):
            name = there.get("id")
            mutual = name in (draft.get("conflicts") or [])
            if name and name not in checked and identity in (there.get("conflicts") or []) and not mutual:
                message = f"{name} conflicts with {identity}, which does not name it"
                place = draft.document.key_line("conflicts")
                yield RULE.found(draft.document, "conflicts", message, f"add {name} to conflicts", place=place)


def _fix(drafts: Sequence[Draft], around: Surroundings) -> Iterator[Edit]:
    """Add the missing name to the list of the side that lacks it."""
    checked = _by_id(drafts)
    missing: dict[str, set[str]] = {}
    for identity, draft in checked.items():
        for other in draft.get("conflicts") or []:
            missing.setdefault(other, set()).add(identity)
        for there in around.neighbours.mentioning(identity):
            name = there.get("id")
            if name and name not in checked and identity in (there.get("conflicts") or []):
                missing.setdefault(identity, set()).add(name)
    for name, wanted in sorted(missing.items()):
        other = _other(name, checked, around)
        if other and other.get("conflicts") is not None:
            names = sorted(wanted - {name} - set(other.get("conflicts")))
            if names and (edit := _added(other, names)):
                yield edit


def _added(draft: Draft, names: Sequence[str]) -> Edit | None:
    """Return the edit that adds names to a list in either style; None where it is written in another way."""
    document = draft.document
    text, listed = document.text, document.meta["conflicts"]
    start = document.spans["conflicts"].start
    if text[start] == "[" and not listed:
        return Edit(start + 1, start + 1, ", ".join(names), document.path)
    last = document.spans[f"conflicts[{len(listed) - 1}]"]
    if text[start] == "[":
        return Edit(last.end, last.end, "".join(f", {name}" for name in names), document.path)
    start = text.rfind("\n", 0, last.start) + 1
    end = text.find("\n", last.start)
    if text[start : last.start].strip() != "-" or end < 0:
        return None
    return Edit(end, end, "".join(f"\n{text[start : last.start]}{name}" for name in names), document.path)


def _by_id(drafts: Sequence[Draft]) -> Mapping[str, Draft]:
    return {identity: draft for draft in reversed(drafts) if (identity := draft.get("id"))}


def _other(name: str, checked: Mapping[str, Draft], around: Surroundings) -> Draft | None:
    """Return a template of the same repository: a shipped one can name none of other people's."""
    if name in checked:
        return checked[name]
    there = around.neighbours.draft(name)
    return there if there and there.document.path in around.neighbours.files() else None


RULE = Rule(
    "GR003",
    "error",
    "catalogue",
    what="Conflicts are told by both sides.",
    why="Who reads one of the two templates must learn that they exclude each other.",
    how="Add the id to conflicts of the other template, too.",
    check=_check,
    fix=_fix,
    examples=(
        Example(
            wrong="conflicts: []",
            right="conflicts: [tiny-prompts]",
            given=(("conflicts: []", "conflicts: [tiny-prompts]"),),
            beside={
                "templates/serving-layer/tiny-prompts.md": "---\nid: tiny-prompts\nconflicts: [shorter-prompts]\n---\n"
            },
        ),
        Example(
            wrong="conflicts: [tiny-prompts]",
            right="conflicts: []",
            beside={"templates/serving-layer/tiny-prompts.md": "---\nid: tiny-prompts\nconflicts:\n  - a\n---\n"},
        ),
    ),
)
