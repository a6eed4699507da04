"""FM007: the version of the schema is one that this program reads."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.claimed import objections
from tokenop.catalogue.rules.model import Edit, Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_SPELLED = re.compile(r"[vV]?1(\.0)*\Z")  # version 1, written in another way


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    for one in objections(draft, "FM007"):
        fix = "write schema_version: 1, the only version there is"
        yield RULE.found(draft.document, one.field, one.message, fix, place=one.place)


def _fix(draft: Draft, around: Surroundings) -> Iterator[Edit]:  # noqa: ARG001
    """Write the version where it is missing or spelled oddly. Another version is left alone: there is none to read."""
    document = draft.document
    for one in objections(draft, "FM007"):
        span = document.spans.get("schema_version")
        if one.kind == "missing":
            start = document.text.find("\n") + 1
            if document.key_line(next(iter(document.meta)))[1] == 1:
                yield Edit(start, start, "schema_version: 1\n")
        elif span and _SPELLED.match(str(document.meta["schema_version"])):
            yield Edit(span.start, span.end, "1")


RULE = Rule(
    "FM007",
    "error",
    "template",
    what="schema_version is a version that this program reads.",
    why="A later version may mean something else by the same keys.",
    how="Write schema_version: 1, the only version so far.",
    check=_check,
    fix=_fix,
    examples=(
        Example(wrong='schema_version: "1"', right="schema_version: 1"),
        Example(wrong="---\nid:", right="---\nschema_version: 1\nid:"),
    ),
    structural=True,
)
