"""GR002: requirements do not go in a circle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(drafts: Sequence[Draft], around: Surroundings) -> Iterator[Finding]:
    checked = {identity: draft for draft in reversed(drafts) if (identity := draft.get("id"))}
    needs = _needs(checked, around)
    told: set[str] = set()
    for identity in sorted(checked):
        circle = _circle(identity, needs)
        if circle and told.isdisjoint(circle):
            told |= set(circle)
            message = f"requirements go in a circle: {' → '.join([*circle, identity])}"
            yield RULE.found(checked[identity].document, "requires", message, "remove one of these requirements")


def _needs(checked: Mapping[str, Draft], around: Surroundings) -> dict[str, list[str]]:
    """Return what each template requires: those that are checked, and whatever else is reached from them."""
    needs: dict[str, list[str]] = {}
    waiting = list(checked)
    while waiting:
        identity = waiting.pop()
        if identity in needs:
            continue
        draft = checked.get(identity) or around.neighbours.draft(identity)
        needs[identity] = sorted(draft.get("requires") or []) if draft else []
        waiting += needs[identity]
    return needs


def _circle(start: str, needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the shortest way from `start` back to itself; empty where there is none."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop(0)
        for name in needs[way[-1]]:
            if name == start:
                return way if len(way) > 1 else []  # one that requires itself is told by GR001
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


RULE = Rule(
    "GR002",
    "error",
    "catalogue",
    what="Requirements do not go in a circle.",
    why="Nothing in the circle could be applied first.",
    how="Remove one of the requirements that the message lists.",
    check=_check,
    examples=(
        Example(
            wrong="requires: [tiny-prompts]",
            right="requires: []",
            beside={
                "templates/serving-layer/tiny-prompts.md": "---\nid: tiny-prompts\nrequires: [shorter-prompts]\n---\n"
            },
        ),
    ),
    structural=True,
)
