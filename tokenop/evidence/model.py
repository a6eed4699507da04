"""Reviews and implementations as they were written, and what can be read off one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from tokenop.errors import Finding
from tokenop.evidence.constants import QUALITY_LOSS, SUCCESS_REDUCTION, window_days
from tokenop.evidence.values import Answer, Window

__all__ = ["ORGANISATIONS", "Answer", "Evidence", "Implementation", "Review", "TemplateEvidence", "Window"]

Verdict = Literal["approve", "request-changes", "comment"]
Tier = Literal["measured", "reported"]

VERDICTS: tuple[Verdict, ...] = ("approve", "request-changes", "comment")
TIERS: tuple[Tier, ...] = ("measured", "reported")
# Wide enough that nobody is recognised by one.
ORGANISATIONS: tuple[str, ...] = (
    "consulting",
    "education",
    "financial-services",
    "healthcare",
    "individual",
    "manufacturing",
    "media",
    "public-sector",
    "research",
    "retail",
    "software",
    "startup",
    "telecommunications",
    "other",
)


@dataclass(frozen=True, slots=True)
class Review:
    """What one person says of one version of a template. `answers` is keyed by the areas of `questions`."""

    template: str
    version: str
    reviewer: str
    day: date
    verdict: Verdict
    answers: Mapping[str, Answer]
    sample: bool
    entry_id: str
    path: Path
    line: int


@dataclass(frozen=True, slots=True)
class Implementation:
    """What became of a template in one place. What its author did not say is None.

    Costs are US dollars of the whole window, quality is 0 to 1, hours are those of the work.
    """

    template: str
    version: str
    by: str
    organisation: str
    day: date
    window_before: Window | None
    window_after: Window | None
    calls_before: int | None
    calls_after: int | None
    cost_before_usd: Decimal | None
    cost_after_usd: Decimal | None
    method: str
    evidence: Tier
    quality_before: Decimal | None
    quality_after: Decimal | None
    hours: Decimal | None
    predicted_percent: tuple[Decimal, Decimal, Decimal] | None
    worked: str
    lessons: str
    sample: bool
    entry_id: str
    path: Path
    line: int

    @property
    def cost_reduction(self) -> Decimal | None:
        """Return by how much a call became cheaper, as a share of 1: equal traffic. Negative where it became dearer.

        None where a cost or a number of calls is not known, or there was nothing to reduce.
        """
        before, after = _each(self.cost_before_usd, self.calls_before), _each(self.cost_after_usd, self.calls_after)
        return None if before is None or after is None or not before else 1 - after / before

    @property
    def spend_reduction(self) -> Decimal | None:
        """Return by how much the bill fell, as a share of 1, whatever the traffic did; None where it is not known."""
        before, after = self.cost_before_usd, self.cost_after_usd
        return None if before is None or after is None or not before else 1 - after / before

    @property
    def quality_drop(self) -> Decimal | None:
        """Return by how much quality fell (negative: rose), None where it is not known."""
        if self.quality_before is None or self.quality_after is None:
            return None
        return self.quality_before - self.quality_after

    def success(self, tolerance: Decimal = QUALITY_LOSS) -> bool | None:
        """Return whether it cost at least 20 % less a call and lost at most a point of quality, or `tolerance`.

        One of the two that is known and fails decides. None where neither fails and one is not known.
        """
        reduction, drop = self.cost_reduction, self.quality_drop
        if reduction is not None and reduction < SUCCESS_REDUCTION:
            return False
        if drop is not None and drop > max(QUALITY_LOSS, tolerance):
            return False
        return None if reduction is None or drop is None else True

    def missing(self) -> tuple[str, ...]:
        """Return the fields that a measured implementation has and this one has not."""
        needed: Mapping[str, object] = {
            "before": self.window_before,
            "after": self.window_after,
            "calls_before": self.calls_before,
            "calls_after": self.calls_after,
            "cost_before_usd": self.cost_before_usd,
            "cost_after_usd": self.cost_after_usd,
            "method": self.method or None,
        }
        return tuple(name for name, value in needed.items() if value is None)

    def short_windows(self, category: str = "") -> tuple[str, ...]:
        """Return which of the fields `before` and `after` cover fewer days than the template asks for."""
        wanted = window_days(self.template, category)
        windows = {"before": self.window_before, "after": self.window_after}
        return tuple(name for name, window in windows.items() if window is not None and window.days < wanted)

    def tier(self, category: str = "") -> Tier:
        """Return what the entry counts as: measured only where nothing is missing and no window is too short."""
        complete = self.evidence == "measured" and not self.missing() and not self.short_windows(category)
        return "measured" if complete else "reported"


@dataclass(frozen=True, slots=True)
class TemplateEvidence:
    """Everything that was written about one template, samples included, sorted by day and name."""

    template: str
    reviews: tuple[Review, ...] = ()
    implementations: tuple[Implementation, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence of a repository by template id, and what is wrong with the files."""

    by_template: Mapping[str, TemplateEvidence]
    findings: tuple[Finding, ...] = ()

    def of(self, template_id: str) -> TemplateEvidence:
        """Return what was written about a template; nothing where there is nothing."""
        return self.by_template.get(template_id) or TemplateEvidence(template_id)


def real(entries: Iterable[Implementation]) -> list[Implementation]:
    """Return the implementations that count: no samples, and one of each person, template and version (the latest)."""
    latest: dict[tuple[str, str, str], Implementation] = {}
    for entry in entries:
        key = (entry.template, entry.by, entry.version)
        if not entry.sample and (key not in latest or (latest[key].day, latest[key].line) < (entry.day, entry.line)):
            latest[key] = entry
    return [latest[key] for key in sorted(latest)]


def _each(cost: Decimal | None, calls: int | None) -> Decimal | None:
    return None if cost is None or not calls else cost / calls
