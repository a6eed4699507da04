"""Interactive charts in the same one file: the aggregated cells, the charts' declarations, and Vega to draw them.

Vega normally compiles its expressions with `eval`, which a strict content security policy forbids. Here it interprets
them (`ast: true`), so the policy can allow exactly the scripts of this page by their hash, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop.database import identifier
from tokenop.reports.breakdown import DIMENSIONS, OTHERS
from tokenop.reports.palette import LIGHT, series_colour

if TYPE_CHECKING:
    import altair as alt
    import duckdb

ROWS = 20_000
# Tried in order until the cells fit: groups kept per dimension (the rest is pooled), and the length of a period.
_DETAIL = (("day", 60), ("day", 25), ("day", 12), ("week", 12), ("month", 8), ("month", 3), ("year", 3), ("year", 1))
_PICKED = (
    "(pick_tenant < 0 || datum.t == pick_tenant) && (pick_model < 0 || datum.m == pick_model) && "
    "(pick_intent < 0 || datum.i == pick_intent) && (pick_since == '' || datum.last >= pick_since) && "
    "(pick_until == '' || datum.since <= pick_until)"
)


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What a page adds to become interactive: markup, scripts, and the hashes by which its policy allows them."""

    markup: str
    scripts: str
    hashes: tuple[str, ...]

    def policy(self, base: str) -> str:
        """Return the content security policy `base` with these scripts allowed, and no others."""
        return f"{base}; script-src {' '.join(self.hashes)}"


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of the window in dictionary form.

    A row is `[period, tenant, model, intent, calls, before, after, unpriced]`;
    the first four are places in the lists.
    """

    grain: str
    periods: list[tuple[str, str]]
    names: dict[str, list[str]]
    rows: list[list[float]]


def build(connection: duckdb.DuckDBPyConnection, cells: str = "cells") -> Dashboard:
    """Return the interactive part of the page for `cells` (see `relations.create_cells`)."""
    collected = collect(connection, cells)
    data = {
        "periods": collected.periods,
        **{dimension: collected.names[dimension] for dimension in DIMENSIONS},
        "rows": collected.rows,
    }
    # Light colours stand in the declarations; the script swaps them for those of the page's current scheme.
    declared = {"colours": LIGHT, "charts": _charts(collected)}
    running = [_bundle(), (Path(__file__).with_name("dashboard.js")).read_text(encoding="utf-8")]
    scripts = "".join(
        [
            f'<script type="application/json" id="tokenop-data">{embedded(data)}</script>\n',
            f'<script type="application/json" id="tokenop-charts">{embedded(declared)}</script>\n',
            *(f"<script>{script}</script>\n" for script in running),
        ]
    )
    return Dashboard(_markup(collected), scripts, tuple(_hash(script) for script in running))


def embedded(data: object) -> str:
    """Return `data` as JSON that cannot end the script element it stands in, nor start a comment or a tag."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def collect(connection: duckdb.DuckDBPyConnection, cells: str = "cells", limit: int = ROWS) -> Cells:
    """Return the cells in as much detail as fits `limit` rows; the groups past it are pooled by dimension."""
    for grain, kept in _DETAIL:
        _pool(connection, cells, grain, kept)
        if connection.execute("SELECT count(*) <= ? FROM dashboard_cells", [limit]).fetchall()[0][0]:
            break
    periods = connection.execute(
        "SELECT DISTINCT CAST(period AS VARCHAR), "
        f"CAST(CAST(period + INTERVAL 1 {grain} AS DATE) AS VARCHAR) FROM dashboard_cells ORDER BY 1"
    ).fetchall()
    names = {
        dimension: [
            str(name)
            for (name,) in connection.execute(
                f"SELECT {dimension} FROM dashboard_cells GROUP BY {dimension} ORDER BY {dimension} = '{OTHERS}', "
                f"greatest(sum(before_usd), sum(after_usd)) DESC, {dimension}"
            ).fetchall()
        ]
        for dimension in DIMENSIONS
    }
    places = {dimension: {name: place for place, name in enumerate(names[dimension])} for dimension in DIMENSIONS}
    when = {period: place for place, (period, _) in enumerate(periods)}
    rows = connection.execute(
        "SELECT CAST(period AS VARCHAR), tenant, model, intent, CAST(calls AS DOUBLE), CAST(before_usd AS DOUBLE), "
        "CAST(after_usd AS DOUBLE), unpriced FROM dashboard_cells ORDER BY ALL"
    ).fetchall()
    return Cells(
        grain,
        periods,
        names,
        [
            [when[row[0]], places["tenant"][row[1]], places["model"][row[2]], places["intent"][row[3]], *row[4:]]
            for row in rows
        ],
    )


def _pool(connection: duckdb.DuckDBPyConnection, cells: str, grain: str, kept: int) -> None:
    ranks = ", ".join(
        f"{dimension}_ranks AS (SELECT {dimension}, row_number() OVER (ORDER BY greatest(coalesce(sum(before_usd), 0), "
        f"coalesce(sum(after_usd), 0)) DESC, {dimension}) AS {dimension}_rank "
        f"FROM {identifier(cells)} GROUP BY {dimension})"
        for dimension in DIMENSIONS
    )
    columns = ", ".join(
        f"CASE WHEN {dimension}_rank > {kept} THEN '{OTHERS}' ELSE {dimension} END AS {dimension}"
        for dimension in DIMENSIONS
    )
    joins = " ".join(f"JOIN {dimension}_ranks USING ({dimension})" for dimension in DIMENSIONS)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE dashboard_cells AS WITH {ranks}, named AS (
            SELECT CAST(date_trunc('{grain}', day) AS DATE) AS period, {columns}, calls, before_usd, after_usd,
                   unpriced_calls
            FROM {identifier(cells)} {joins})
        SELECT period, tenant, model, intent, round(sum(calls), 0) AS calls,
               round(coalesce(sum(before_usd), 0), 6) AS before_usd, round(coalesce(sum(after_usd), 0), 6) AS after_usd,
               CAST(sum(unpriced_calls) AS BIGINT) AS unpriced
        FROM named GROUP BY ALL""")


@cache
def _bundle() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script for the page."""
    import vl_convert

    script: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub forgets the default
    return script.replace("</script", "<\\/script")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _markup(cells: Cells) -> str:
    from markupsafe import escape

    def select(dimension: str) -> str:
        options = "".join(
            f'<option value="{place}">{escape(name)}</option>' for place, name in enumerate(cells.names[dimension])
        )
        return (
            f'<label>{dimension.capitalize()}<select id="pick-{dimension}">'
            f'<option value="-1">all</option>{options}</select></label>'
        )

    first, last = cells.periods[0][0], cells.periods[-1][0]
    dates = "".join(
        f'<label>{title}<input type="date" id="pick-{name}" min="{first}" value="{value}"></label>'
        for name, title, value in (("since", "From", first), ("until", "To", last))
    )
    legend = "".join(
        f'<li><i class="b-{series_colour(place)}"></i>{escape(name)}</li>'
        for place, name in enumerate(_series(cells.names["model"]))
    )
    bars = "".join(
        f'<figure class="card"><h3>By {dimension}</h3><div class="live" id="live-{dimension}"></div></figure>'
        for dimension in DIMENSIONS
    )
    return f"""<section class="explore" aria-labelledby="explore">
<h2 id="explore">Explore</h2>
<p>Choose what to look at, or click a bar. All charts of this section follow.</p>
<noscript><p class="notice">This section needs JavaScript. All other sections work without.</p></noscript>
<div class="card">
<form class="filters">{"".join(select(dimension) for dimension in DIMENSIONS)}{dates}
<button type="reset">Show all</button></form>
<p class="result" id="live-result" aria-live="polite"></p>
<ul class="legend" aria-label="Legend">{legend}<li><i class="line b-ink"></i><b>with the plan</b></li></ul>
<div class="live" id="live-time"></div>
</div>
<ul class="legend below" aria-label="Legend"><li><i class="b-others"></i>today</li>
<li><i class="b-spend"></i>with the plan</li></ul>
<div class="grid">{bars}</div>
</section>"""


def _series(models: list[str]) -> list[str]:
    """Return the names in the legend: six models, the others as one."""
    own = [name for name in models if name != OTHERS]
    return own if len(own) == len(models) <= 7 else [*own[:6], OTHERS]


def _charts(cells: Cells) -> dict[str, Any]:
    return {
        "live-time": _time(cells).to_dict(),
        **{f"live-{name}": _bars(name, min(10, len(cells.names[name]))).to_dict() for name in DIMENSIONS},
    }


def _finished(chart: Any) -> alt.LayerChart:
    import altair as alt

    picks = [alt.param(name=f"pick_{name}", value=-1) for name in ("tenant", "model", "intent")]
    picks += [alt.param(name=f"pick_{name}", value="") for name in ("since", "until")]
    padding = {"left": 0, "right": 4, "top": 4, "bottom": 6}
    finished: alt.LayerChart = (
        chart.add_params(*picks)
        .properties(data=alt.NamedData("cells"), width="container", padding=padding)
        .properties(autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
        .configure(background="transparent")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=LIGHT["muted"], labelFontSize=12, gridColor=LIGHT["rule"], domainColor=LIGHT["muted"],
            ticks=False, title=None, labelPadding=6,
        )
    )  # fmt: skip
    return finished


def _time(cells: Cells) -> alt.LayerChart:
    import altair as alt

    form = {"month": "%b %Y", "year": "%Y"}.get(cells.grain, "%-d %b")
    starts = [first for first, _ in cells.periods[:: -(-len(cells.periods) // 6)]]
    axis = alt.Axis(
        grid=False, labelAlign="left", format=form, values=[f"{first}T00:00:00Z" for first in starts], labelOverlap=True
    )
    x = alt.X("first:T", scale=alt.Scale(type="utc"), axis=axis)
    base: Any = alt.Chart().transform_filter(_PICKED)
    bars = (
        base.mark_bar(binSpacing=2, cursor="pointer")
        .encode(
            x=x,
            x2="end:T",
            y=alt.Y("sum(before):Q", axis=alt.Axis(format="$,~f", domain=False, tickCount=4)),
            color=alt.Color("colour:N", scale=None, legend=None),
            order="m:Q",
            detail="m:N",
            tooltip=[
                alt.Tooltip("model:N", title="Model"),
                alt.Tooltip("since:N", title="From"),
                alt.Tooltip("sum(before):Q", title="Today", format="$,.2f"),
                alt.Tooltip("sum(after):Q", title="With the plan", format="$,.2f"),
                alt.Tooltip("sum(calls):Q", title="Calls", format=",.0f"),
            ],
        )
    )  # fmt: skip
    lines = [
        base.mark_rule(color=LIGHT[colour], strokeWidth=width).encode(x="first:T", x2="end:T", y="sum(after):Q")
        for colour, width in (("card", 4.5), ("ink", 2))
    ]
    return _finished(alt.layer(bars, *lines).properties(height=240))


def _bars(dimension: str, many: int) -> alt.LayerChart:
    """Return the ten largest groups of a dimension: today's bill, and in front of it the bill with the plan.

    The height is that of `many` bars whatever the filters leave, so that the page does not jump.
    """
    import altair as alt

    key = dimension[0]
    base: Any = (
        alt.Chart()
        .transform_filter(_PICKED)
        .transform_aggregate(before="sum(before)", after="sum(after)", calls="sum(calls)", groupby=[key, dimension])
        .transform_calculate(top="max(datum.before, datum.after)")
        .transform_window(place="row_number()", sort=[alt.SortField("top", order="descending")])
        # A sum that filters emptied again keeps the rounding of its last digits: that is no bill.
        .transform_filter("datum.place <= 10 && datum.top > 1e-9")
    )
    y = alt.Y(
        f"{key}:N",
        sort=alt.EncodingSortField("top", op="max", order="descending"),
        axis=alt.Axis(labelExpr=f"names_{dimension}[datum.value]", labelLimit=118, domain=False),
    )
    tooltip = [
        alt.Tooltip(f"{dimension}:N", title=dimension.capitalize()),
        alt.Tooltip("before:Q", title="Today", format="$,.2f"),
        alt.Tooltip("after:Q", title="With the plan", format="$,.2f"),
        alt.Tooltip("calls:Q", title="Calls", format=",.0f"),
    ]
    axis = alt.Axis(format="$,~f", tickCount=3, domain=False)
    back = base.mark_bar(color=LIGHT["others"], height=16, cursor="pointer").encode(
        y=y, x=alt.X("before:Q", axis=axis), tooltip=tooltip
    )
    front = base.mark_bar(color=LIGHT["spend"], height=8, cursor="pointer").encode(y=y, x="after:Q", tooltip=tooltip)
    names = alt.param(name=f"names_{dimension}", value=[])
    return _finished(alt.layer(back, front).properties(height=26 * many)).add_params(names)
