"""All statistics of the repository, computed once: eight analyses, the platform's metrics, target and calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from tokenop.community import analyses, emerging, people, platform, rows, standings
from tokenop.community.intervals import Mean, Rate
from tokenop.community.people import Contributor
from tokenop.community.standings import Need, Standing
from tokenop.evidence.constants import SUCCESS_REDUCTION, TARGET_SUCCESS

if TYPE_CHECKING:
    import duckdb

    from tokenop.catalogue.model import Catalogue
    from tokenop.evidence.model import Evidence

Verdict = Literal["unknown", "met", "missed", "undecided"]


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the templates and the evidence of a repository say on one day."""

    today: date
    reviews: int
    implementations: int
    samples: int
    newest: date | None
    standings: tuple[Standing, ...]
    impact: tuple[analyses.Impact, ...]
    effort: tuple[analyses.Effort, ...]
    across: analyses.Across
    quality: tuple[analyses.Quality, ...]
    best: tuple[Standing, ...]
    people: tuple[Contributor, ...]
    needs: tuple[Need, ...]
    patterns: tuple[emerging.Pattern, ...]
    outcomes: tuple[analyses.Outcomes, ...]
    calibration: tuple[analyses.Calibration, ...]
    metrics: tuple[platform.Metric, ...]

    @property
    def success(self) -> Rate:
        """Return how many implementations succeeded of those of which it is known."""
        return self.outcomes[0].rate

    @property
    def saved_usd(self) -> Decimal | None:
        """Return what reports document as saved, at equal traffic; None where none does."""
        amounts = [one.saved_usd for one in self.impact if one.month is None and one.saved_usd is not None]
        return sum(amounts, Decimal(0)) if amounts else None

    @property
    def target(self) -> Verdict:
        """Return whether more than 90 % of implementations succeed, as far as their number tells."""
        low, high = self.success.low, self.success.high
        if low is None or high is None:
            return "unknown"
        if low > TARGET_SUCCESS:
            return "met"
        return "missed" if high <= TARGET_SUCCESS else "undecided"


def compute(
    catalogue: Catalogue, evidence: Evidence, today: date, retiring: Mapping[str, tuple[str, ...]] | None = None
) -> Statistics:
    """Return the statistics.

    Args:
        catalogue: the templates.
        evidence: reviews and implementations; samples are counted, and count for nothing.
        today: the day that ages are counted to; entries dated later count as of today.
        retiring: by template, which of its models go away and when.
    """
    from tokenop.database import connect

    connection = connect()
    try:
        rows.store(connection, catalogue, evidence)
        return _computed(connection, catalogue, evidence, today, retiring or {})
    finally:
        connection.close()


def _computed(
    connection: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    evidence: Evidence,
    today: date,
    retiring: Mapping[str, tuple[str, ...]],
) -> Statistics:
    everyone = people.contributors(connection)
    stand = standings.standings(connection, catalogue, evidence, today)
    impact, across = analyses.impact(connection), analyses.across(connection)
    outcomes, returns = analyses.outcomes(connection), analyses.returns(connection)
    made, given, newest, halved = connection.execute(
        f"""SELECT (SELECT count(*) FROM done), (SELECT count(*) FROM reviews),
            (SELECT max(day) FROM (SELECT day FROM done UNION ALL SELECT day FROM reviews)),
            (SELECT count(*) FILTER (reduction > {SUCCESS_REDUCTION}) FROM done WHERE reduction IS NOT NULL
                HAVING count(*) > 0)"""
    ).fetchall()[0]
    return Statistics(
        today,
        given,
        made,
        _samples(evidence),
        newest,
        stand,
        impact,
        analyses.effort(connection),
        across,
        analyses.quality(connection),
        standings.best(stand),
        everyone,
        standings.needs(connection, catalogue, stand, today, retiring),
        emerging.patterns(connection, today),
        outcomes,
        analyses.calibration(connection),
        platform.metrics(stand, everyone, impact, across, outcomes, returns, halved),
    )


def _samples(evidence: Evidence) -> int:
    found = evidence.by_template.values()
    return sum(one.sample for each in found for one in each.reviews) + sum(
        one.sample for each in found for one in each.implementations
    )


def as_dict(statistics: Statistics) -> dict[str, Any]:
    """Return the statistics as JSON-ready fields: amounts as text, unknown as null."""
    return {
        "today": statistics.today.isoformat(),
        "reviews": statistics.reviews,
        "implementations": statistics.implementations,
        "samples_left_out": statistics.samples,
        "newest": statistics.newest.isoformat() if statistics.newest else None,
        "target": {"success": str(TARGET_SUCCESS), "verdict": statistics.target, **statistics.success.as_dict()},
        "saved_usd": _plain(statistics.saved_usd),
        "confidence": [_standing(one) for one in statistics.standings],
        "impact": _plain(statistics.impact),
        "effort": _plain(statistics.effort),
        "across": _plain(statistics.across),
        "quality": _plain(statistics.quality),
        "best": [one.template for one in statistics.best],
        "contributors": _plain(statistics.people),
        "needs": _plain(statistics.needs),
        "patterns": _plain(statistics.patterns),
        "outcomes": _plain(statistics.outcomes),
        "calibration": _plain(statistics.calibration),
        "metrics": _plain(statistics.metrics),
    }


def _standing(one: Standing) -> dict[str, Any]:
    sure = one.confidence
    fields = _plain(one)
    fields["confidence"] = {
        "score": _plain(sure.score),
        "implementations": sure.n,
        "successes": sure.successes,
        "failures": sure.failures,
        "unknown": sure.unknown,
        "approvals": sure.approvals,
    }
    plain: dict[str, Any] = fields
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Rate | Mean):
        return value.as_dict()
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(item) for name, item in value._asdict().items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal | date):
        return str(value)
    return value if value is None or isinstance(value, bool | int | str) else None
