"""RP002: reviewers are known, and none reviews their own template."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding
from tokenop.evidence import people
from tokenop.evidence.read import EvidenceFile


def _check(file: EvidenceFile, around: Surroundings) -> Iterator[Finding]:
    if not file.reviews:
        return
    draft = around.neighbours.draft(file.template)
    authors = {str(author).casefold() for author in (draft.get("authors") if draft else None) or ()}
    known = people.known(around.community)
    for review in file.reviews:
        place = (review.line, 4)
        if review.reviewer in authors:
            message = f"{review.reviewer} is an author of {file.template}"
            yield RULE.found(file, review.entry_id, message, "ask somebody else for a review", place=place)
        elif known is not None and not review.sample and review.reviewer not in known:
            message = f"{review.reviewer} is not listed in community/reviewers.md"
            yield RULE.found(file, review.entry_id, message, "add yourself there in the same pull request", place=place)


_LISTED = {"community/reviewers.md": "# Reviewers\n\n## monalisa\n\n- monalisa layers: application-layer\n"}
_REVIEW = (
    "## {0}-1.0.0\n\n- {0}-1.0.0 day: 2026-10-12\n- {0}-1.0.0 verdict: request-changes\n"
    "- {0}-1.0.0 economics: 2 of 5. The running cost leaves out who keeps the golden tasks.\n{1}"
)
_RIGHT = _REVIEW.format("hubot", "- hubot-1.0.0 sample: true\n")

RULE = Rule(
    "RP002",
    "error",
    "evidence",
    what="A reviewer is listed in community/reviewers.md and is no author of the template.",
    why="Approval rests on reviews, so they must be by people who can be asked, about the work of others.",
    how="List yourself in community/reviewers.md, and review templates that you did not write.",
    check=_check,
    examples=(
        Example(wrong=_REVIEW.format("tokenop", ""), right=_RIGHT, specimen="reviews.md", beside=_LISTED),
        Example(wrong=_REVIEW.format("octodog", ""), right=_RIGHT, specimen="reviews.md", beside=_LISTED),
    ),
)
