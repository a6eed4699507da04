"""The charts, drawn by Altair.

Positions are in pixels of our own and names are written above bars, so that a chart needs no measuring of text: it
looks the same whatever fonts the machine has, and fits a phone.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import altair as alt

from tokenop.reports.breakdown import Breakdown, Share, Slice
from tokenop.reports.palette import LIGHT, series_colour
from tokenop.reports.plan import Plan, Sweep
from tokenop.reports.svg import theme
from tokenop.reports.words import change, clip, percent_change, usd

ROW = 44
CHARACTER = 7.1  # mean width of a character at 12 px; only used to decide where a name is cut


def over_time(breakdown: Breakdown, width: int, height: int = 220) -> alt.LayerChart:
    """Return stacked bars of today's spend a period by series, with the spend under the plan as a line."""
    bars = [
        {"period": s.period, "rank": s.rank, "usd": float(s.before), "colour": LIGHT[series_colour(s.rank)]}
        for s in breakdown.slices
    ]
    periods = sorted({s.period for s in breakdown.slices})
    after = {period: sum((s.after for s in breakdown.slices if s.period == period), Decimal(0)) for period in periods}
    top = max([*_totals(breakdown.slices).values(), *after.values(), Decimal("0.000001")])
    x = alt.X(
        "period:O",
        scale=alt.Scale(domain=periods, paddingInner=0.18, paddingOuter=0.1),
        axis=alt.Axis(
            values=_ticks(periods, max(2, width // 90)),
            labelExpr=f"utcFormat(toDate(datum.value), '{'%b %Y' if breakdown.grain == 'month' else '%-d %b'}')",
            labelAngle=0,
            labelColor=LIGHT["muted"],
            labelFontSize=12,
            labelPadding=6,
            labelOverlap=False,
            labelBound=False,
            domainColor=LIGHT["muted"],
            ticks=False,
            title=None,
        ),
    )
    y_scale = alt.Scale(domain=[0, float(top) * 1.06], nice=False)
    stacked = (
        _chart(bars)
        .mark_bar()
        .encode(
            x=x,
            y=alt.Y("usd:Q", scale=y_scale, axis=_money_axis(float(top))),
            color=alt.Color("colour:N", scale=None, legend=None),
            order="rank:Q",
        )
    )
    planned = [{"period": period, "usd": float(value)} for period, value in after.items()]
    # A line a bar, not a curve: between two days there is no spend. The pale edge keeps it visible on any bar.
    lines = [
        _chart(planned)
        .mark_rule(color=LIGHT[colour], strokeWidth=stroke)
        .encode(
            x=alt.X("period:O", bandPosition=0),
            x2=alt.X2("period:O", bandPosition=1),
            y=alt.Y("usd:Q", scale=y_scale),
        )
        for colour, stroke in (("card", 4.5), ("ink", 2))
        if any(item.before != item.after for item in breakdown.slices)
    ]
    return _finished(alt.layer(stacked, *lines), width - 48, height, top=6, bottom=26, left=48)


def shares(groups: tuple[Share, ...], width: int = 300) -> alt.LayerChart:
    """Return a bar a group: what it will cost, what is saved of today's bill, what is added to it."""
    top = float(max([*(max(g.before, g.after) for g in groups), Decimal("0.000001")]))
    segments: list[dict[str, Any]] = []
    texts: list[dict[str, Any]] = []
    for place, group in enumerate(groups):
        base = place * ROW
        unknown = group.before == group.after == 0 and group.unpriced > 0
        amount = "no price known" if unknown else usd(group.before)
        if not unknown and group.before != group.after:
            amount = f"{usd(group.before)} → {usd(group.after)}  {percent_change(group.before, group.after)}"
        name = f"{group.name} ({group.pooled})" if group.pooled else group.name
        room = int((width - len(amount) * CHARACTER) / CHARACTER) - 1
        texts += [_text(base + 13, 0, clip(name, max(room, 8)), "ink"), _text(base + 13, 1, amount, "muted")]
        low, high = sorted((float(group.before), float(group.after)))
        segments.append(_segment(base + 20, 0, low, "spend"))
        segments.append(_segment(base + 20, low, high, "saved" if group.before > group.after else "added"))
    return _rows(segments, texts, [], (0, top), width, len(groups) * ROW)


def waterfall(plan: Plan, width: int) -> alt.LayerChart:
    """Return the plan as steps from today's bill to the bill after it, each with its P10–P90 interval.

    A step's interval is the template's own, scaled to the part of its saving that counts in the plan.
    """
    rows: list[_Step] = [_Step("Today", usd(plan.baseline_monthly_usd), 0.0, float(plan.baseline_monthly_usd), "spend")]
    running = plan.baseline_monthly_usd
    for template in sorted(plan.chosen, key=lambda template: template.order):
        saved, alone = template.marginal_monthly_usd, template.savings_monthly_usd
        part = saved / alone.mean if alone.mean else None
        ends = [running - part * bound for bound in (alone.p10, alone.p90) if part is not None and bound is not None]
        tone = "saved" if saved >= 0 else "added"
        rows.append(_Step(template.title, change(-saved), float(running), float(running - saved), tone, _pair(ends)))
        running -= saved
    after, joint = plan.after_monthly_usd, plan.savings_monthly_usd
    if usd(after) != usd(running):
        tone = "saved" if after < running else "added"
        rows.append(
            _Step("Median outcome instead of the expected", change(after - running), float(running), float(after), tone)
        )
    ends = [plan.baseline_monthly_usd - bound for bound in (joint.p10, joint.p90) if bound is not None]
    rows.append(_Step("With the plan", usd(after), 0.0, float(after), "spend", _pair(ends)))

    segments, texts, whiskers = [], [], []
    for place, step in enumerate(rows):
        base, total = place * ROW, step.tone == "spend"
        room = int((width - len(step.amount) * CHARACTER) / CHARACTER) - 1
        low, high = sorted((step.start, step.end))
        segments.append(_segment(base + 20, low, high, step.tone, height=14))
        texts.append(_text(base + 13, 0, clip(step.title, room), "ink", bold=total))
        texts.append(_text(base + 13, 1, step.amount, "ink" if total else step.tone, bold=total))
        if step.interval:
            whiskers.append({"y": base + 27, "x": step.interval[0], "x2": step.interval[1]})
    levels = [level for step in rows for level in (step.start, step.end, *(step.interval or ()))]
    return _rows(segments, texts, whiskers, (min(levels), max(*levels, 1e-6)), width, len(rows) * ROW)


class _Step(NamedTuple):
    """A bar of the waterfall."""

    title: str
    amount: str
    start: float
    end: float
    tone: str
    interval: tuple[float, float] | None = None


def _pair(ends: list[Decimal]) -> tuple[float, float] | None:
    return (float(min(ends)), float(max(ends))) if len(ends) == 2 else None


def tornado(swings: list[tuple[str, Decimal, Decimal]], width: int) -> alt.LayerChart:
    """Return a bar a parameter from the change at its low end to the change at its high end, around no change.

    Args:
        swings: `(label, change of the saving at the low end, at the high end)`, widest first.
        width: pixels.
    """
    reach = max([*(abs(float(value)) for _, *ends in swings for value in ends), 1e-6])
    segments: list[dict[str, Any]] = []
    texts: list[dict[str, Any]] = []
    for place, (label, low, high) in enumerate(swings):
        base = place * ROW
        amount = f"{change(low)} … {change(high)}"
        room = int((width - len(amount) * CHARACTER) / CHARACTER) - 1
        texts += [_text(base + 13, 0, clip(label, max(room, 8)), "ink"), _text(base + 13, 1, amount, "muted")]
        for value in (float(low), float(high)):
            tone = "saved" if value >= 0 else "added"
            segments.append(_segment(base + 20, min(0.0, value), max(0.0, value), tone))
    return _rows(segments, texts, [], (-reach, reach), width, len(swings) * ROW)


def sweep(tried: Sweep, width: int, height: int = 110) -> alt.LayerChart:
    """Return the saving over the settings of one parameter, the best one marked."""
    points = [{"x": float(p.value), "y": float(p.savings_monthly_usd)} for p in tried.points]
    values = [p["y"] for p in points]
    low, high = min([*values, 0.0]), max([*values, 1e-6])
    x = alt.X(
        "x:Q",
        scale=alt.Scale(domain=[min(p["x"] for p in points), max(p["x"] for p in points)], nice=False),
        axis=alt.Axis(
            tickCount=4, format="~g", grid=False, ticks=False, title=None, labelColor=LIGHT["muted"], labelFontSize=11,
            domainColor=LIGHT["muted"], labelPadding=5, labelFlush=True,
        ),
    )  # fmt: skip
    y = alt.Y("y:Q", scale=alt.Scale(domain=[low, high + (high - low) * 0.15], nice=False), axis=_money_axis(high, 3))
    line = _chart(points).mark_line(color=LIGHT["spend"], strokeWidth=2).encode(x=x, y=y)
    best = [p for p, point in zip(points, tried.points, strict=True) if point.value == tried.best]
    mark = _chart(best).mark_point(color=LIGHT["saved"], filled=True, size=70, opacity=1)
    return _finished(
        alt.layer(line, mark.encode(x="x:Q", y="y:Q")), width - 56, height, top=8, bottom=22, left=48, right=8
    )


def stacked_share(parts: list[tuple[str, float]], width: int, height: int = 18) -> alt.LayerChart:
    """Return one bar of the whole, cut into parts given as `(palette name, share)`."""
    segments, start = [], 0.0
    for colour, share in parts:
        segments.append(_segment(0, start, start + share, colour, height=height))
        start += share
    return _rows(segments, [], [], (0, max(start, 1e-9)), width, height)


def _rows(
    segments: list[dict[str, Any]],
    texts: list[dict[str, Any]],
    whiskers: list[dict[str, Any]],
    domain: tuple[float, float],
    width: int,
    height: int,
) -> alt.LayerChart:
    """Return horizontal bars at pixel rows, with texts at the left (`side` 0) or right edge (1)."""
    y_scale = alt.Scale(domain=[0, height], range=[0, height], nice=False)
    x = alt.X("x:Q", scale=alt.Scale(domain=list(domain), nice=False, zero=False), axis=None)
    y = alt.Y("y:Q", scale=y_scale, axis=None)
    colour = alt.Color("colour:N", scale=None, legend=None)
    layers: list[Any] = [
        _chart([s for s in segments if s["x2"] > s["x"]])
        .mark_rect()
        .encode(x=x, x2="x2:Q", y=y, y2="y2:Q", color=colour)
    ]
    if whiskers:
        ends = [{"x": w[end], "y": w["y"] - 4, "y2": w["y"] + 4} for w in whiskers for end in ("x", "x2")]
        for name, stroke in (("card", 4.0), ("ink", 1.5)):  # the pale edge keeps it visible on any bar
            pen: dict[str, Any] = {"color": LIGHT[name], "strokeWidth": stroke}
            layers.append(_chart(whiskers).mark_rule(**pen).encode(x=x, x2="x2:Q", y=y))
            layers.append(_chart(ends).mark_rule(**pen).encode(x=x, y=y, y2="y2:Q"))
    for side, weight in ((0, "normal"), (0, "bold"), (1, "normal"), (1, "bold")):
        chosen = [t for t in texts if (t["side"], t["weight"]) == (side, weight)]
        if chosen:
            written = _chart(chosen).mark_text(
                align="right" if side else "left",
                baseline="alphabetic",
                fontSize=12,
                fontWeight=weight,
            )
            layers.append(written.encode(x=alt.value(width * side), y=y, text="text:N", color=colour))
    return _finished(alt.layer(*layers), width, height)


def _chart(rows: list[dict[str, Any]]) -> Any:
    """Return a chart over `rows`. Its type is open: Altair's own annotations refuse what its documents show."""
    return alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]


def _finished(chart: Any, width: int, height: int, **padding: float) -> alt.LayerChart:
    sized = chart.properties(**theme(width, height, **padding))
    finished: alt.LayerChart = sized.configure(aria=False).configure_view(stroke=None)
    return finished


def _segment(y: float, x: float, x2: float, colour: str, height: int = 10) -> dict[str, Any]:
    return {"y": y, "y2": y + height, "x": x, "x2": x2, "colour": LIGHT[colour]}


def _text(y: float, side: int, text: str, colour: str, bold: bool = False) -> dict[str, Any]:
    return {"y": y, "side": side, "text": text, "colour": LIGHT[colour], "weight": "bold" if bold else "normal"}


def _money_axis(top: float, ticks: int = 4) -> alt.Axis:
    form = "$.2~s" if top >= 1e5 else "$,.0f" if top >= 8 else "$.2f" if top >= 0.08 else "$.2~g"
    return alt.Axis(
        format=form, tickCount=ticks, grid=True, gridColor=LIGHT["rule"], domain=False, ticks=False, title=None,
        labelPadding=8, labelColor=LIGHT["muted"], labelFontSize=12, labelOverlap=False,
    )  # fmt: skip


def _totals(slices: tuple[Slice, ...]) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = {}
    for item in slices:
        totals[item.period] = totals.get(item.period, Decimal(0)) + item.before
    return totals


def _ticks(periods: list[str], many: int) -> list[str]:
    """Return at most `many` of the periods, evenly apart, the first among them."""
    step = -(-len(periods) // many)
    return periods[::step]
