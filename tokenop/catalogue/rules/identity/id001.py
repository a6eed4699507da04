"""ID001: the id is a slug."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.claimed import objections
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    for one in objections(draft, "ID001"):
        message = f"{str(draft.document.meta['id'])[:60]!r} is not a slug"
        yield RULE.found(draft.document, one.field, message, "use a-z, 0-9 and hyphens", place=one.place)


RULE = Rule(
    "ID001",
    "error",
    "template",
    what="The id is a slug: small letters, digits and single hyphens.",
    why="It names files, folders and links.",
    how="Use a-z, 0-9 and hyphens.",
    check=_check,
    examples=(Example(wrong="id: Shorter_Prompts", right="id: shorter-prompts"),),
    structural=True,
)
