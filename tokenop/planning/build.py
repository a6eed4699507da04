"""From a priced log (or a shared workload) and a catalogue to an optimisation plan."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tokenop import __version__
from tokenop.catalogue.model import LAYERS, Template
from tokenop.economics import fleet
from tokenop.economics.rows import Replayed
from tokenop.economics.work import Spread, spread_of
from tokenop.errors import NoInputError
from tokenop.planning import infrastructure, reasons, trust
from tokenop.planning.candidates import Rejection, screen
from tokenop.planning.describe import Outcome, chosen_entry, rejected_entry
from tokenop.planning.figures import interval, share, usd
from tokenop.planning.policy import Policy
from tokenop.planning.select import choose
from tokenop.planning.study import Study, prepare
from tokenop.profile import scalars as profile_scalars

if TYPE_CHECKING:
    import duckdb

    from tokenop.evidence.confidence import Confidence
    from tokenop.evidence.model import Evidence
    from tokenop.inventory.model import Inventory
    from tokenop.prices.book import PriceBook
    from tokenop.profile.window import Window

SCHEMA_VERSION = 1
DRAWS = 1000
SEED = 20260921


def _silent(step: str) -> None:
    """Say nothing: what `Request.progress` is unless somebody watches."""


@dataclass(frozen=True)
class Request:
    """What a plan is made from.

    `calls` is a relation with the columns of `tokenop.prices.calls`; `window` the time it covers; `coverage` and
    `inputs` say where the numbers come from and are written into the plan as they are.
    """

    connection: duckdb.DuckDBPyConnection
    book: PriceBook
    templates: Sequence[Template]
    policy: Policy
    window: Window
    coverage: Mapping[str, object]
    inputs: Mapping[str, object]
    calls: str = "calls"
    min_status: str = "proposed"
    draws: int = DRAWS
    seed: int = SEED
    progress: Callable[[str], None] = _silent
    scalars: Mapping[str, Any] | None = None  # where they were computed on the events behind `calls`
    sample: bool | None = None
    inventory: Inventory | None = None
    evidence: Evidence | None = None  # what people reported about the templates


@dataclass(frozen=True)
class Plan:
    """The plan as it is written, and the study behind it for whoever wants to go on (`report`)."""

    document: dict[str, Any]
    study: Study
    chosen: frozenset[str]


@dataclass(frozen=True)
class Studied:
    """The working set of a plan before anything is chosen: what may be chosen, and what may not and why."""

    study: Study
    left: tuple[Rejection, ...]
    scalars: Mapping[str, Any]
    inventory: Inventory | None
    trusted: Mapping[str, Confidence]

    def bills(self, today: Decimal) -> infrastructure.Bills:
        """Return the monthly bills where the calls cost `today` in the window. No known cost is an unknown bill."""
        known = self.scalars["monthly_cost_usd"] is not None
        return infrastructure.Bills(today * Decimal(repr(self.study.monthly)) if known else None, self.inventory)


def studied(request: Request, computed: Mapping[str, Any] | None = None) -> Studied:
    """Screen the templates, and replay those that are left on the workload.

    Args:
        request: what a plan is made from.
        computed: the scalars of these very calls, where somebody has computed them already.

    Raises:
        NoInputError: there is no call at all, and no inventory either.
        InputError: an expression of a template cannot be worked out on this workload.
    """
    known = request.scalars
    scalars = known or computed or profile_scalars.compute(request.connection, request.calls, request.window)
    if not scalars["calls"] and request.inventory is None:
        raise NoInputError("there are no calls to plan for")
    # Ages are counted to the end of the log, so that the same files give the same plan on any day.
    trusted = trust.trust(request.templates, request.evidence, request.window.until.date()) if request.evidence else {}
    candidates, left = screen(
        request.connection,
        request.templates,
        {**scalars, **fleet.scalars(request.inventory)},
        request.policy,
        request.book,
        request.window.until,
        request.min_status,
        trusted,
    )
    request.progress(f"replaying {len(candidates)} of {len(request.templates)} templates")
    spread = spread_of(request.window, _peak(known)) if scalars["calls"] else Spread(request.window, "none", 1)
    study = prepare(
        request.connection,
        candidates,
        request.book,
        spread,
        request.draws,
        request.seed,
        request.calls,
        request.inventory,
    )
    return Studied(study, tuple(left), scalars, request.inventory, trusted)


def build(request: Request) -> Plan:
    """Return the best plan under the policy.

    Raises:
        NoInputError: there is no call at all, and no inventory either.
    """
    request.progress("profiling the workload")
    found = studied(request)
    study = found.study
    problem = study.problem(request.policy)
    request.progress("choosing")
    chosen = choose(problem)
    others = [template for template in study.templates if template.id not in chosen]
    refused = [Rejection(one, *reasons.why_not(study, problem, one, chosen)) for one in others]
    request.progress(f"drawing {request.draws} times")
    return Plan(_document(request, found, chosen, [*found.left, *refused]), study, chosen)


def _document(request: Request, found: Studied, chosen: frozenset[str], left: Sequence[Rejection]) -> dict[str, Any]:
    study, scalars = found.study, found.scalars
    pooled, joint = study.saving(chosen), study.savings(chosen)
    replayed = study.replay(chosen)
    bills = found.bills(replayed.before)
    outcome = Outcome(study, request.policy, chosen, study.marginals(chosen), found.trusted)
    fixed = sum(study_cost(study, one, request.policy) for one in chosen)
    months = float(request.policy.horizon_months)
    monthly = Decimal(repr(study.monthly))
    return {
        "schema_version": SCHEMA_VERSION,
        "baseline_monthly_usd": bills.both,
        "savings_monthly_usd": interval(joint, pooled),
        "net_12_months_usd" if months == 12 else f"net_{months:g}_months_usd": interval(
            joint * months - fixed, pooled * months - fixed
        ),
        "window": _window(request, study, scalars),
        "baseline": {**_baseline(request, replayed, scalars), **bills.split()},
        **infrastructure.section(study, request.inventory, chosen),
        **infrastructure.refused(study, chosen),
        "joint": _joint(study, chosen, pooled, replayed),
        "quality": {
            "average_drop": float(sum((study.drop(one) for one in outcome.members()), Decimal(0))),
            "allowed": None if (most := request.policy.max_quality_drop) is None else float(most),
        },
        "budget": _budget(request.policy, (replayed.after + replayed.fleet_after) * monthly),
        "layers": [{"layer": layer, "savings_monthly_usd": usd(saved)} for layer, saved in outcome.by_layer().items()],
        "chosen": [chosen_entry(outcome, one, place) for place, one in enumerate(outcome.sequence(), start=1)],
        "rejected": [rejected_entry(study, one) for one in sorted(left, key=lambda one: one.template.id)],
        "policy": request.policy.as_dict(),
        "inputs": {
            **request.inputs,
            "prices_hash": request.book.hash,
            "templates_hash": templates_hash(request.templates),
            "min_status": request.min_status,
            "seed": request.seed,
            "draws": request.draws,
            "tokenop_version": __version__,
        },
        "next": "tokenop report",
    }


def _window(request: Request, study: Study, scalars: Mapping[str, Any]) -> dict[str, Any]:
    if not scalars["calls"]:
        # An inventory alone has no time that calls cover: a month of it is a month.
        hours, method = study.spread.hours, "parameter ranges only (no calls)"
        return {"from": None, "until": None, "hours": hours, "extrapolated": False, "method": method}
    spread = study.spread
    return {**request.window.as_dict(), "extrapolated": spread.extrapolated, "method": spread.method}


def _baseline(request: Request, replayed: Replayed, scalars: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "calls": scalars["calls"],
        "monthly_calls": round(float(scalars["monthly_calls"] or 0), 1),
        "window_usd": None if scalars["monthly_cost_usd"] is None else usd(replayed.before),
        "priced_cost_share": _four(scalars["priced_cost_share"]),
        "latency_p95_ms": replayed.latency_p95_before,
        "coverage": dict(request.coverage),
        "sample": _is_sample(request),
    }


def _joint(study: Study, chosen: frozenset[str], pooled: float, replayed: Replayed) -> dict[str, Any]:
    """Return the saving of the set as a whole, and how it differs from its members' savings added up."""
    singles = sum(study.saving(frozenset({one})) for one in sorted(chosen))
    return {
        "pooled_monthly_usd": usd(pooled),
        "replayed_monthly_usd": usd(replayed.saving * Decimal(repr(study.monthly))),
        "singles_sum_monthly_usd": usd(singles),
        "interaction_monthly_usd": usd(pooled - singles),
        "latency_p95_ms": replayed.latency_p95_after,
        "cells": study.cells.size,
    }


def _budget(policy: Policy, after: Decimal) -> dict[str, Any] | None:
    budget = policy.monthly_budget_usd
    return None if budget is None else {"monthly_usd": usd(budget), "after_usd": usd(after), "met": after <= budget}


def study_cost(study: Study, template_id: str, policy: Policy) -> float:
    """Return what implementing and running a template costs over the horizon, in USD."""
    return study.problem(policy).fixed_cost(next(one for one in study.templates if one.id == template_id))


def templates_hash(templates: Sequence[Template]) -> str:
    """Return 32 hex digits over the content of all templates."""
    digest = hashlib.sha256()
    for template in sorted(templates, key=lambda one: one.id):
        digest.update(f"{template.id} {template.sha256}\n".encode())
    return digest.hexdigest()[:32]


def _peak(scalars: Mapping[str, Any] | None) -> float | None:
    """Return peak ÷ mean hour where the calls themselves no longer tell (a shared workload knows days, not hours)."""
    value = None if scalars is None else scalars.get("peak_to_mean_hour")
    return None if value is None else float(value)


def _four(value: object) -> float | None:
    return None if value is None else share(float(str(value)))


def _is_sample(request: Request) -> bool:
    """Return whether any call belongs to the made-up sample month, or the inventory to it: their names say so."""
    if request.inventory and any(origin.file.startswith("sample-") for origin in request.inventory.origin):
        return True
    if request.sample is not None:
        return request.sample
    row = request.connection.execute(
        f"SELECT 1 FROM {request.calls} WHERE starts_with(id, 'sample-') LIMIT 1"
    ).fetchone()
    return row is not None


__all__ = ["LAYERS", "Plan", "Request", "build"]
