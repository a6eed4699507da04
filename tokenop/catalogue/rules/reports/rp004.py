"""RP004: a saving far from what was expected is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tokenop.catalogue.draft import Draft, as_decimal
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding
from tokenop.evidence.read import EvidenceFile

# Points of percent that a saving may lie outside of the expected range, where that range is narrower: traffic differs.
MARGIN = Decimal(10)
# A claim is a share of the bill of a whole workload, a report often of the calls that changed: it may save far more.
# What is saved to nine tenths is looked at whatever was claimed, as a template that claims it is (EC002).
NEARLY_ALL = Decimal(90)

Bounds = tuple[Decimal, Decimal]


def _check(file: EvidenceFile, around: Surroundings) -> Iterator[Finding]:
    if not file.implementations:
        return
    claimed = _claim(around.neighbours.draft(file.template))
    for entry in file.implementations:
        reduction = entry.cost_reduction
        predicted = entry.predicted_percent
        expected = (predicted[0], predicted[2]) if predicted else claimed
        if reduction is None or expected is None:
            continue
        low, high = expected
        margin, percent = max(high - low, MARGIN), 100 * reduction
        most = high + margin if predicted else max(NEARLY_ALL, high + margin)
        if not low - margin <= percent <= most:
            whose = "was predicted" if predicted else "of its workload is claimed"
            message = f"a call costs {percent:.1f} % less, where {low} to {high} % {whose}"
            fix = "check calls, windows and costs; if they are right, say in lessons why it came so"
            yield RULE.found(file, f"{entry.entry_id}.cost_after_usd", message, fix)


def _claim(draft: Draft | None) -> Bounds | None:
    ends = [as_decimal(draft.get(f"economics.claim.savings_percent.{end}")) for end in ("low", "high")] if draft else []
    low, high = ends or (None, None)
    return None if low is None or high is None else (low, high)


RULE = Rule(
    "RP004",
    "warning",
    "evidence",
    what="A realised saving is near what was predicted, or else neither far below the claim nor nearly everything.",
    why="A figure far off is more often a slip of the pen, or another change on the same day, than a discovery.",
    how="Check calls, windows and costs; if they are right, say in lessons why it came so.",
    check=_check,
    examples=(
        Example(wrong="cost_after_usd: 170.00", right="cost_after_usd: 1700.00", specimen="implementations.md"),
        Example(wrong="calls_after: 30500", right="calls_after: 61000", specimen="implementations.md"),
        Example(
            wrong="cost_after_usd: 170.00",
            right="cost_after_usd: 1700.00",
            given=(("- octocat-1.0.0 predicted_percent: 1, 2, 4\n", ""),),
            specimen="implementations.md",
        ),
    ),
)
