"""RP003: what is called measured says how."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding
from tokenop.evidence.constants import window_days
from tokenop.evidence.read import EvidenceFile


def _check(file: EvidenceFile, around: Surroundings) -> Iterator[Finding]:
    draft = around.neighbours.draft(file.template)
    category = str((draft.get("category") if draft else None) or "")
    wanted = window_days(file.template, category)
    for entry in file.implementations:
        if entry.evidence != "measured":
            continue
        if missing := entry.missing():
            message = f"said to be measured, but without {', '.join(missing)}"
            fix = f"add a line - {entry.entry_id} {missing[0]}: …, or write evidence: reported"
            yield RULE.found(file, f"{entry.entry_id}.evidence", message, fix)
        for name in entry.short_windows(category):
            window = entry.window_before if name == "before" else entry.window_after
            days = window.days if window else 0
            message = f"{days} days; {file.template} needs {wanted}, so this counts as reported"
            fix = "measure longer, or write evidence: reported"
            yield RULE.found(file, f"{entry.entry_id}.{name}", message, fix, severity="warning")


RULE = Rule(
    "RP003",
    "error",
    "evidence",
    what="An implementation that is called measured gives calls, cost and window of both sides, and the method.",
    why="A saving without them is often a quiet month.",
    how="Add what is missing, or write reported; a window that is too short is a warning and counts as reported.",
    check=_check,
    examples=(
        Example(
            wrong="",
            right="- octocat-1.0.0 calls_after: 61000\n",
            specimen="implementations.md",
        ),
        Example(
            wrong="",
            right="- octocat-1.0.0 method: Two event logs of the same gateway, same filter on tenant.\n",
            specimen="implementations.md",
        ),
        Example(
            wrong="after: 2026-10-17 to 2026-10-18",
            right="after: 2026-10-05 to 2026-10-18",
            specimen="implementations.md",
        ),
    ),
)
