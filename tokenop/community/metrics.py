"""validations/<template>/metrics.md: what its reviews and implementations come to, as a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.community.intervals import Rate
from tokenop.community.outcome import Outcome, outcome
from tokenop.community.submission_text import percent
from tokenop.community.text import cell, counted, table
from tokenop.evidence.confidence import Confidence, Weighed
from tokenop.evidence.constants import APPROVING_CONFIDENCE, APPROVING_REVIEWS, HALF_LIFE_DAYS
from tokenop.evidence.model import Implementation, Review, TemplateEvidence
from tokenop.evidence.questions import QUESTIONS

if TYPE_CHECKING:
    from tokenop.catalogue.model import Catalogue, Template
    from tokenop.evidence.model import Evidence

NOTE = "<!-- Written by scripts/update_statistics.py from reviews.md and implementations.md. Do not edit. -->"
UNKNOWN = "unknown"


def pages(catalogue: Catalogue, evidence: Evidence, sure: Mapping[str, Confidence], today: date) -> dict[Path, str]:
    """Return the pages of all templates that somebody wrote about, by their path in the repository.

    Args:
        catalogue: the templates.
        evidence: everything that was written.
        sure: what that comes to, by template.
        today: the day the pages are of.
    """
    return {
        Path("validations") / template.id / "metrics.md": metrics(
            template, evidence.of(template.id), sure[template.id], today
        )
        for template in catalogue.templates
        if template.id in evidence.by_template
    }


def metrics(template: Template, evidence: TemplateEvidence, sure: Confidence, today: date) -> str:
    """Return the page about one template.

    Args:
        template: the template.
        evidence: everything that was written about it, samples included.
        sure: what that comes to.
        today: the day the page is of.
    """
    entries = {entry.entry_id: entry for entry in evidence.implementations if not entry.sample}
    counted_ = [(entries[one.entry_id], one) for one in sure.weights]
    samples = sum(one.sample for one in evidence.reviews) + sum(one.sample for one in evidence.implementations)
    parts = [
        [f"# Metrics of {template.id}", "", NOTE, "", *_head(template, sure, samples, today)],
        ["## Implementations", "", *_implementations(counted_, template.quality.max_absolute_drop)],
        ["## Reviews", "", *_reviews(sure.reviews)],
    ]
    return "\n\n".join("\n".join(part).rstrip() for part in parts) + "\n"


def _head(template: Template, sure: Confidence, samples: int, today: date) -> list[str]:
    known = sure.successes + sure.failures
    rate = Rate(sure.successes, known)
    success = f"{sure.successes} of {known}" if known else UNKNOWN
    if rate.share is not None and rate.low is not None and rate.high is not None:
        success += f", {percent(rate.share)} ({percent(rate.low)} to {percent(rate.high)} at 95 %)"
    rows = [
        ("Version", f"{template.version}, {template.status}"),
        ("Confidence", UNKNOWN if sure.score is None else str(sure.score)),
        ("Expected before any evidence", f"{sure.prior.mean:.4f}, from its layer"),
        ("Success", success),
        ("Success not known", str(sure.unknown)),
        ("Approving reviews", f"{sure.approvals} of {APPROVING_REVIEWS}"),
        ("Approval", "nothing is missing" if sure.approvable else f"missing: {'; '.join(sure.lacks())}"),
        ("Samples, which never count", str(samples)),
    ]
    return [
        f"As of {today}. Only what was written about major version {template.version.split('.')[0]} counts.",
        "",
        *table(("Figure", "Value"), [(name, cell(value)) for name, value in rows]),
        "",
        f"Confidence is the chance of success that the implementations speak for; above {APPROVING_CONFIDENCE} it is",
        f"enough for approval. A report loses half of its weight in {HALF_LIFE_DAYS} days.",
    ]


def _implementations(entries: Iterable[tuple[Implementation, Weighed]], tolerance: Decimal) -> list[str]:
    rows = []
    for entry, one in sorted(entries, key=lambda pair: (pair[0].day, pair[0].entry_id), reverse=True):
        found = outcome(entry, tolerance)
        rows.append(
            (
                cell(entry.by),
                str(entry.day),
                entry.organisation,
                _share(found.reduction),
                UNKNOWN if found.quality_drop is None else f"{found.quality_drop:f}",
                {True: "yes", False: "no", None: UNKNOWN}[one.success],
                _predicted(entry, found),
                UNKNOWN if entry.hours is None else f"{entry.hours:f}",
                "" if found.roi is None else percent(found.roi, 0),
                f"{one.weight:.3f}",
                cell(one.why),
            )
        )
    if not rows:
        return ["None yet."]
    head = ("By", "Day", "Organisation", "Less a call #", "Quality lost #", "Success", "Predicted", "Hours #",
            "ROI of a year #", "Weight #", "Why")  # fmt: skip
    return table(head, rows)


def _reviews(reviews: Iterable[Review]) -> list[str]:
    latest = sorted(reviews, key=lambda review: (review.day, review.reviewer), reverse=True)
    if not latest:
        return ["None yet."]
    rows = [(cell(one.reviewer), str(one.day), one.version, one.verdict) for one in latest]
    areas = []
    for question in QUESTIONS:
        given = [review.answers[question.id].rating for review in latest if question.id in review.answers]
        ratings = sorted(rating for rating in given if rating is not None)
        mean = f"{Decimal(sum(ratings)) / len(ratings):.1f}" if ratings else UNKNOWN
        areas.append((question.title, mean, str(ratings[0]) if ratings else UNKNOWN, counted(len(ratings), "rating")))
    return [
        "The latest of each person who is no author:",
        "",
        *table(("By", "Day", "Version", "Verdict"), rows),
        "",
        *table(("Area", "Mean of 5 #", "Lowest #", "From #"), areas),
    ]


def _share(value: Decimal | None) -> str:
    return UNKNOWN if value is None else percent(value)


def _predicted(entry: Implementation, found: Outcome) -> str:
    if entry.predicted_percent is None:
        return "no prediction"
    low, _, high = entry.predicted_percent
    if found.reduction is None:
        return f"{low:f} to {high:f} %"
    inside = low <= 100 * found.reduction <= high
    return f"{'within' if inside else 'outside'} {low:f} to {high:f} %"
