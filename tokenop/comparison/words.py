"""A comparison in words: the sentences that the terminal and the pull request's comment share."""

from __future__ import annotations

from tokenop.comparison.model import Compared, Cost, Part

_CHANGES = {"changed": "changed", "new": "new: compared with the calls as they are", "removed": "removed"}
_VERDICTS = {
    "pass": "pass",
    "fail": "FAIL",
    "inconclusive": "inconclusive",
    "unchanged": "unchanged: every tier asks the same models as before",
}


def signed(value: float | None) -> str:
    """Return whole dollars with a sign, cents under ten dollars; `unknown` where there is no figure."""
    if value is None:
        return "unknown"
    digits = 2 if abs(value) < 10 else 0
    rounded = round(value, digits)
    sign = "-" if rounded < 0 else "+" if rounded > 0 else ""
    return f"{sign}${abs(rounded):,.{digits}f}"


def headline(compared: Compared) -> str:
    """Return what file it is and how it changed."""
    return f"{compared.path} ({_CHANGES[compared.change]})"


def where(cost: Cost) -> str:
    """Return which log it was replayed on."""
    kind = {"events": "events", "workload": "shared workload", "reference": "reference workload"}[cost.source]
    return f"{cost.name} ({kind}{', made up' if cost.source == 'reference' else ', sample' if cost.sample else ''})"


def bill(cost: Cost) -> str:
    """Return the change of the bill with its interval and its share of today's."""
    if not cost.moved:
        return "$0: no call goes elsewhere"
    if cost.delta_usd is None:
        return "unknown: no call that goes elsewhere has a price both ways"
    low, _, high = cost.interval or (cost.delta_usd,) * 3
    shown, _, further = bill_of((low, cost.delta_usd, high), cost.base_usd).partition(" ")
    said = {"-": f"saves {shown[1:]} a month", "+": f"costs {shown[1:]} more a month"}.get(shown[0], f"{shown} a month")
    return f"{said} {further}"


def bill_of(usd: tuple[float, float, float], base: float | None) -> str:
    """Return a change of P10, expected and P90 US dollars, and its share of today's bill."""
    low, expected, high = usd
    share = f", {expected / base:+.1%}" if base else ""
    return f"{signed(expected)} ({signed(low)} to {signed(high)}{share})"


def notes(cost: Cost) -> list[str]:
    """Return what the figure leaves out or takes for granted."""
    said = [f"{cost.moved:,.0f} of {cost.calls:,} calls are answered by another model"] if cost.moved else []
    if cost.unknown_calls:
        names = f" ({', '.join(cost.unpriced)} has no known price)" if cost.unpriced else ""
        said.append(f"{cost.unknown_calls:,.0f} of them are in no figure: their price is unknown{names}")
    if cost.free_calls:
        free = f"{cost.free_calls:,.0f} go to models whose tokens cost nothing"
        said.append(f"{free}: what the machines for them cost is in no figure")
    for rule, calls in sorted(cost.undecided.items()):
        said.append(
            f"rule {rule}: for {calls:,.0f} calls the log does not hold what it asks; they are left where they are"
        )
    if cost.extrapolated:
        said.append("extrapolated to a month from less than a week")
    if cost.latency_ms is not None:
        said.append(
            f"latency {cost.latency_ms:+,.0f} ms a moved call, by observed medians ({cost.latency_share:.0%} known)"
        )
    elif cost.moved:
        said.append("latency unknown: the log has too few calls of the models that would answer")
    return said


def quality(compared: Compared) -> str:
    """Return what the gate says."""
    if compared.quality is None:
        return "not asked"
    reason = compared.quality.reason
    verdict = _VERDICTS[compared.quality.verdict]
    return f"{verdict}: {reason}" if reason else verdict


def tasks(compared: Compared) -> list[str]:
    """Return which golden tasks got worse, for which nothing is known, and what their number proves."""
    if compared.quality is None or compared.quality.verdict == "unchanged":
        return []
    told = compared.quality.details
    worse, unknown = told.get("regressed") or (), told.get("unknown") or ()
    lines = [f"worse: {', '.join(worse)}"] if worse else []
    by_reason: dict[str, list[str]] = {}
    for one in unknown:
        by_reason.setdefault(f"{one['engine']}: {one['reason']}", []).append(one["task"])
    lines += [f"{reason}: {', '.join(dict.fromkeys(names))}" for reason, names in by_reason.items()]
    return [*lines, *([str(told["explained"])] if told.get("tasks") else [])]


def rows(parts: tuple[Part, ...]) -> list[tuple[str, str, str, str]]:
    """Return name, calls a month, change a month and calls that are in no figure."""
    return [
        (
            f"{part.was} → {part.name}" if part.was and part.was != part.name else part.name,
            f"{part.calls:,.0f}",
            signed(part.delta_usd),
            f"{part.unknown_calls:,.0f}" if part.unknown_calls else "",
        )
        for part in parts
    ]
