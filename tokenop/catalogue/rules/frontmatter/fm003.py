"""FM003: no unknown keys."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.claimed import objections
from tokenop.catalogue.rules.model import Edit, Example, Rule
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_NEAR = re.compile(r"did you mean (\w+)\?")


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    for one in objections(draft, "FM003"):
        yield RULE.found(draft.document, one.field, one.message, one.fix, place=one.place)


def _fix(draft: Draft, around: Surroundings) -> Iterator[Edit]:  # noqa: ARG001
    """Rename keys that are nearly the name of one that is missing; any other is for its author to decide."""
    text = draft.document.text
    renamed = set()
    for one in objections(draft, "FM003"):
        near, (parent, _, name) = _NEAR.match(one.fix), one.field.rpartition(".")
        wanted = f"{parent}.{near[1]}" if near and parent else near[1] if near else ""
        if near and wanted not in renamed and draft.document.value(wanted) is None:
            start = Source(draft.document.path, text).offset(one.place)
            key = re.compile(rf"""(["']?){re.escape(name)}\1(?=[ \t]*:)""").match(text, start)
            if key:
                renamed.add(wanted)
                yield Edit(start, key.end(), near[1])


RULE = Rule(
    "FM003",
    "error",
    "template",
    what="No unknown keys.",
    why="A misspelt key would silently do nothing.",
    how="Use the name that is meant, or remove the key.",
    check=_check,
    fix=_fix,
    examples=(
        Example(wrong="titel: Shorter", right="title: Shorter"),
        Example(wrong="  rollback_minuts: 5", right="  rollback_minutes: 5"),
    ),
    structural=True,
)
