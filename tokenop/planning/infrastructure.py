"""What a plan says of the inventory, and of the work that its limits refuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tokenop.economics.fleet import HOURS_PER_MONTH, hourly
from tokenop.economics.levers import budget, capacity
from tokenop.planning.figures import usd
from tokenop.planning.study import Study

if TYPE_CHECKING:
    from tokenop.economics.rows import Limited
    from tokenop.inventory.model import Inventory, Resource

# Longer lists are cut: the inventory itself has all of them.
MOST_LISTED = 200


@dataclass(frozen=True)
class Bills:
    """Today's monthly bill: of the calls (None unknown) and of the inventory, if there is one."""

    tokens: Decimal | None
    inventory: Inventory | None

    @property
    def infrastructure(self) -> Decimal | None:
        """Return USD a month of the resources whose count and price are known."""
        return None if self.inventory is None else self.inventory.totals.monthly_usd

    @property
    def both(self) -> float | None:
        """Return what is known of both bills, added up; None where nothing is."""
        known = [usd(bill) for bill in (self.tokens, self.infrastructure) if bill is not None]
        return usd(sum(known)) if known else None

    def split(self) -> dict[str, float | None]:
        """Return the two bills, where there is an inventory."""
        if self.inventory is None:
            return {}
        return {"tokens_monthly_usd": _usd(self.tokens), "infrastructure_monthly_usd": _usd(self.infrastructure)}


def _usd(value: Decimal | None) -> float | None:
    return None if value is None else usd(value)


def section(study: Study, inventory: Inventory | None, chosen: frozenset[str]) -> dict[str, Any]:
    """Return the plan's part on the inventory: both bills, what changes, and what is unknown. Empty without one."""
    if inventory is None:
        return {}
    fleet, totals = study.fleet, inventory.totals
    after = capacity.replay(fleet, study.of(chosen), study.constants)
    saved = sum((hourly(one) - then for one, then in zip(fleet.resources, after, strict=True)), Decimal(0))
    known = totals.monthly_usd
    changes = sorted(
        (_change(one, then) for one, then in zip(fleet.resources, after, strict=True) if then != hourly(one)),
        key=lambda change: (change["after_monthly_usd"] - change["monthly_usd"], change["address"]),
    )
    return {
        "infrastructure": {
            "monthly_usd": _usd(known),
            "after_monthly_usd": None if known is None else usd(known - saved * HOURS_PER_MONTH),
            "resources": totals.resources,
            "unpriced": totals.unpriced,
            "unpriced_resources": [_name(one) for one in fleet.unknown][:MOST_LISTED],
            # Terraform does not know of reservations: these count as on-demand.
            "reservations_not_stated": sum(
                one.count.reserved is None and bool(one.count.on_demand) for one in fleet.resources
            ),
            "changed": len(changes),
            "changes": changes[:MOST_LISTED],
        }
    }


def _change(resource: Resource, after: Decimal) -> dict[str, Any]:
    return {
        "address": _name(resource),
        "type": resource.type,
        "region": resource.region,
        "instance_type": resource.instance_type,
        "on_demand": resource.count.on_demand,
        "monthly_usd": usd(hourly(resource) * HOURS_PER_MONTH),
        "after_monthly_usd": usd(after * HOURS_PER_MONTH),
    }


def _name(resource: Resource) -> str:
    return resource.address if resource.part is None else f"{resource.address} ({resource.part})"


def matched(study: Study, template: str) -> dict[str, int]:
    """Return how many resources a template changes, where it has a lever on the inventory."""
    if not any(bound.name in study.fleet.match for bound in study.of(frozenset({template}))):
        return {}
    return {"resources": int(study.matched_resources(template).sum())}


def limited(study: Study, chosen: frozenset[str], template: str) -> dict[str, Any]:
    """Return the calls that a template's limits refuse or degrade a month, within the plan. Empty without a limit."""
    own = {bound.name for bound in study.of(frozenset({template})) if bound.lever.kind == "budget"}
    taken = study.limited(chosen) if own else {}
    return {"limited": _figures(study, {name: taken[name] for name in sorted(own)})} if own else {}


def refused(study: Study, chosen: frozenset[str]) -> dict[str, Any]:
    """Return the same for the whole plan."""
    taken = study.limited(chosen)
    return {"limited": _figures(study, taken)} if taken else {}


def _figures(study: Study, taken: Mapping[str, Limited]) -> dict[str, Any]:
    rejecting = {bound.name for bound in study.bounds if bound.lever.kind == "budget" and budget.rejects(bound)}
    figures: dict[str, Any] = {}
    for word, names in (("rejected", rejecting), ("degraded", set(taken) - rejecting)):
        some = [one for name, one in taken.items() if name in names]
        figures[f"calls_{word}"] = round(float(sum((one.calls for one in some), Decimal(0))) * study.monthly, 1)
        spend = sum((one.usd for one in some), Decimal(0)) * Decimal(repr(study.monthly))
        figures[f"spend_{word}_usd"] = usd(spend)
    return {**figures, "per": "month", "note": note(figures)}


def note(figures: Mapping[str, Any]) -> str:
    """Return in words what a limit's saving is."""
    parts = []
    if figures["calls_rejected"]:
        parts.append(
            f"{figures['calls_rejected']:,.0f} calls worth ${figures['spend_rejected_usd']:,.0f} a month are refused: "
            "that is work not done, not the same work for less"
        )
    if figures["calls_degraded"]:
        parts.append(
            f"{figures['calls_degraded']:,.0f} calls worth ${figures['spend_degraded_usd']:,.0f} a month are answered "
            "by a cheaper model because a limit is reached, whatever they ask"
        )
    return "; ".join(parts) or "nobody reaches a limit"
