"""What an implementation was worth: the saving at equal traffic, and the work against it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tokenop.evidence.model import Implementation

# What the product assumes an hour of engineering to cost where nothing else is said.
HOURLY_RATE = Decimal(200)
HOURS_PER_DAY = Decimal(8)
MONTH_DAYS = Decimal("730.5") / 24
YEAR_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Outcome:
    """Figures of one implementation; what its author did not give is None.

    `reduction` is a share of a call's cost (equal traffic), `spend_reduction` one of the bill. `monthly_saving_usd` is
    at the traffic before where `equal_traffic`, and otherwise what the bill fell by. `roi` is what a year returns
    beyond the work, as a share of the work's cost.
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
    reduction, work = entry.cost_reduction, None if entry.hours is None else entry.hours * HOURLY_RATE
    share = entry.spend_reduction if reduction is None else reduction
    saving = _monthly_saving(entry, share, monthly)
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


def _monthly_saving(entry: Implementation, share: Decimal | None, monthly: bool) -> Decimal | None:
    cost, window = entry.cost_before_usd, entry.window_before
    if cost is None or share is None:
        return None
    if window is not None:
        # The bills of windows of different length say nothing of a month unless it is known how many calls they pay.
        same = entry.cost_reduction is not None or (entry.window_after and entry.window_after.days == window.days)
        return cost * share / window.days * MONTH_DAYS if same else None
    return cost * share if monthly and entry.window_after is None else None
