"""community/statistics.md: the statistics as a page. Figures only; what is not known is said to be unknown, and why."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from tokenop.community.analyses import PREDICTED_COVER, Calibration, Impact
from tokenop.community.emerging import QUARTER_DAYS, Pattern
from tokenop.community.intervals import Mean
from tokenop.community.platform import GROUPS, dollars, percent, plain_layer, rate
from tokenop.community.standings import Standing
from tokenop.community.statistics import Statistics, Verdict
from tokenop.community.text import cell, counted, table
from tokenop.evidence.constants import APPROVING_CONFIDENCE, APPROVING_REVIEWS, TARGET_SUCCESS

NOTE = "<!-- Written by scripts/update_statistics.py. Do not edit. -->"
MONTHS = 12
TOP = 10
_UNKNOWN = "unknown"
_NONE = "No implementation has been reported yet, so there is nothing to count here."

VERDICTS: dict[Verdict, str] = {
    "unknown": "unknown: no implementation is known to have succeeded or failed",
    "met": "met: even the lower end of the interval is above it",
    "missed": "missed: even the upper end of the interval is not above it",
    "undecided": "undecided: the interval holds values on both sides",
}


def markdown(statistics: Statistics) -> str:
    """Return the page."""
    parts = [
        ["# Statistics", "", NOTE, "", *_head(statistics)],
        ["## Target", "", *_target(statistics)],
        ["## 1. Confidence of templates", "", *_confidence(statistics.standings)],
        ["## 2. Economic impact by layer and month", "", *_impact(statistics.impact)],
        ["## 3. Implementation time by category", "", *_effort(statistics)],
        ["## 4. Effect across layers", "", *_across(statistics)],
        ["## 5. Quality by category", "", *_quality(statistics)],
        ["## 6. Templates and people that stand out", "", *_top(statistics)],
        ["## 7. Templates that need work", "", *_needs(statistics)],
        ["## 8. What emerges", "", *_patterns(statistics.patterns)],
        ["## Calibration of predictions", "", *_calibration(statistics.calibration)],
        ["## The platform's metrics", "", *_metrics(statistics)],
    ]
    return "\n\n".join("\n".join(part).rstrip() for part in parts) + "\n"


def _head(statistics: Statistics) -> list[str]:
    evidence = f"{counted(statistics.implementations, 'implementation')} and {counted(statistics.reviews, 'review')}"
    newest = f" The newest entry is of {statistics.newest}." if statistics.newest else ""
    lines = [
        f"As of {statistics.today}: {counted(len(statistics.standings), 'template')}, {evidence}.{newest}",
        "Rates and means come with their 95 % interval; whoever is ranked is ranked by its lower end.",
    ]
    if not statistics.implementations:
        lines += [
            "",
            "**Nobody has reported an implementation yet.** So almost everything below is unknown, which is not 0.",
            "`tokenop submit-implementation` writes a report.",
        ]
    if statistics.samples:
        lines += ["", f"{counted(statistics.samples, 'sample entry', 'sample entries')} left out: samples never count."]
    return lines


def _target(statistics: Statistics) -> list[str]:
    success = statistics.success
    lines = [
        *table(
            ("what", "target", "reality", "verdict"),
            [
                (
                    "implementations that succeed",
                    f"more than {TARGET_SUCCESS * 100:.0f} %",
                    rate(success),
                    VERDICTS[statistics.target],
                )
            ],
        ),
        "",
        "An implementation succeeds where a call costs at least 20 % less and quality fell by at most one point, or by",
        "what the template allows. Where one of the two is not reported, success is unknown.",
    ]
    unknown = statistics.implementations - success.of
    if unknown:
        lines += ["", f"Of {unknown} of {counted(statistics.implementations, 'implementation')} it is unknown."]
    if statistics.implementations:
        head = ("layer", "complexity", "implementations #", "success")
        rows = [
            (plain_layer(one.layer), one.complexity or "all", f"{one.entries}", rate(one.rate))
            for one in statistics.outcomes[1:]
        ]
        lines += ["", *table(head, rows)]
    return lines


def _confidence(standings: Sequence[Standing]) -> list[str]:
    head = ("template", "version", "status", "confidence #", "successes #", "unknown #",
            f"approvals, of {APPROVING_REVIEWS} needed #", "lacks")  # fmt: skip
    rows = [
        (
            f"`{one.template}`",
            one.version,
            one.status,
            _UNKNOWN if one.confidence.score is None else f"{one.confidence.score:.3f}",
            f"{one.confidence.successes} of {one.confidence.successes + one.confidence.failures}",
            f"{one.confidence.unknown}",
            f"{one.confidence.approvals}",
            cell("; ".join(one.lacks)) or "nothing",
        )
        for one in sorted(standings, key=lambda one: (-(one.confidence.score or -1), one.template))
        if one.confidence.n or one.confidence.reviews
    ]
    silent = sorted(one.template for one in standings if not one.confidence.n and not one.confidence.reviews)
    lines = [
        "The posterior mean of success: `validations/README.md` says how it is computed. Approval needs",
        f"{APPROVING_REVIEWS} approving reviews and a confidence above {APPROVING_CONFIDENCE}.",
        "",
    ]
    if rows:
        lines += [*table(head, rows), ""]
    if silent:
        lines += [
            f"Unknown for {counted(len(silent), 'template')} without a review or an implementation of this version: "
            + ", ".join(f"`{name}`" for name in silent)
            + "."
        ]
    return lines


def _impact(impacts: Sequence[Impact]) -> list[str]:
    if not impacts:
        return [_NONE]
    head = ("layer", "reports #", "mean reduction", "median #", "saved in windows #", "a month #")
    months = sorted({one.month for one in impacts if one.month}, reverse=True)
    rows = [(plain_layer(one.layer), *_amounts(one)) for one in impacts if one.month is None]
    lines = [
        "Reduction of a call's cost, so at equal traffic. Saved: what the later window's calls would have cost as",
        "before, less what they cost; a minus is a loss. A month is 730.5 hours.",
        "",
        *table(head, rows),
        "",
        f"By month of the report, newest first{f', the last {MONTHS}' if len(months) > MONTHS else ''}:",
        "",
    ]
    shown = months[:MONTHS]
    listed = sorted((one for one in impacts if one.month in shown), key=lambda one: one.layer)
    listed.sort(key=lambda one: one.month or "", reverse=True)
    return lines + table(
        ("month", *head), [(one.month or "", plain_layer(one.layer), *_amounts(one)) for one in listed]
    )


def _amounts(one: Impact) -> tuple[str, ...]:
    known = f"{one.known} of {one.entries}"
    return known, _mean(one.reduction), percent(one.median), dollars(one.saved_usd), dollars(one.monthly_usd)


def _effort(statistics: Statistics) -> list[str]:
    if not statistics.effort:
        return [_NONE]
    head = ("category", "reports #", "median h #", "middle half", "of the estimate #")
    rows = [
        (
            cell(one.category),
            f"{one.known} of {one.entries}",
            _number(one.hours_median),
            f"{_number(one.hours_p25)} to {_number(one.hours_p75)} h" if one.known else _UNKNOWN,
            _UNKNOWN if one.ratio_median is None else f"{one.ratio_median:.2f} ×",
        )
        for one in statistics.effort
    ]
    return ["Of the estimate: hours taken over the hours that the template names, median.", "", *table(head, rows)]


def _across(statistics: Statistics) -> list[str]:
    across = statistics.across
    if across.together.value is None and across.single.value is None:
        return [_NONE]
    rows = [
        ("cross-layer templates", _mean(across.together)),
        ("templates of one layer", _mean(across.single)),
        (f"the best layer alone: {plain_layer(across.best_layer)}", _mean(across.best)),
        ("cross-layer less the best layer alone", _mean(across.difference)),
    ]
    low, high = across.difference.low, across.difference.high
    if low is None or high is None:
        verdict = "Too few reports for an interval of the difference: whether joining layers adds anything is unknown."
    elif low > 0:
        verdict = "Joining layers saves more than the best layer alone."
    elif high < 0:
        verdict = "Joining layers saves less than the best layer alone."
    else:
        verdict = "The interval of the difference holds 0: whether joining layers adds anything is not known."
    return [*table(("what", "mean reduction"), rows), "", verdict]


def _quality(statistics: Statistics) -> list[str]:
    if not statistics.quality:
        return [_NONE]
    head = ("category", "reports #", "mean drop", "worst #", "within tolerance")
    rows = [
        (
            cell(one.category),
            f"{one.known} of {one.entries}",
            _mean(one.drop),
            percent(one.worst),
            rate(one.kept),
        )
        for one in statistics.quality
    ]
    return ["Percentage points; a minus is a gain. The first number counts reports with quality of both sides.", "",
            *table(head, rows)]  # fmt: skip


def _top(statistics: Statistics) -> list[str]:
    lines = []
    if statistics.best:
        rows = [
            (f"{place}", f"`{one.template}`", rate(one.rate), _mean(one.reduction))
            for place, one in enumerate(statistics.best[:TOP], 1)
        ]
        lines += ["Reports on all versions.", ""]
        lines += table(("rank #", "template", "success", "mean reduction"), rows)
    else:
        lines.append("No template can be ranked: of none is a success or a failure known.")
    authors = [one for one in statistics.people if one.held.of][:TOP]
    if authors:
        rows = [
            (f"{place}", cell(one.handle), f"{len(one.templates)}", rate(one.held))
            for place, one in enumerate(authors, 1)
        ]
        head = ("rank #", "author", "templates #", "success in others' hands")
        lines += ["", *table(head, rows)]
    return [*lines, "", "Everybody who wrote, reviewed or implemented is in [contributors.md](contributors.md)."]


def _needs(statistics: Statistics) -> list[str]:
    if not statistics.needs:
        return ["None: no template is past its date, fails, or saves less than it claims beyond its interval."]
    rows = [(f"`{cell(one.template)}`", one.action, cell(one.why)) for one in statistics.needs]
    return table(("template", "action", "why"), rows)


def _patterns(patterns: Sequence[Pattern]) -> list[str]:
    how = [
        f"What implementations of the last {QUARTER_DAYS} days have in common more often than those of the same time",
        "before. A pair is two templates that one person put in place in that time, of those who put any in place.",
        "Beyond chance: by Fisher's exact test, one side, 2.5 % divided by the number of all that was looked at.",
        "",
    ]
    if not patterns:
        return [*how, "Nothing rises."]
    head = ("kind", "what", "before #", "now #", "beyond chance")
    rows = [
        (
            one.kind,
            cell(one.name),
            f"{one.before.hits} of {one.before.of}",
            f"{one.now.hits} of {one.now.of}",
            "yes" if one.beyond_chance else "no",
        )
        for one in patterns
    ]
    return [*how, *table(head, rows)]


def _calibration(found: Sequence[Calibration]) -> list[str]:
    if not found[0].inside.of:
        return ["Unknown: no report has both a prediction and costs of both sides."]
    head = ("layer", "inside", "below #", "above #")
    rows = [
        ("all" if one.layer is None else plain_layer(one.layer), rate(one.inside), f"{one.below}", f"{one.above}")
        for one in found
    ]
    return [
        "How many realised reductions lie inside the interval that was predicted for them. A plan's interval is P10 to",
        f"P90, so {PREDICTED_COVER * 100:.0f} % should. Below: saved less than predicted.",
        "",
        *table(head, rows),
    ]


def _metrics(statistics: Statistics) -> list[str]:
    lines = ["Where a metric is unknown, the note says what would make it known."]
    for group in GROUPS:
        rows = [
            (one.name, _UNKNOWN if one.value is None else cell(one.value), cell(one.note, 1000))
            for one in statistics.metrics
            if one.group == group
        ]
        lines += ["", f"### {group}", "", *table(("metric", "value", "note"), rows)]
    return lines


def _mean(figure: Mean) -> str:
    if figure.value is None:
        return _UNKNOWN
    if figure.low is None or figure.high is None:
        return f"{percent(figure.value)} (n = {figure.n})"
    return f"{percent(figure.value)} ({percent(figure.low)} to {percent(figure.high)}, n = {figure.n})"


def _number(value: Decimal | None) -> str:
    return _UNKNOWN if value is None else f"{value:,.1f}"
