"""RP007: days of evidence are in order."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding
from tokenop.evidence.read import EvidenceFile


def _check(file: EvidenceFile, around: Surroundings) -> Iterator[Finding]:
    for entry in file.entries:
        if entry.day > around.today:
            yield RULE.found(file, f"{entry.entry_id}.day", f"{entry.day} is in the future", "write the day it was")
    for one in file.implementations:
        before, after = one.window_before, one.window_after
        if before and after and before.last >= after.first:
            message = f"begins on {after.first}, before the window before it ended ({before.last})"
            yield RULE.found(file, f"{one.entry_id}.after", message, "leave the days in which both ran out of both")
        for name, window in (("before", before), ("after", after)):
            if window and window.last > one.day:
                message = f"ends on {window.last}, after the day of the entry ({one.day})"
                yield RULE.found(file, f"{one.entry_id}.{name}", message, "write the last day that was measured")


RULE = Rule(
    "RP007",
    "error",
    "evidence",
    what="The window before ends before the one after begins, and both are over on the day of the entry.",
    why="Days that count on both sides, or have not been yet, measure nothing.",
    how="Write the days that were measured, each on one side.",
    check=_check,
    examples=(
        Example(wrong="day: 2036-10-12", right="day: 2026-10-12", specimen="reviews.md"),
        Example(
            wrong="after: 2026-09-20 to 2026-10-18",
            right="after: 2026-10-05 to 2026-10-18",
            specimen="implementations.md",
        ),
        Example(
            wrong="after: 2026-10-05 to 2026-10-28",
            right="after: 2026-10-05 to 2026-10-18",
            specimen="implementations.md",
        ),
        Example(
            wrong="before: 2026-09-01 to 2026-10-30",
            right="before: 2026-09-01 to 2026-09-30",
            given=(("- octocat-1.0.0 after: 2026-10-05 to 2026-10-18\n", ""),),
            specimen="implementations.md",
        ),
    ),
)
