"""What a contribution says of itself: in the terminal, and as the text of a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from tokenop.community.outcome import HOURLY_RATE, Outcome
from tokenop.community.text import cell, counted, table
from tokenop.evidence import questions
from tokenop.evidence.constants import QUALITY_LOSS, SUCCESS_REDUCTION
from tokenop.evidence.model import Implementation, Review, Window

# What a measured implementation has, in words.
_FIELDS = {
    "before": "the window before",
    "after": "the window after",
    "calls_before": "the calls before",
    "calls_after": "the calls after",
    "cost_before_usd": "the cost before",
    "cost_after_usd": "the cost after",
    "method": "a method",
}


class Text(NamedTuple):
    """Title and body of a pull request."""

    title: str
    body: str


def summary(entry: Implementation, found: Outcome, tolerance: Decimal) -> list[str]:
    """Return what came of an implementation as lines for a terminal."""
    return [
        f"Cost reduction: {_reduction(entry, found)}",
        f"Success: {success(entry, found, tolerance)}",
        f"Worth it: {worth(found)}",
        f"Evidence: {evidence(entry)}",
    ]


def success(entry: Implementation, found: Outcome, tolerance: Decimal) -> str:
    """Return whether it succeeded, and by what that is judged."""
    limit = max(QUALITY_LOSS, tolerance)
    bar = f"at least {percent(SUCCESS_REDUCTION, 0)} less a call, at most {limit:f} of quality lost"
    if found.success is not None:
        return f"{'yes' if found.success else 'no'} ({bar})"
    absent = [
        name
        for name, value in (("cost at equal traffic", found.reduction), ("quality", entry.quality_drop))
        if value is None
    ]
    return f"unknown, since {' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not known ({bar})"


def worth(found: Outcome) -> str:
    """Return work, saving, time until it has paid for itself, and the return of a year."""
    if found.work_usd is None:
        return "unknown, since the work is not known (--implementation-time)"
    work = f"the work cost {usd(found.work_usd)} at {usd(HOURLY_RATE)} an hour"
    if found.monthly_saving_usd is None:
        return f"{work}; the saving of a month is not known"
    traffic = "at the traffic after" if found.equal_traffic else "as the bill says, whatever the traffic did"
    saving = f"it saves {usd(found.monthly_saving_usd)} a month {traffic}"
    back = "never pays back" if found.payback_days is None else f"pays back in {found.payback_days:.0f} days"
    year = "" if found.net_year_usd is None else f"; a year nets {usd(found.net_year_usd)}"
    roi = "" if found.roi is None else f", ROI {percent(found.roi, 0)}"
    return f"{work}, {saving}, {back}{year}{roi}"


def evidence(entry: Implementation) -> str:
    """Return what the entry counts as, and what is missing for more."""
    if entry.evidence == "measured":
        return "measured"
    missing, short = entry.missing(), entry.short_windows()
    if missing:
        needed = ", ".join(_FIELDS.get(name, name) for name in missing)
        return f"reported, which counts a quarter; measured needs {needed} as well"
    return f"reported, which counts a quarter; the window {' and '.join(short)} is too short" if short else "reported"


def implementation(entry: Implementation, found: Outcome, tolerance: Decimal) -> Text:
    """Return the pull request for an implementation."""
    less = "costs unknown"
    if found.reduction is not None:
        less = f"{percent(found.reduction)} less a call"
    elif found.spend_reduction is not None:
        less = f"{percent(found.spend_reduction)} off the bill"
    rows = [
        ("Cost reduction", _reduction(entry, found)),
        ("Success", success(entry, found, tolerance)),
        ("Worth it", worth(found)),
        ("Evidence", evidence(entry)),
        ("Organisation", entry.organisation),
        ("Before", _side(entry.window_before, entry.calls_before, entry.cost_before_usd, entry.quality_before)),
        ("After", _side(entry.window_after, entry.calls_after, entry.cost_after_usd, entry.quality_after)),
        ("Method", entry.method or "not said"),
        ("What worked", entry.worked or "not said"),
        ("Lessons learned", entry.lessons or "not said"),
    ]
    body = table(("", ""), [(name, cell(value, 4_000)) for name, value in rows])
    what = f"{entry.template} {entry.version}"
    return Text(f"Implementation of {what}: {less}", _body(f"What became of {what} in one place.", body))


def review(entry: Review) -> Text:
    """Return the pull request for a review."""
    titles = {question.id: question.title for question in questions.QUESTIONS}
    rows = [
        (titles[name], "–" if said.rating is None else f"{said.rating} of 5", cell(said.text, 4_000))
        for name, said in entry.answers.items()
    ]
    what = f"{entry.template} {entry.version}"
    body = table(("Area", "Rating #", "Why"), rows)
    return Text(f"Review of {what}: {entry.verdict}", _body(f"Verdict on {what}: **{entry.verdict}**.", body))


def several(texts: Sequence[Text], others: Sequence[str]) -> Text:
    """Return the pull request for several things at once: each with what it says of itself, and other changed files."""
    files = [f"- `{cell(name)}`" for name in others]
    if not texts:
        return Text(f"Change {cell(others[0])}", _body("Changes:", files))
    title = texts[0].title if len(texts) == 1 else f"{texts[0].title}, and {counted(len(texts) - 1, 'more', 'more')}"
    parts = [text.body if len(texts) == 1 else f"## {text.title}\n\n{text.body}" for text in texts]
    return Text(title, "\n".join([*parts, *([_body("Changes beside:", files)] if files else [])]))


def usd(value: Decimal) -> str:
    """Return dollars and cents."""
    return f"{'-' if value < 0 else ''}USD {abs(value):,.2f}"


def percent(share: Decimal, digits: int = 1) -> str:
    """Return a share as percent."""
    return f"{100 * share:.{digits}f} %"


def _reduction(entry: Implementation, found: Outcome) -> str:
    if found.reduction is not None:
        bill = "" if found.spend_reduction is None else f" (the bill: {percent(found.spend_reduction)})"
        return f"{percent(found.reduction)} a call, at equal traffic{bill}"
    if found.spend_reduction is not None:
        why = "a side has no calls" if 0 in (entry.calls_before, entry.calls_after) else "calls are not given"
        return f"{percent(found.spend_reduction)} of the bill; at equal traffic unknown, since {why}"
    nothing = entry.cost_before_usd == 0
    return f"unknown, since {'nothing was paid before' if nothing else 'costs are not given'}"


def _side(window: Window | None, calls: int | None, cost: Decimal | None, quality: Decimal | None) -> str:
    parts = [
        "window not said" if window is None else f"{window.first} to {window.last}",
        "calls not said" if calls is None else counted(calls, "call"),
        "cost not said" if cost is None else usd(cost),
        "quality not said" if quality is None else f"quality {quality:f}",
    ]
    return ", ".join(parts)


def _body(first: str, lines: Iterable[str]) -> str:
    return "\n".join([first, "", *lines, ""])
