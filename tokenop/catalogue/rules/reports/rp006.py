"""RP006: entries have the one form that people, programs and git's merge can read."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding
from tokenop.evidence.read import EvidenceFile


def _check(file: EvidenceFile, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    # The reader found them on its way; they hold this rule's identifier.
    yield from file.findings


def _in_reviews(wrong: str, right: str) -> Example:
    return Example(wrong, right, "reviews.md")


def _in_implementations(wrong: str, right: str) -> Example:
    return Example(wrong, right, "implementations.md")


RULE = Rule(
    "RP006",
    "error",
    "evidence",
    what="Each line of an entry holds the entry's name, a field and a value.",
    why="So that two pull requests can be merged without a conflict and without mixing up two entries.",
    how="Copy the example in validations/README.md and replace its name and its values by yours.",
    check=_check,
    examples=(
        _in_reviews("# Reviews\n", "# Reviews of shorter-prompts\n"),
        _in_reviews("## Hubot, 1.0.0\n", "## hubot-1.0.0\n"),
        _in_reviews("- day: 2026-10-12\n", "- hubot-1.0.0 day: 2026-10-12\n"),
        _in_reviews("- octocat-1.0.0 day: 2026-10-12\n", "- hubot-1.0.0 day: 2026-10-12\n"),
        _in_reviews("day: 12 October 2026", "day: 2026-10-12"),
        _in_reviews("", "- hubot-1.0.0 day: 2026-10-12\n"),
        _in_reviews("verdict: approved", "verdict: approve\n".strip()),
        _in_reviews("economics: 2/5. The", "economics: 2 of 5. The"),
        _in_reviews("", "- octocat-1.0.0 coordination: unrated. One layer only.\n"),
        _in_reviews("sample: no\n\n## octocat", "sample: true\n\n## octocat"),
        _in_implementations("organisation: Acme Inc.", "organisation: software"),
        _in_implementations("calls_before: 120,000", "calls_before: 120000"),
        _in_implementations("cost_before_usd: unknown", "cost_before_usd: 3400.00"),
        _in_implementations("cost_befor_usd: 3400.00", "cost_before_usd: 3400.00"),
        _in_implementations("quality_before: 93", "quality_before: 0.93"),
        _in_implementations("before: 2026-09", "before: 2026-09-01 to 2026-09-30"),
        _in_implementations("before: 2026-09-30 to 2026-09-01", "before: 2026-09-01 to 2026-09-30"),
        _in_implementations("predicted_percent: 2", "predicted_percent: 1, 2, 4"),
        _in_implementations(
            "- octocat-1.0.0 hours: 10\n- octocat-1.0.0 hours: 12\n",
            "- octocat-1.0.0 hours: 10\n",
        ),
    ),
)
