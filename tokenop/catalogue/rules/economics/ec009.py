"""EC009: the effect on quality and on latency is stated."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.economics import prose
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_TITLE = "Quality and risk"
# Looked for as they stand: a pattern takes twenty times as long.
_WORDS = {
    "quality": ("qualit", "answer", "accura", "golden", "correct", "wrong", "worse"),
    "latency": (
        "latenc", "slow", "faster", "quicker", "sooner", "later", "lateness", " late", "delay", "wait", "seconds",
        "time to first token",
    ),
}  # fmt: skip


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    part = prose.section(draft, _TITLE)
    if part is None:
        return  # SC001 and SC003 say so
    text = part.text.lower()
    for what, words in _WORDS.items():
        if not any(word in text for word in words):
            message = f"section {_TITLE} says nothing about {what}"
            fix = f"say what becomes of {what}, also where that is nothing"
            yield RULE.found(draft.document, "body", message, fix, place=part.heading)


RULE = Rule(
    "EC009",
    "error",
    "template",
    what="Section Quality and risk states the effect on quality and on latency.",
    why="A cheaper answer that is worse or later may be no saving.",
    how="Write a sentence on each: what changes, by how much, or that nothing does.",
    check=_check,
    examples=(Example(wrong="It falls a\nlittle", right="Latency falls a\nlittle"),),
)
