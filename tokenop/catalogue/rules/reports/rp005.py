"""RP005: one entry for each person, template and version."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding
from tokenop.evidence.read import EvidenceFile


def _check(file: EvidenceFile, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    first: dict[str, int] = {}
    for entry in file.entries:
        line = first.setdefault(entry.entry_id, entry.line)
        if line != entry.line:
            message = f"{entry.entry_id} stands twice (first on line {line})"
            fix = "change the first one; what came of a later version gets that version's number"
            yield RULE.found(file, entry.entry_id, message, fix, place=(entry.line, 4))


_HUBOT = "- hubot-1.0.0 day: 2026-10-12\n- hubot-1.0.0 verdict: request-changes\n"

RULE = Rule(
    "RP005",
    "error",
    "evidence",
    what="A person writes one review and one implementation for each version of a template.",
    why="Approval counts people, and nobody's experience is to count twice.",
    how="Change the entry that is there.",
    check=_check,
    examples=(
        Example(
            wrong=f"## hubot-1.0.0\n\n{_HUBOT}\n## hubot-1.0.0\n\n{_HUBOT}",
            right=f"## hubot-1.0.0\n\n{_HUBOT}",
            specimen="reviews.md",
        ),
    ),
)
