"""ID002: the id is the file's name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Edit, Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    identity, name = draft.get("id"), draft.document.path.stem
    if identity is not None and identity != name:
        fix = f"write {name} or rename" if _SLUG.match(name) else f"name the file {identity}.md"
        yield RULE.found(draft.document, "id", f"{identity!r} is not the file's name", fix)


def _fix(draft: Draft, around: Surroundings) -> Iterator[Edit]:
    name, span = draft.document.path.stem, draft.document.spans.get("id")
    if span and _SLUG.match(name) and len(name) <= 64 and any(_check(draft, around)):
        # Digits alone would be read as a number.
        yield Edit(span.start, span.end, f'"{name}"' if name.replace("-", "").isdigit() else name)


RULE = Rule(
    "ID002",
    "error",
    "template",
    what="The id is the file's name without .md.",
    why="A template is found by its id.",
    how="Write the file's name as id, or rename the file.",
    check=_check,
    fix=_fix,
    examples=(Example(wrong="id: longer-prompts", right="id: shorter-prompts"),),
    structural=True,
)
