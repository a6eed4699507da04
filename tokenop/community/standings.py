"""How single templates stand: how sure one can be of each, which do best, and which need work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple

from tokenop.community.intervals import Mean, Rate, mean
from tokenop.evidence.confidence import Confidence
from tokenop.planning.trust import trust

if TYPE_CHECKING:
    import duckdb

    from tokenop.catalogue.model import Catalogue, Template
    from tokenop.evidence.model import Evidence

# Fewer cases say nothing against a template: three failures of three are 0 to 56 % by the interval, two 0 to 66 %.
FEWEST = 3
FAILING = Decimal("0.5")
OLD_DAYS = 365

Action = Literal["update", "deprecate"]


class Standing(NamedTuple):
    """One template: confidence, successes, realised reduction of a call's cost, and what approval lacks."""

    template: str
    layer: str
    category: str
    version: str
    status: str
    confidence: Confidence
    rate: Rate
    reduction: Mean
    lacks: tuple[str, ...]


class Need(NamedTuple):
    """A reason to work on a template."""

    template: str
    action: Action
    code: str
    why: str


class Facts(NamedTuple):
    """What the tables say of a template that evidence names: newest entry, entries about its major version, all."""

    template: str
    last: date
    of_version: int
    entries: int


def standings(
    connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, evidence: Evidence, today: date
) -> tuple[Standing, ...]:
    """Return all templates by id."""
    counts = {
        name: (Rate(hits, known), mean(n, total, squares, 1))
        for name, hits, known, n, total, squares in connection.execute(
            """SELECT template, count(*) FILTER (success), count(success), count(reduction), sum(reduction),
                sum(reduction * reduction) FROM done GROUP BY template"""
        ).fetchall()
    }
    trusted = trust(catalogue.templates, evidence, today)
    found = []
    for template in sorted(catalogue.templates, key=lambda template: template.id):
        sure = trusted[template.id]
        rate, reduction = counts.get(template.id, (Rate(0, 0), mean(0, None, None)))
        kind = (template.id, template.layer, template.category, template.version, template.status)
        found.append(Standing(*kind, sure, rate, reduction, sure.lacks()))
    return tuple(found)


def best(all_standings: tuple[Standing, ...]) -> tuple[Standing, ...]:
    """Return the templates of which a success or failure is known, the surest first: by the interval's lower end."""
    known = [one for one in all_standings if one.rate.of]
    return tuple(sorted(known, key=lambda one: (-(one.rate.low or 0), -(one.reduction.low or -9), one.template)))


def needs(
    connection: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    all_standings: tuple[Standing, ...],
    today: date,
    retiring: Mapping[str, tuple[str, ...]],
) -> tuple[Need, ...]:
    """Return the templates that need work, and why. `retiring` says by template which models go away."""
    templates = {template.id: template for template in catalogue.templates}
    seen = {facts.template: facts for facts in _facts(connection)}
    found: list[Need] = []
    for standing in all_standings:
        template = templates[standing.template]
        found += _of_age(template, seen.get(template.id), today)
        found += _of_results(template, standing)
        found += [Need(template.id, "update", "model", text) for text in retiring.get(template.id, ())]
    for name in sorted(seen.keys() - templates.keys()):
        found.append(Need(name, "update", "gone", "has evidence, but is not among the sound templates"))
    return tuple(sorted(found))


def _facts(connection: duckdb.DuckDBPyConnection) -> Iterator[Facts]:
    rows = connection.execute(
        """SELECT e.template, max(e.day),
            count(*) FILTER (split_part(e.version, '.', 1) = split_part(t.version, '.', 1)), count(*)
        FROM (SELECT template, version, day FROM implementations
            UNION ALL SELECT template, version, day FROM reviews) e
        LEFT JOIN templates t ON t.id = e.template GROUP BY e.template ORDER BY e.template"""
    ).fetchall()
    return (Facts(*row) for row in rows)


def _of_age(template: Template, facts: Facts | None, today: date) -> Iterator[Need]:
    if template.stale_after < today:
        yield Need(template.id, "update", "stale", f"to be verified again since {template.stale_after}")
    if facts is None:
        return
    if (today - facts.last).days > OLD_DAYS:
        yield Need(template.id, "update", "old-evidence", f"its newest evidence is of {facts.last}")
    if not facts.of_version:
        text = f"none of its {facts.entries} reviews and implementations is about version {template.version}"
        yield Need(template.id, "update", "old-version", text)


def _of_results(template: Template, standing: Standing) -> Iterator[Need]:
    rate, reduction, claim = standing.rate, standing.reduction, template.claim.savings_percent
    if rate.of >= FEWEST and rate.high is not None and rate.high < FAILING:
        text = f"{rate.hits} of {rate.of} implementations succeeded: at most {_percent(rate.high)} by the interval"
        yield Need(template.id, "deprecate", "failing", text)
    # A claim is a share of a whole workload's bill, a report often of the calls that changed. So it may well save more;
    # less, not even there, is what contradicts the claim.
    if reduction.n >= FEWEST and reduction.low is not None and reduction.high is not None:
        seen = f"{_percent(reduction.low)} to {_percent(reduction.high)} saved in {reduction.n} implementations"
        if reduction.high < claim.low / 100:
            yield Need(
                template.id, "update", "claims-more", f"{seen}, claimed at least {claim.low:f} % of its workload"
            )
    objecting = sorted(one.reviewer for one in standing.confidence.reviews if one.verdict == "request-changes")
    if objecting:
        yield Need(template.id, "update", "objections", f"changes requested by {', '.join(objecting)}")


def _percent(share: Decimal) -> str:
    return f"{share * 100:.1f} %"
