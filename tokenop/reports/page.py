"""The HTML report: one file that loads nothing, reads in a minute, and is the same bytes for the same inputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop.reports import charts, sentences, words
from tokenop.reports.breakdown import Breakdown, Share
from tokenop.reports.palette import series_colour, variables
from tokenop.reports.plan import Plan
from tokenop.reports.svg import render as draw

if TYPE_CHECKING:
    import altair
    import jinja2

    from tokenop.reports.dashboard import Dashboard

FOLDER = Path(__file__).parent
WIDE, NARROW = 1020, 326
# The page may show what it carries and nothing else: no request, no form, no script.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
BUCKETS = {
    "uncached": ("input, not cached", "s1"),
    "read": ("input, read from cache", "s2"),
    "write_5m": ("written to cache, 5 min", "s3"),
    "write_1h": ("written to cache, 1 h", "s4"),
    "output": ("output", "s5"),
}
SWINGS, SWEEPS = 10, 9


def render(plan: Plan, breakdown: Breakdown, notes: tuple[str, ...] = (), dashboard: Dashboard | None = None) -> str:
    """Return the report as HTML.

    Args:
        plan: what to do, and what it is worth.
        breakdown: the same window's bill from all sides.
        notes: warnings to show loudly above everything else.
        dashboard: interactive charts to add; without them the page carries no script.
    """
    environment = _environment()
    context = _texts(plan, breakdown) | _numbers(plan, breakdown) | _origin(plan)
    context |= {
        "plan": plan,
        "breakdown": breakdown,
        "notes": notes,
        "chosen": sorted(plan.chosen, key=lambda template: template.order),
        "policy": dashboard.policy(POLICY) if dashboard else POLICY,
        "css": _markup(variables() + (FOLDER / "style.css").read_text(encoding="utf-8")),
        "dashboard": _markup(dashboard.markup) if dashboard else None,
        "scripts": _markup(dashboard.scripts) if dashboard else "",
    }
    return environment.get_template("page.html").render(context).lstrip()


def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "usd": words.usd,
        "change": words.change,
        "percent": words.percent,
        "count": words.count,
        "short": words.short,
        "days": words.days,
        "day_range": lambda range_: words.day_range(range_.p10, range_.p90),
        "hours": sentences.hours,
        "words": lambda text: str(text).replace("-", " ").replace("_", " "),
        "before": partial(_side, side="before"),
        "after": partial(_side, side="after"),
        "delta": lambda share: "unknown" if _unknown(share) else words.change(share.after - share.before),
    }
    return environment


def _markup(trusted: str) -> Any:
    """Return text that is HTML already: our own style sheet, escaped markup, a drawing that an XML library wrote."""
    from markupsafe import Markup

    return Markup(trusted)  # noqa: S704 see above


def _unknown(share: Share) -> bool:
    """Return whether no call of the group has a price, so that its sum of zero means nothing."""
    return share.unpriced >= share.calls > 0 and share.before == 0 and share.after == 0


def _side(share: Share, side: str) -> str:
    return words.UNKNOWN if _unknown(share) else words.usd(getattr(share, side))


def _texts(plan: Plan, breakdown: Breakdown) -> dict[str, Any]:
    period = sentences.period(plan.window.since, plan.window.until)
    costs = [template.roi.implementation_usd for template in plan.chosen]
    known = [cost for cost in costs if cost is not None]
    return {
        "title": f"{sentences.headline(plan)} · TokenOp",
        "headline": sentences.headline(plan),
        "lead": sentences.lead(plan),
        "bills": sentences.bills(plan),
        "limited": sentences.limited(plan),
        "infrastructure_text": sentences.infrastructure_text(plan),
        "period": f"{period} ({sentences.hours(plan.window.hours)})",
        "after_interval": sentences.after_interval(plan),
        "implementation": sum(known, Decimal(0)) if known and len(known) == len(costs) else None,
        "coverage_note": sentences.coverage_note(breakdown.total),
        "plan_text": sentences.plan_text(plan),
        "time_text": sentences.time_text(breakdown, breakdown.series),
        "where_text": sentences.where_text(breakdown),
    }


def _numbers(plan: Plan, breakdown: Breakdown) -> dict[str, Any]:
    """Return the charts and the tables that say the same in figures."""
    swings, sweeps = _swings(plan), _sweeps(plan)
    buckets = _buckets(breakdown)
    drawn: dict[str, Any] = {
        "waterfall": _both(partial(charts.waterfall, plan), "The plan as steps from today’s bill to the bill after it"),
        "over_time": _both(partial(charts.over_time, breakdown), "Spend over time by model; the line is the plan"),
        "tornado": _both(partial(charts.tornado, swings), "Sensitivity of the saving") if swings else None,
    }
    for dimension in ("model", "tenant", "intent"):
        drawn[dimension] = _draw(charts.shares(breakdown.by[dimension]), f"Spend by {dimension}")
    for name in ("token", "cost"):
        parts = [(bucket["colour"], float(bucket[f"{name}_share"] or 0)) for bucket in buckets]
        drawn["tokens" if name == "token" else name] = _both(
            partial(charts.stacked_share, parts), f"Share of each kind of token in all {name}s"
        )
    return {
        "charts": drawn,
        "swings": swings,
        "sweeps": sweeps,
        "buckets": buckets,
        "series": [
            {"name": name, "colour": series_colour(place)} for place, name in enumerate(breakdown.series)
        ],
        "periods": _periods(breakdown),
    }  # fmt: skip


def _draw(chart: altair.TopLevelMixin, label: str) -> Any:
    return _markup(draw(chart, label))


def _both(chart: Any, label: str) -> dict[str, Any]:
    """Return the chart in the page's width and in a phone's, of which the style sheet shows one."""
    return {"wide": _draw(chart(width=WIDE), label), "narrow": _draw(chart(width=NARROW), label)}


def _swings(plan: Plan) -> list[tuple[str, Decimal, Decimal]]:
    """Return how far single assumptions move what the plan saves, the widest first."""
    mean = plan.savings_monthly_usd.mean or Decimal(0)
    found = []
    for template in plan.chosen:
        for swing in template.sensitivity:
            label = f"{_parameter(swing.parameter)} · {template.title}"
            found.append((label, swing.low_usd - mean, swing.high_usd - mean))
    widest = max((abs(end) for _, *ends in found for end in ends), default=Decimal(0))
    # What moves less than half a percent of the widest would be a bar that nobody can see.
    moving = [swing for swing in found if max(abs(swing[1]), abs(swing[2])) * 200 > widest]
    return sorted(moving, key=lambda swing: (-max(abs(swing[1]), abs(swing[2])), swing[0]))[:SWINGS]


def _parameter(name: str) -> str:
    """Return `lever[1].some_parameter` as `some parameter (lever 2)`."""
    lever, _, parameter = name.rpartition(".")
    place = lever.partition("[")[2].removesuffix("]")
    return parameter.replace("_", " ") + (f" (lever {int(place) + 1})" if place.isdigit() else "")


def _sweeps(plan: Plan) -> list[dict[str, Any]]:
    shown = [
        {
            "title": template.title,
            "parameter": sweep.parameter,
            "best": None if sweep.best is None else f"{sweep.best.normalize():f}",
            "chart": _draw(charts.sweep(sweep, 300), f"Monthly saving of the plan over {sweep.parameter}"),
        }
        for template in sorted(plan.chosen, key=lambda chosen: chosen.order)
        for sweep in template.sweeps
        if len({point.value for point in sweep.points}) > 1
    ]
    return shown[:SWEEPS]


def _buckets(breakdown: Breakdown) -> list[dict[str, Any]]:
    tokens = sum(bucket.tokens for bucket in breakdown.buckets)
    cost = sum((bucket.cost or Decimal(0) for bucket in breakdown.buckets), Decimal(0))
    return [
        {
            "title": BUCKETS[bucket.name][0],
            "colour": BUCKETS[bucket.name][1],
            "tokens": bucket.tokens,
            "cost": bucket.cost,
            "token_share": Decimal(bucket.tokens) / tokens if tokens else None,
            "cost_share": bucket.cost / cost if cost and bucket.cost is not None else None,
        }
        for bucket in breakdown.buckets
        if bucket.tokens
    ]


def _periods(breakdown: Breakdown) -> list[dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for item in breakdown.slices:
        row = rows.setdefault(
            item.period,
            {
                "period": item.period,
                "cells": [Decimal(0)] * len(breakdown.series),
                "before": Decimal(0),
                "after": Decimal(0),
            },
        )
        row["cells"][item.rank] += item.before
        row["before"] += item.before
        row["after"] += item.after
    return [rows[period] for period in sorted(rows)]


def _origin(plan: Plan) -> dict[str, Any]:
    inputs = plan.inputs
    facts = [
        ("Events", inputs.events_hash),
        *([("Inventory", inputs.inventory_hash)] if inputs.inventory_hash else []),
        ("Prices", inputs.prices_hash),
        ("Templates", inputs.templates_hash),
        ("Commit", inputs.commit),
        ("Window", f"{plan.window.since} to {plan.window.until}"),
        ("Monthly", f"cost of the window × 730.5 h ÷ {plan.window.hours.normalize():f} h"),
        ("Intervals", plan.window.method),
        ("Draws", None if inputs.draws is None else f"{words.count(inputs.draws)}, seed {inputs.seed}"),
        ("Check", _check(plan)),
    ]
    coverage = dict(plan.baseline.coverage)
    unpriced = coverage.pop("unpriced_models", None) or []
    return {
        "origin": [(name, words.UNKNOWN if value is None else value) for name, value in facts],
        "coded": ("Events", "Inventory", "Prices", "Templates", "Commit"),
        "coverage": _coverage(coverage),
        "unpriced": [model for entry in unpriced if (model := _model(entry))],
        "policies": [(name, _fact(name, value)) for name, value in plan.policy.items()],
    }


_KINDS = {
    "reported": "reported by the source",
    "priced": "priced by TokenOp",
    "undated": "… with a price not dated for the day",
    "free": "… and free of charge",
    "unpriced": "not known: no price",
    "without_usage": "not known: no token counts",
}


def _coverage(figures: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return coverage as rows of kind, calls, share of tokens; the whole comes last."""
    rows = [
        (
            title,
            _fact(kind, figures[kind]),
            _fact("share", figures[share]) if (share := f"{kind}_token_share") in figures else "–",
        )
        for kind, title in _KINDS.items()
        if kind in figures
    ]
    total = figures.get("events")
    return [*rows, ("all", _fact("events", total), f"{words.short(figures.get('tokens'))}")] if total else rows


def _check(plan: Plan) -> str | None:
    pooled, replayed = plan.joint.pooled_monthly_usd, plan.joint.replayed_monthly_usd
    if pooled is None or replayed is None:
        return None
    return f"{words.usd(replayed)} saved when every event is replayed, {words.usd(pooled)} when chosen on pooled cells"


def _fact(name: str, value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal) and name.endswith("share"):
        return words.percent(value, 1)
    if isinstance(value, int):
        return words.count(value)
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value) or "none"
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _model(entry: object) -> dict[str, Any] | None:
    """Return an unpriced model as `{provider, model, calls, tokens}`, written as a mapping or as a list of four."""
    names = ("provider", "model", "calls", "tokens")
    if isinstance(entry, list) and len(entry) == len(names):
        return dict(zip(names, entry, strict=True))
    if isinstance(entry, Mapping):
        return {name: entry.get(name) for name in names}
    return None
