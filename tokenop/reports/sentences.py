"""What the page says in words: each sentence is made of the plan's own figures and claims nothing else."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from tokenop.reports.breakdown import OTHERS, Breakdown, Share
from tokenop.reports.plan import Plan
from tokenop.reports.words import change, count, percent, usd


def headline(plan: Plan) -> str:
    """Return the one sentence to remember: the bill before and after, or that nothing helps."""
    before, after = plan.baseline_monthly_usd, plan.after_monthly_usd
    saved = before - after
    if plan.unpriced:
        return "The bill is not known: no call of this window has a known price"
    if not plan.chosen:
        return f"The bill is {usd(before)} a month, and no template pays off under this policy"
    if saved < 0:
        return f"The plan raises the bill from {usd(before)} to {usd(after)} a month"
    part = f" by {percent(saved / before)}" if before > 0 else ""
    return f"The plan cuts the bill{part}: {usd(before)} to {usd(after)} a month"


def lead(plan: Plan) -> str:
    """Return the saving with its interval, and the work behind it."""
    if not plan.chosen:
        return f"{len(plan.rejected)} templates were tried on the traffic of this window."
    saving = plan.savings_monthly_usd
    text = f"Saves {usd(saving.p50)} a month"
    if saving.p10 is not None and saving.p90 is not None:
        text += f"; eight of ten outcomes lie between {usd(saving.p10)} and {usd(saving.p90)}"
    templates = len(plan.chosen)
    text += f". {templates} template{'s' if templates > 1 else ''}"
    efforts = [template.effort_hours for template in plan.chosen]
    if all(hours is not None for hours in efforts):
        text += f", {count(sum((effort for effort in efforts if effort is not None), Decimal(0)))} hours of work"
    return f"{text}."


def bills(plan: Plan) -> str | None:
    """Return what the bill is made of, where the plan knows an inventory."""
    if plan.infrastructure is None:
        return None
    tokens, infra = plan.baseline.tokens_monthly_usd, plan.baseline.infrastructure_monthly_usd
    return f"tokens {usd(tokens)}, infrastructure {usd(infra)}"


def limited(plan: Plan) -> str | None:
    """Return what the plan's limits refuse or degrade; nothing where nobody reaches one."""
    found = plan.limited
    if found is None or not (found.calls_rejected or found.calls_degraded):
        return None
    parts = []
    if found.calls_rejected:
        parts.append(
            f"{count(round(found.calls_rejected))} calls worth {usd(found.spend_rejected_usd)} a month are refused, "
            "which is work not done and not the same work for less"
        )
    if found.calls_degraded:
        parts.append(
            f"{count(round(found.calls_degraded))} calls worth {usd(found.spend_degraded_usd)} a month are answered by "
            "a cheaper model because a limit is reached, whatever they ask"
        )
    return f"{'; '.join(parts)}."


def infrastructure_text(plan: Plan) -> str | None:
    """Return what becomes of the inventory, and what of it has no known bill."""
    found = plan.infrastructure
    if found is None:
        return None
    before, after = found.monthly_usd, found.after_monthly_usd
    text = f"{count(found.resources)} resources, {usd(before)} a month today"
    if before is None or after is None or before == after:
        text += "; the plan changes none of them. "
    else:
        text += f", {usd(after)} with the plan ({change(after - before)}). "
    if found.unpriced:
        text += f"{count(found.unpriced)} have no known count or price and are in no amount. "
    if found.reservations_not_stated:
        text += (
            f"{count(found.reservations_not_stated)} do not say what of them is reserved today: all of it counts as "
            "on-demand, so ask your bill before you commit or move anything. "
        )
    return text + "The charts and tables below are of the calls alone."


def after_interval(plan: Plan) -> str:
    """Return the interval of the bill with the plan."""
    saving = plan.savings_monthly_usd
    if not plan.chosen:
        return "no change"
    if saving.p10 is None or saving.p90 is None:
        return "interval unknown"
    low, high = sorted((plan.baseline_monthly_usd - saving.p10, plan.baseline_monthly_usd - saving.p90))
    return f"{usd(low)} to {usd(high)}"


def plan_text(plan: Plan) -> str:
    """Return how the layers share the saving, and what applying the templates together changes."""
    parts = [
        f"{layer.layer.removesuffix('-layer')} {usd(layer.savings_monthly_usd)}"
        for layer in plan.layers
        if layer.savings_monthly_usd
    ]
    text = f"By layer, a month: {', '.join(parts)}. " if parts else ""
    interaction = plan.joint.interaction_monthly_usd
    if interaction is None or len(plan.chosen) < 2:
        return text.rstrip()
    if abs(interaction) * 200 < abs(plan.savings_monthly_usd.mean or Decimal(0)):
        return text + "The templates hardly touch the same calls: together they save what each saves alone, added up."
    if interaction < 0:
        text += f"Together the templates save {usd(-interaction)} less than each alone would, added up: "
        return text + "they work on the same calls, and no saving is counted twice."
    return text + f"Together the templates save {usd(interaction)} more than each alone would, added up."


def time_text(breakdown: Breakdown, series: tuple[str, ...]) -> str:
    """Return who costs most and when the peak was."""
    totals: dict[str, Decimal] = {}
    for item in breakdown.slices:
        totals[item.period] = totals.get(item.period, Decimal(0)) + item.before
    if not any(totals.values()):
        return "No call of this window has a known price."
    # The first of equal peaks, so that the sentence does not depend on the order of rows.
    peak = max(sorted(totals), key=lambda period: totals[period])
    text = f"The dearest {breakdown.grain} "
    text += f"{'began on' if breakdown.grain != 'day' else 'was'} {day(peak)} with {usd(totals[peak])}. "
    first = sum((item.before for item in breakdown.slices if item.rank == 0), Decimal(0))
    if series and series[0] != OTHERS and breakdown.total.before > 0:
        text += f"{series[0]} is {percent(first / breakdown.total.before)} of the spend."
    return text


def where_text(breakdown: Breakdown) -> str:
    """Return the window's bill before and after, and the largest tenant's part of it."""
    total = breakdown.total
    window = period(breakdown.first_day, breakdown.last_day)
    text = f"In this window, {window}: {usd(total.before)} today"
    if total.before != total.after:
        text += f", {usd(total.after)} with the plan ({change(total.after - total.before)})"
    text += ". "
    tenants = [group for group in breakdown.by["tenant"] if not group.pooled]
    if len(tenants) > 1 and total.before > 0:
        largest = max(tenants, key=lambda group: group.before)
        text += f"The largest tenant, {largest.name}, is {percent(largest.before / total.before)} of it."
    return text


def coverage_note(total: Share) -> str:
    """Return how many calls have no price."""
    if not total.unpriced:
        return "share of tokens; every call has a price"
    return f"share of tokens; {count(total.unpriced)} calls without a price are in no amount"


def period(since: str, until: str) -> str:
    """Return a window as its first and last day; one that ends at midnight ends the day before."""
    first = date.fromisoformat(since[:10])
    last = date.fromisoformat(until[:10])
    if last > first and len(until) > 10 and not until[10:].rstrip("Z").strip("T0:."):
        last -= timedelta(days=1)
    if first == last:
        return day(since)
    start = day(first.isoformat())
    if first.year == last.year:
        start = f"{first.day}" if first.month == last.month else f"{first.day} {first:%B}"
    return f"{start} to {day(last.isoformat())}"


def day(text: str) -> str:
    """Return an ISO date as `3 October 2026`."""
    parsed = date.fromisoformat(text[:10])
    return f"{parsed.day} {parsed:%B %Y}"


def hours(number: Decimal) -> str:
    """Return a length of time in hours, or in days from two days on."""
    if number < 48:
        return f"{number.normalize():f} hour{'' if number == 1 else 's'}"
    length = (number / 24).quantize(Decimal("0.1")).normalize()
    return f"{length:f} days"
