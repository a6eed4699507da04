"""What the gate says of a change of routing, from recorded answers alone: no model is asked here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tokenop.comparison.model import Quality

if TYPE_CHECKING:
    from tokenop.evals.gate import Verdict
    from tokenop.evals.overrides import Override
    from tokenop.routing.model import RoutingConfig


@dataclass(frozen=True, slots=True)
class Version:
    """A config and the text that it was read from: an override is for these bytes."""

    name: str
    config: RoutingConfig
    text: str

    @property
    def sha256(self) -> str:
        """Return the hash of the text (hex)."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()


Gate = Callable[[Version, Version], Quality]


def gate(recordings: Path | None, today: date, golden: Path | None = None) -> Gate:
    """Return what judges a change on the golden tasks.

    Args:
        recordings: folder of recorded answers; None: those of `golden`.
        today: the day on which overrides must still hold.
        golden: folder of tasks, recordings and overrides; None: the one in use.

    Raises:
        FindingsError: tasks, recordings or overrides have errors.
    """
    from tokenop.evals import overrides, tasks
    from tokenop.evals.configured import configured
    from tokenop.prices import book
    from tokenop.providers import recordings as recorded

    folder = golden or tasks.shipped()
    known = {task.id: task for task in tasks.load(folder)}
    answers = recorded.Recordings.load(recordings or folder / "recordings")
    entries = overrides.load(folder / "overrides.yaml")
    prices = book.load()

    def judged(before: Version, after: Version) -> Quality:
        from tokenop.evals import gate as judging

        sides = [
            configured(version.name, version.sha256, version.config, known, answers, prices)
            for version in (before, after)
        ]
        verdict = judging.kept(sides[0], sides[1], known)
        return _told(verdict, overrides.applying(entries, after.sha256, today)[0])

    return judged


def _told(verdict: Verdict, override: Override | None) -> Quality:
    """Return the verdict as it is shown; who answers for an inconclusive change is named beside it."""
    tiers = sorted({pair.compared.tier for pair in verdict.pairs})
    moved = [pair for pair in verdict.pairs if not pair.same]
    decision: Literal["pass", "fail", "inconclusive", "unchanged"] = verdict.decision
    if decision == "pass" and not moved:
        decision = "unchanged"
    reason = "" if decision == "unchanged" else verdict.why
    if decision == "inconclusive" and override is not None:
        decision, reason = "pass", f"inconclusive, and {override.by} answers for it until {override.expires}: {reason}"
    details = {
        "tasks": verdict.paired.n,
        "regressions": verdict.paired.only_baseline,
        "improvements": verdict.paired.only_candidate,
        "missing": len(verdict.unknown),
        "upper_bound": round(verdict.bound, 4) if verdict.paired.n else None,
        "regressed": [pair.compared.key for pair in verdict.regressed],
        "unknown": [{"task": one.task, "engine": one.engine, "reason": one.reason} for one in verdict.unknown],
        "sample": verdict.sample,
        "explained": verdict.explained(),
    }
    return Quality(decision, reason, {tier: verdict.of_tier(tier) for tier in tiers}, details)
