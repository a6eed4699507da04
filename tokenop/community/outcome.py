"""What an implementation was worth: the saving at equal traffic, and the work against it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal

from tokenop.evidence.model import Implementation, Window

# What the product assumes an hour of engineering to cost where nothing else is said.
HOURLY_RATE = Decimal(200)
MONTH_HOURS = Decimal("730.5")
MONTH_DAYS = MONTH_HOURS / 24
YEAR_MONTHS = 12
# Beyond this no figure is anybody's bill. Such an entry stays in the counts; its amounts are unknown.
MOST_USD = Decimal(10) ** 12
# Costs have up to 30 digits: the usual 28 would round products of them.
_EXACT = Context(prec=80)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Figures of one implementation; what its author did not give is None.

    `reduction` is a share of a call's cost (equal traffic), `spend_reduction` one of the bill. `monthly_saving_usd` is
    that of `saved` where `equal_traffic`, and otherwise what the bill fell by. `roi` is what a year returns beyond the
    work, as a share of the work's cost.
    """

    reduction: Decimal | None
    spend_reduction: Decimal | None
    quality_drop: Decimal | None
    success: bool | None
    work_usd: Decimal | None
    monthly_saving_usd: Decimal | None
    equal_traffic: bool
    payback_days: Decimal | None
    net_year_usd: Decimal | None
    roi: Decimal | None

    def as_dict(self) -> dict[str, object]:
        """Return the figures JSON-ready."""
        names = ("reduction", "spend_reduction", "quality_drop", "work_usd", "monthly_saving_usd", "payback_days",
                 "net_year_usd", "roi")  # fmt: skip
        values = {name: getattr(self, name) for name in names}
        found: dict[str, object] = {name: None if value is None else float(value) for name, value in values.items()}
        return {**found, "success": self.success, "equal_traffic": self.equal_traffic}


def outcome(entry: Implementation, tolerance: Decimal, monthly: bool = False) -> Outcome:
    """Return what an implementation was worth.

    Args:
        entry: the implementation.
        tolerance: how much quality its template may cost.
        monthly: its costs are those of a month where it names no window.
    """
    reduction, work = entry.cost_reduction, investment(entry)
    saving = _monthly_saving(entry, reduction is not None, monthly)
    net = None if saving is None or work is None else YEAR_MONTHS * saving - work
    return Outcome(
        reduction,
        entry.spend_reduction,
        entry.quality_drop,
        entry.success(tolerance),
        work,
        saving,
        reduction is not None,
        None if work is None or saving is None or saving <= 0 else work / saving * MONTH_DAYS,
        net,
        None if net is None or not work else net / work,
    )


def investment(entry: Implementation) -> Decimal | None:
    """Return what the work of an implementation cost in US dollars; None where its hours are not known."""
    return None if entry.hours is None else entry.hours * HOURLY_RATE


def saved(entry: Implementation) -> Decimal | None:
    """Return the US dollars saved over the later window: what its calls would have cost as before, less what they cost.

    Signed. None where a cost or a number of calls is not known, or the amount is beyond anybody's bill.
    """
    before, after, calls, later = (
        entry.cost_before_usd, entry.cost_after_usd, entry.calls_before, entry.calls_after
    )  # fmt: skip
    if before is None or after is None or not calls or later is None:
        return None
    return _bounded(_EXACT.subtract(_EXACT.divide(_EXACT.multiply(before, Decimal(later)), Decimal(calls)), after))


def by_month(amount: Decimal | None, window: Window | None) -> Decimal | None:
    """Return an amount of a window as one of a month of 730.5 hours; None where either is not known."""
    if amount is None or window is None:
        return None
    return _bounded(_EXACT.divide(_EXACT.multiply(amount, MONTH_HOURS), Decimal(24 * window.days)))


def _monthly_saving(entry: Implementation, equal_traffic: bool, monthly: bool) -> Decimal | None:
    before, after = entry.window_before, entry.window_after
    amount = saved(entry) if equal_traffic else _fallen(entry)
    if after is not None:
        # The bills of windows of different length say nothing of a month unless it is known how many calls they pay.
        same = equal_traffic or (before is not None and before.days == after.days)
        return by_month(amount, after) if same else None
    return amount if monthly and before is None else None


def _fallen(entry: Implementation) -> Decimal | None:
    """Return by how much the bill fell, whatever the traffic did."""
    before, after = entry.cost_before_usd, entry.cost_after_usd
    return None if before is None or after is None or not before else _bounded(before - after)


def _bounded(amount: Decimal) -> Decimal | None:
    return amount.quantize(Decimal("1e-12"), ROUND_HALF_EVEN, _EXACT) if abs(amount) <= MOST_USD else None
