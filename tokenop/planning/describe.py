"""How each template stands in the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tokenop.catalogue.model import LAYERS, Template
from tokenop.economics.levers import Bound, budget, capacity, response_cache, self_host
from tokenop.evidence.confidence import Confidence
from tokenop.planning import infrastructure, trust
from tokenop.planning.candidates import Rejection
from tokenop.planning.figures import complexity, interval, payback, share, usd
from tokenop.planning.policy import Policy
from tokenop.planning.study import Study

EVIDENCE = ("assumed", "reported", "measured")


@dataclass(frozen=True)
class Outcome:
    """A chosen set and what each member saves in chain order."""

    study: Study
    policy: Policy
    chosen: frozenset[str]
    marginals: dict[str, float]
    trusted: Mapping[str, Confidence]

    def members(self) -> list[Template]:
        """Return the chosen templates by id."""
        return [one for one in self.study.templates if one.id in self.chosen]

    def sequence(self) -> list[Template]:
        """Return the order to implement in: what is required first, then what pays back soonest."""

        def wait(template: Template) -> tuple[float, str]:
            plan = template.implementation
            net = self.marginals[template.id] - float(plan.monthly_running_usd)
            cost = float(plan.hours * plan.hourly_rate_usd)
            return (cost / net if net > 0 else float("inf")), template.id

        left, done = sorted(self.members(), key=wait), list[Template]()
        while left:
            placed = {one.id for one in done}
            ready = [one for one in left if not (set(one.requires) & self.chosen) - placed]
            # A cycle of requirements is a finding of the linter; here it must only not hang.
            first = (ready or left)[0]
            done.append(first)
            left.remove(first)
        return done

    def by_layer(self) -> dict[str, float]:
        """Return monthly USD saved by layer, in chain order: they add up to the joint saving."""
        return {layer: sum(self.marginals[one.id] for one in self.members() if one.layer == layer) for layer in LAYERS}


def chosen_entry(outcome: Outcome, template: Template, place: int) -> dict[str, Any]:
    """Return a chosen template's part of the plan."""
    study, alone = outcome.study, frozenset({template.id})
    draws = study.savings(alone)
    plan = template.implementation
    cost, running = float(plan.hours * plan.hourly_rate_usd), float(plan.monthly_running_usd)
    months = float(outcome.policy.horizon_months)
    calls, cost_share = study.matched(template.id)
    return {
        **_identity(template),
        "version": template.version,
        "status": template.status,
        "order": place,
        "evidence": evidence(template),
        "community": trust.entry(outcome.trusted.get(template.id)),
        "savings_monthly_usd": interval(draws, study.saving(alone)),
        "marginal_monthly_usd": usd(outcome.marginals[template.id]),
        "matched": {
            "calls": calls,
            "cost_share": share(cost_share),
            **infrastructure.matched(study, template.id),
        },
        "levers": [_lever(study, bound) for bound in study.of(alone)],
        **infrastructure.limited(study, outcome.chosen, template.id),
        "roi": {
            "implementation_usd": usd(cost),
            "running_monthly_usd": usd(running),
            "payback_days": payback(cost, draws - running),
            "net_12_months_usd" if months == 12 else f"net_{months:g}_months_usd": interval(
                (draws - running) * months - cost
            ),
        },
        "complexity": complexity(plan.hours, len(template.levers)),
        "effort_hours": float(plan.hours),
        "risk": {"level": template.risk.level, "blast_radius": template.risk.blast_radius},
        "rollback": {"minutes": template.risk.rollback_minutes},
        "quality": {
            "max_absolute_drop": float(template.quality.max_absolute_drop),
            "average_drop": float(study.drop(template)),
            "golden_tiers": list(template.quality.golden_tiers),
        },
        "depends_on": sorted(set(template.requires) & outcome.chosen),
        "sensitivity": study.sensitivity(outcome.chosen, template.id),
        "sweeps": study.sweeps(outcome.chosen, template.id),
    }


def rejected_entry(study: Study, rejection: Rejection) -> dict[str, Any]:
    """Return a left-out template's part of the plan; its saving alone, where it could be replayed."""
    template = rejection.template
    known = any(one.id == template.id for one in study.templates) and rejection.code != "not-matched"
    alone = frozenset({template.id})
    return {
        **_identity(template),
        "code": rejection.code,
        "reason": rejection.reason,
        "savings_monthly_usd": interval(study.savings(alone), study.saving(alone)) if known else None,
        "sweeps": study.sweeps(alone, template.id) if known else [],
    }


def evidence(template: Template) -> str:
    """Return the weakest tier of evidence among the template's parameters."""
    tiers = [value.evidence for lever in template.levers for value in lever.parameters.values()]
    return min(tiers, key=EVIDENCE.index, default="assumed")


def _identity(template: Template) -> dict[str, Any]:
    return {"id": template.id, "title": template.title, "layer": template.layer, "category": template.category}


def _lever(study: Study, bound: Bound) -> dict[str, Any]:
    lever = bound.lever
    return {
        "kind": lever.kind,
        "where": lever.where,
        "parameters": {
            name: {
                "low": float(value.low),
                "expected": float(value.expected),
                "high": float(value.high),
                "evidence": value.evidence,
                "source": value.source,
            }
            for name, value in sorted(lever.parameters.items())
        },
        "options": {name: _option(value) for name, value in sorted(lever.options.items()) if value is not None},
        "measured": _measured(study, bound),
    }


def _option(value: object) -> object:
    if isinstance(value, dict):
        return {name: _option(item) for name, item in sorted(value.items())}
    return value if isinstance(value, bool | int | str) else float(str(value))


def _measured(study: Study, bound: Bound) -> dict[str, Any]:
    """Return what the events themselves said about the lever."""
    cells, flags = study.cells, study.cells.match[bound.name]
    calls = cells.calls.sum(axis=0) * flags
    found: dict[str, Any] = {}
    if bound.lever.kind == "response_cache":
        repeats = cells.repeat[response_cache.repeat_column(bound)]
        known = ~np.isnan(repeats) & flags
        weight = float(calls[known].sum())
        found["exact_repeat_share"] = share(float((calls[known] * repeats[known]).sum()) / weight) if weight else None
    if bound.lever.kind == "prompt_cache":
        uncached = float((cells.measures["tokens_u"] * flags).sum())
        sums = {
            part: float((cells.measures[f"{bound.name}_{part}"] * flags).sum())
            for part in ("hit", "warm", "write", "cold")
        }
        if uncached:
            found["reused_prefix_share"] = share(sums["hit"] / uncached)
            found["warm_call_token_share"] = (
                share(sums["warm"] / (sums["warm"] + sums["cold"])) if sums["warm"] + sums["cold"] else None
            )
    if bound.target:
        found["target_price_id"] = bound.target[0].price_id
        found["latency_ratio_observed"] = None if bound.latency_ratio is None else round(bound.latency_ratio, 3)
    if bound.lever.kind == "batch":
        discounts = cells.discount[flags & ~np.isnan(cells.discount)]
        found["batch_discount"] = share(float(discounts.max())) if discounts.size else None
    if bound.lever.kind == "self_host":
        found.update(_gpus(study, bound))
    if bound.lever.kind == "budget":
        found.update(_groups(study, bound))
    if bound.lever.kind == "capacity":
        found.update(_resources(study, bound))
    return found


def _groups(study: Study, bound: Bound) -> dict[str, Any]:
    """Return how many have a limit, and whether the log holds whole periods."""
    row = study.connection.execute(f"SELECT count(*), count(*) FILTER (over) FROM {bound.name}_groups").fetchone()
    parts = [part for part, _ in budget.covered(bound, study.spread).values()]
    return {
        "groups": row[0] if row else 0,
        "groups_over_limit_today": row[1] if row else 0,
        # Where the log begins or ends within a day or month, that part of the limit applies.
        "limit_prorated": any(part < 1 for part in parts),
    }


def _resources(study: Study, bound: Bound) -> dict[str, Any]:
    """Return what the lever finds in the inventory, and what nobody can tell."""
    fleet, flags = study.fleet, capacity.acts_on(bound, study.fleet)
    price = {"spot": "spot_rate", "reserved": "reserved_rate"}.get(capacity.change(bound))
    priced = (
        {"resources_with_a_price_of_their_own": int((flags & ~np.isnan(fleet.array(price))).sum())} if price else {}
    )
    return {
        "resources": int(flags.sum()),
        "on_demand_instances": int(fleet.array("on_demand")[flags].sum()) if flags.any() else 0,
        "unknown_resources": fleet.unknown_matches[bound.name],
        **priced,
    }


def _gpus(study: Study, bound: Bound) -> dict[str, Any]:
    prefill, decode = study.cells.loads[bound.name]
    values = study.arrays[bound.name]
    taken = float(values["share"][0, 0])
    seconds = prefill / values["prefill_tokens_per_gpu_second"][0] + decode / values["decode_tokens_per_gpu_second"][0]
    needed = taken * seconds / 3600 / values["target_utilisation"][0]
    cost = self_host.gpu_cost(bound, taken * prefill[None, :], taken * decode[None, :], values, study.spread.hours)[0]
    return {
        "gpus_at_peak": round(float(needed.max()), 3) if needed.size else 0.0,
        "gpus_on_average": round(float(needed.mean()), 3) if needed.size else 0.0,
        "serving_monthly_usd": usd(float(cost) * study.monthly),
    }
