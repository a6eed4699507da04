"""A trial as one HTML page with the curves drawn: loads nothing, runs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair

    from tokenop.research.routers.costs import Costs
    from tokenop.research.routers.trial import Trial

_WIDE, _HIGH = 720, 380
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{{ headline }} · TokenOp</title>
<style>{{ css }}</style>
</head>
<body>
<header>
<p class="eyebrow"><b>TokenOp router trial</b></p>
<h1>{{ headline }}</h1>
<p class="lead">{{ weak }} or {{ strong }}, on {{ held_out }} held-out prompts. Costs: {{ costs }}.</p>
</header>
<main>
<section>
<h2>Quality over the share of calls to the strong model</h2>
<div class="card">
<ul class="legend" aria-label="Legend">
{% for line in lines %}<li><i class="b-{{ line.colour }}"></i>{{ line.name }}</li>{% endfor %}
</ul>
{{ chart }}
</div>
<div class="card scroll"><table>
<thead><tr><th scope="col">Policy</th><th scope="col" class="num">APGR</th><th scope="col" class="num">CPT 50 %</th>
<th scope="col" class="num">CPT 80 %</th><th scope="col">Verdict</th></tr></thead>
<tbody>
{% for row in rows %}
<tr><th scope="row">{{ row.name }}</th><td class="num">{{ row.apgr }}</td><td class="num">{{ row.cpt50 }}</td>
<td class="num">{{ row.cpt80 }}</td><td>{{ row.why }}</td></tr>
{% endfor %}
</tbody></table></div>
</section>
</main>
</body>
</html>
"""


def render(trial: Trial, costs: Costs) -> str:
    """Return the page. The same trial gives the same bytes."""
    import jinja2
    from markupsafe import Markup

    import tokenop.reports
    from tokenop.planning.text import visible
    from tokenop.reports.palette import series_colour, variables
    from tokenop.reports.svg import render as draw

    style = (Path(tokenop.reports.__file__).parent / "style.css").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    label = "Quality over the share of calls to the strong model, by policy"
    content = {
        "policy": _POLICY,
        # Style sheet and drawing are ours; everything else is escaped.
        "css": Markup(variables() + style),  # noqa: S704
        "chart": Markup(draw(_chart(trial), label)),  # noqa: S704
        "headline": f"Recommended: {trial.best.name}" if trial.best else "No router is recommended",
        "weak": trial.held_out.weak,
        "strong": trial.held_out.strong,
        "held_out": f"{len(trial.held_out):,}",
        "costs": costs.words,
        "lines": [{"name": one.name, "colour": series_colour(place)} for place, one in enumerate(trial.judged)],
        "rows": [
            {
                "name": one.name,
                "apgr": _shown(one.apgr.value, 1, 3),
                "cpt50": _shown(one.cpt50.value, 100, 1),
                "cpt80": _shown(one.cpt80.value, 100, 1),
                "why": f"{'recommended: ' if one.recommended else ''}{one.why or one.title}",
            }
            for one in trial.judged
        ],
    }
    return environment.from_string(_PAGE).render(content)


def _shown(value: float | None, times: int, digits: int) -> str:
    return "unknown" if value is None else f"{times * value:.{digits}f}"


def _chart(trial: Trial) -> altair.TopLevelMixin:
    import altair as alt

    from tokenop.reports.palette import LIGHT, series_colour
    from tokenop.reports.svg import theme
    from tokenop.research.routers.telling import thinned

    points: list[dict[str, Any]] = [
        {"share": round(share, 6), "quality": round(quality, 6), "colour": LIGHT[series_colour(place)]}
        for place, one in enumerate(trial.judged)
        for _, share, quality, _ in thinned(one.curve)
    ]
    drawn = (
        alt.Chart(alt.InlineData(values=points))
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("share:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", title=None)),
            y=alt.Y("quality:Q", scale=alt.Scale(zero=False), axis=alt.Axis(format=".2f", title=None)),
            color=alt.Color("colour:N", scale=None, legend=None),
        )
    )
    chart: altair.TopLevelMixin = drawn.properties(**theme(_WIDE, _HIGH, left=48, bottom=28, top=8, right=12))
    return chart
