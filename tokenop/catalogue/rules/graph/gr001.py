"""GR001: templates that are named exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.catalogue.schema import closest
from tokenop.errors import Finding


def _check(drafts: Sequence[Draft], around: Surroundings) -> Iterator[Finding]:
    existing = {*around.neighbours.ids(), *(identity for draft in drafts if (identity := draft.get("id")))}
    for draft in drafts:
        identity = draft.get("id")
        for name in ("requires", "conflicts", "supersedes"):
            for index, other in enumerate(draft.get(name) or []):
                field = f"{name}[{index}]"
                if other == identity:
                    yield RULE.found(draft.document, field, "names the template itself", "remove it")
                elif other not in existing:
                    fix = closest(other, existing)
                    yield RULE.found(draft.document, field, f"there is no template {other!r}", fix)


RULE = Rule(
    "GR001",
    "error",
    "catalogue",
    what="Templates that requires, conflicts and supersedes name exist, and are not the template itself.",
    why="A dangling name never takes effect.",
    how="Write the id of a template that exists.",
    check=_check,
    examples=(
        Example(wrong="requires: [smaller-prompts]", right="requires: []"),
        Example(wrong="supersedes: [shorter-prompts]", right="supersedes: []"),
    ),
    structural=True,
)
