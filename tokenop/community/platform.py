"""The platform's success metrics (section 7 of the product's requirements), as far as the repository knows them.

What it cannot know is unknown and says what would make it known. It is never 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from tokenop.community.analyses import Across, Impact, Outcomes, Return
from tokenop.community.intervals import Mean, Rate
from tokenop.community.outcome import HOURLY_RATE
from tokenop.community.people import Contributor
from tokenop.community.standings import Standing

DOCUMENTED_TARGET_USD = Decimal(100_000_000)


class Metric(NamedTuple):
    """One metric: its value in words, or None and what would make it known."""

    group: str
    name: str
    value: str | None
    note: str


GROUPS = ("templateEcosystem", "optimizationEffectiveness", "platformAdoption", "technicalAuthority")

_ECOSYSTEM, _EFFECT, _ADOPTION, _AUTHORITY = GROUPS
_NOT_MEASURED = "no implementation of it with costs and calls of both sides is reported yet"


def metrics(
    standings: Sequence[Standing],
    people: Sequence[Contributor],
    impacts: Sequence[Impact],
    across: Across,
    outcomes: Sequence[Outcomes],
    returns: Return,
    successes: int | None,
) -> tuple[Metric, ...]:
    """Return all metrics in the order of the requirements. `successes`: implementations that saved over 20 %."""
    return (
        *_ecosystem(standings, people, successes),
        *_effectiveness(impacts, across, outcomes, returns),
        *_adoption(impacts),
        *_authority(),
    )


def _ecosystem(
    standings: Sequence[Standing], people: Sequence[Contributor], successes: int | None
) -> list[Metric]:  # fmt: skip
    layers = Counter(one.layer for one in standings)
    by_layer = ", ".join(f"{plain_layer(layer)} {number}" for layer, number in sorted(layers.items()))
    seen = sorted({layer for person in people for layer in person.layers})
    return [
        Metric(_ECOSYSTEM, "totalTemplates", f"{len(standings)}", by_layer),
        Metric(_ECOSYSTEM, "crossLayerTemplates", f"{layers['cross-layer']}", "templates in cross-layer/"),
        _quality(standings),
        Metric(
            _ECOSYSTEM,
            "communityContributors",
            f"{len(people)}",
            "people who wrote, reviewed or implemented, without the project itself"
            + (f"; in {', '.join(map(plain_layer, seen))}" if seen else ""),
        ),
        Metric(
            _ECOSYSTEM,
            "successfulImplementations",
            None if successes is None else f"{successes}",
            "over 20 % less cost a call"
            if successes is not None
            else "reports of implementations: tokenop submit-implementation writes one",
        ),
    ]


def _quality(standings: Sequence[Standing]) -> Metric:
    """Return the mean confidence of templates, each weighted by its rate of success."""
    known = [
        (one.confidence.score, one.rate.share)
        for one in standings
        if one.confidence.score is not None and one.rate.share is not None
    ]
    weight = sum((share for _, share in known), Decimal(0))
    if not known:
        return Metric(_ECOSYSTEM, "templateQuality", None, "implementations of which success is known")
    note = f"mean confidence weighted by rate of success, over {len(known)} of {len(standings)} templates"
    if not weight:
        return Metric(_ECOSYSTEM, "templateQuality", None, "a template of which one implementation succeeded")
    value = sum((score * share for score, share in known), Decimal(0)) / weight
    return Metric(_ECOSYSTEM, "templateQuality", f"{value:.3f}", note)


def _effectiveness(
    impacts: Sequence[Impact], across: Across, outcomes: Sequence[Outcomes], returns: Return
) -> list[Metric]:
    whole = {one.layer: one for one in impacts if one.month is None}
    names = {
        "applicationLayerSavings": "application-layer",
        "servingLayerSavings": "serving-layer",
        "infrastructureSavings": "infrastructure-layer",
    }
    found = [
        Metric(_EFFECT, name, *(_mean(whole[layer].reduction) if layer in whole else (None, _NOT_MEASURED)))
        for name, layer in names.items()
    ]
    value, note = _mean(across.difference)
    found.append(
        Metric(
            _EFFECT,
            "crossLayerSynergies",
            value,
            f"points more than {plain_layer(across.best_layer)}, the best layer alone; {note}"
            if value and across.best_layer
            else "implementations of cross-layer templates and of one layer's",
        )
    )
    ratio = returns.ratio
    found.append(
        Metric(
            _EFFECT,
            "averageROI",
            None if ratio is None else f"{ratio * 100:,.0f} %",
            f"net saving of 12 months over the work put in at ${HOURLY_RATE} an hour, weighted by that work,"
            f" {returns.known} implementations"
            if ratio is not None
            else "implementations with hours, windows, costs and calls",
        )
    )
    total, rest = outcomes[0], outcomes[1:]
    parts = [_group(one) for one in rest if one.rate.of]
    found.append(
        Metric(
            _EFFECT,
            "implementationSuccessRate",
            rate(total.rate) if total.rate.of else None,
            "; ".join(parts) if total.rate.of else "implementations with cost and quality of both sides",
        )
    )
    return found


def _adoption(impacts: Sequence[Impact]) -> list[Metric]:
    amounts = [one.saved_usd for one in impacts if one.month is None and one.saved_usd is not None]
    saved = sum(amounts, Decimal(0)) if amounts else None
    return [
        Metric(
            _ADOPTION,
            "monthlyActiveUsers",
            None,
            "target: 1,000. TokenOp sends nothing home; a survey, or downloads of the package as a weak sign",
        ),
        Metric(_ADOPTION, "enterpriseCustomers", None, "target: 50. A list that customers agreed to be on"),
        Metric(
            _ADOPTION,
            "collectorAdoption",
            None,
            "which collector a report's events came from: a field that reports of implementations do not have",
        ),
        Metric(
            _ADOPTION,
            "totalCostSavings",
            None if saved is None else dollars(saved),
            f"documented in reports, at equal traffic, over their windows; target: {dollars(DOCUMENTED_TARGET_USD)}"
            if saved is not None
            else f"reports with costs and calls; target: {dollars(DOCUMENTED_TARGET_USD)}",
        ),
    ]


def _authority() -> list[Metric]:
    unknown = {
        "ossContributions": "a list of pull requests to vLLM, SGLang and TensorRT-LLM, with links",
        "researchPapers": "a list of publications, with links",
        "communityRecognition": "stars from GitHub's API; talks and citations as a list with links",
        "acquisitionReadiness": "a definition: no figure of this repository measures it",
    }
    return [Metric(_AUTHORITY, name, None, note) for name, note in unknown.items()]


def _group(one: Outcomes) -> str:
    name = plain_layer(one.layer) + (f", {one.complexity} complexity" if one.complexity else "")
    return f"{name}: {one.rate.hits} of {one.rate.of}"


def _mean(figure: Mean) -> tuple[str | None, str]:
    if figure.value is None:
        return None, _NOT_MEASURED
    if figure.low is None or figure.high is None:
        return percent(figure.value), "one implementation: no interval"
    return percent(figure.value), f"95 %: {percent(figure.low)} to {percent(figure.high)}, n = {figure.n}"


def rate(figure: Rate) -> str:
    """Return a rate with its interval in words."""
    if figure.share is None or figure.low is None or figure.high is None:
        return "unknown"
    return (
        f"{percent(figure.share)} ({figure.hits} of {figure.of}; 95 %: {percent(figure.low)} to {percent(figure.high)})"
    )


def percent(share: Decimal | None) -> str:
    """Return a signed share in percent with one digit."""
    if share is None:
        return "unknown"
    text = f"{share * 100:.1f}"
    return f"{'0.0' if text == '-0.0' else text} %"


def dollars(amount: Decimal | None) -> str:
    """Return US dollars: whole ones, cents below a hundred."""
    if amount is None:
        return "unknown"
    text = f"{abs(amount):,.{0 if abs(amount) >= 100 else 2}f}"
    return f"{'-' if amount < 0 and float(text.replace(',', '')) else ''}${text}"


def plain_layer(name: str | None) -> str:
    """Return `serving-layer` as `serving`; cross-layer stays what it is."""
    return (name or "unknown").removesuffix("-layer") if name != "cross-layer" else name
