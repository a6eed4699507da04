"""What the community's dashboard shows, in words and numbers; `reports.community` draws it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from tokenop.community.intervals import Mean, Rate
from tokenop.community.platform import GROUPS, dollars, percent, plain_layer, rate
from tokenop.community.statistics import Statistics
from tokenop.community.text import counted
from tokenop.evidence.constants import TARGET_SUCCESS

MONTHS = 12
PEOPLE = 50
COLOURS = {"application-layer": "s1", "serving-layer": "s3", "infrastructure-layer": "s5", "cross-layer": "s2"}
_VERDICT = {
    "unknown": "",
    "met": "The target is met: even the lower end of the interval is above it.",
    "missed": "The target is missed: even the upper end of the interval is not above it.",
    "undecided": "Whether the target is met is not decided: the interval holds values on both sides of it.",
}


def content(statistics: Statistics) -> dict[str, Any]:
    """Return what the page shows. The same statistics give the same content."""
    return {
        "today": statistics.today.isoformat(),
        "headline": _headline(statistics),
        "lead": _lead(statistics),
        "tiles": _tiles(statistics),
        "target": float(TARGET_SUCCESS * 100),
        "success": _success(statistics),
        "calibration": [
            {"name": "All" if one.layer is None else _layer(one.layer), **_bar(one.inside)}
            for one in statistics.calibration
            if one.inside.of
        ],
        "months": _months(statistics),
        "highest": dollars(max((_sum(_ups(one)) for one in _monthly(statistics).values()), default=None)),
        "legend": [{"name": _layer(layer), "colour": colour} for layer, colour in COLOURS.items()],
        "templates": _templates(statistics),
        "silent": [one.template for one in statistics.standings if not (one.rate.of or one.confidence.reviews)],
        "quality": [
            {"name": one.category, "known": f"{one.known} of {one.entries}", "drop": _mean(one.drop),
             "worst": percent(one.worst), "kept": rate(one.kept)}
            for one in statistics.quality
        ],
        "effort": [
            {"name": one.category, "known": f"{one.known} of {one.entries}", "median": _hours(one.hours_median),
             "middle": f"{_hours(one.hours_p25)} to {_hours(one.hours_p75)}" if one.known else "unknown",
             "ratio": "unknown" if one.ratio_median is None else f"{one.ratio_median:.2f} ×"}
            for one in statistics.effort
        ],
        "people": [
            {"handle": one.handle, "templates": len(one.templates), "reviews": one.reviews,
             "implementations": one.implementations, "since": one.since or "unknown",
             "held": rate(one.held) if one.held.of else "–"}
            for one in statistics.people[:PEOPLE]
        ],
        "more_people": max(len(statistics.people) - PEOPLE, 0),
        "needs": [{"name": one.template, "action": one.action, "why": one.why} for one in statistics.needs],
        "patterns": [
            {"kind": one.kind, "name": one.name, "before": f"{one.before.hits} of {one.before.of}",
             "now": f"{one.now.hits} of {one.now.of}", "sure": one.beyond_chance}
            for one in statistics.patterns
        ],
        "metrics": [
            {"title": _title(group), "rows": [
                {"name": one.name, "value": one.value, "note": one.note}
                for one in statistics.metrics if one.group == group
            ]}
            for group in GROUPS
        ],
    }  # fmt: skip


def _headline(statistics: Statistics) -> str:
    success = statistics.success
    if not success.of:
        number = counted(len(statistics.standings), "template")
        return f"{number}, and nobody has reported yet what became of one."
    return f"{percent(success.share)} of {counted(success.of, 'implementation')} succeeded."


def _lead(statistics: Statistics) -> str:
    if not statistics.implementations:
        return (
            "So rates, savings and rankings are unknown, which is not the same as zero. Whoever puts a template in "
            "place can change that with tokenop submit-implementation."
        )
    unknown = statistics.implementations - statistics.success.of
    text = f"The target is more than {TARGET_SUCCESS * 100:.0f} %. {_VERDICT[statistics.target]}"
    return f"{text} Of {counted(unknown, 'more report')} success is unknown." if unknown else text


def _tiles(statistics: Statistics) -> list[dict[str, str]]:
    success, saved = statistics.success, statistics.saved_usd
    tone = {"met": "good", "missed": "bad"}.get(statistics.target, "")
    interval = (
        "no success or failure is known" if success.low is None or success.high is None
        else f"95 %: {percent(success.low)} to {percent(success.high)}"
    )  # fmt: skip
    approved = sum(not one.lacks for one in statistics.standings)
    return [
        _tile("Templates", f"{len(statistics.standings)}", f"{approved} with reviews and confidence for approval"),
        _tile("Implementations that succeed", percent(success.share), interval, tone),
        _tile(
            "Documented saving",
            dollars(saved),
            "at equal traffic, over the reported windows" if saved is not None else "no report with costs and calls",
            "" if saved is None else "good" if saved >= 0 else "bad",
        ),
        _tile(
            "People",
            f"{len(statistics.people)}",
            f"{counted(statistics.reviews, 'review')}, {counted(statistics.implementations, 'implementation')}",
        ),
    ]


def _tile(label: str, figure: str, note: str, tone: str = "") -> dict[str, str]:
    return {"label": label, "figure": figure, "note": note, "tone": tone}


def _success(statistics: Statistics) -> list[dict[str, Any]]:
    return [
        {"name": "All" if one.layer is None else _layer(one.layer), **_bar(one.rate)}
        for one in statistics.outcomes
        if one.complexity is None and one.rate.of
    ]


def _templates(statistics: Statistics) -> list[dict[str, Any]]:
    ranked = {one.template: place for place, one in enumerate(statistics.best)}
    shown = [one for one in statistics.standings if one.rate.of or one.confidence.reviews]
    shown.sort(key=lambda one: (ranked.get(one.template, len(ranked)), one.template))
    return [
        {
            "name": one.template,
            "layer": _layer(one.layer),
            "confidence": "unknown" if one.confidence.score is None else f"{one.confidence.score:.3f}",
            "reduction": _mean(one.reduction),
            "lacks": "; ".join(one.lacks) or "nothing",
            **_bar(one.rate),
        }
        for one in shown
    ]


def _months(statistics: Statistics) -> list[dict[str, Any]]:
    """Return the last months with what each layer saved a month, as parts of the highest bar; losses go downwards."""
    found = _monthly(statistics)
    shown = sorted(found)
    ups = [_sum(_ups(found[month])) for month in shown]
    downs = [-_sum(amount for amount in found[month].values() if amount < 0) for month in shown]
    reach = max(ups, default=Decimal(0)) + max(downs, default=Decimal(0))
    zero = max(downs, default=Decimal(0)) / reach * 100 if reach else Decimal(0)
    return [
        {
            "month": month,
            "total": dollars(_sum(found[month].values())),
            "parts": _stacked(found[month], reach, zero),
            "figures": [
                {"name": _layer(layer), "amount": dollars(found[month].get(layer))}
                for layer in COLOURS if layer in found[month]
            ],
        }
        for month in shown
    ]  # fmt: skip


def _monthly(statistics: Statistics) -> dict[str, dict[str, Decimal]]:
    """Return what each layer saved a month, of the last months in which any did."""
    found: dict[str, dict[str, Decimal]] = {}
    for one in statistics.impact:
        if one.month and one.monthly_usd is not None and one.layer in COLOURS:
            found.setdefault(one.month, {})[one.layer] = one.monthly_usd
    return {month: found[month] for month in sorted(found)[-MONTHS:]}


def _ups(amounts: dict[str, Decimal]) -> list[Decimal]:
    return [amount for amount in amounts.values() if amount > 0]


def _stacked(amounts: dict[str, Decimal], reach: Decimal, zero: Decimal) -> list[dict[str, Any]]:
    up, down, parts = zero, zero, []
    for layer, colour in COLOURS.items():
        height = abs(amounts.get(layer, Decimal(0))) / reach * 100 if reach else Decimal(0)
        if not height:
            continue
        if amounts[layer] > 0:
            bottom, up = up, up + height
        else:
            down -= height
            bottom = down
        parts.append({"colour": colour, "bottom": _size(bottom), "height": _size(height)})
    return parts


def _bar(figure: Rate) -> dict[str, Any]:
    if figure.share is None or figure.low is None or figure.high is None:
        return {"known": False, "text": "unknown"}
    low, high = figure.low * 100, figure.high * 100
    return {
        "known": True,
        "at": _size(figure.share * 100),
        "low": _size(low),
        "width": _size(high - low),
        "text": f"{percent(figure.share)}, {figure.hits} of {figure.of}",
        "interval": f"{percent(figure.low)} to {percent(figure.high)}",
    }


def _size(value: Decimal) -> str:
    return f"{value:.2f}"


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def _mean(figure: Mean) -> str:
    if figure.value is None:
        return "unknown"
    if figure.low is None or figure.high is None:
        return f"{percent(figure.value)}, one report"
    return f"{percent(figure.value)} ({percent(figure.low)} to {percent(figure.high)})"


def _hours(value: Decimal | None) -> str:
    return "unknown" if value is None else f"{value:,.1f} h"


def _title(group: str) -> str:
    """Return `templateEcosystem` as `Template ecosystem`."""
    text = re.sub(r"([A-Z])", r" \1", group).lower()
    return text[:1].upper() + text[1:]


def _layer(name: str) -> str:
    text = plain_layer(name)
    return text[:1].upper() + text[1:]
