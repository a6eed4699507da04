"""Why a template that may be chosen was not: the figure or the constraint that decided."""

from __future__ import annotations

from decimal import Decimal

from tokenop.catalogue.model import Template
from tokenop.planning.figures import usd
from tokenop.planning.select import Problem
from tokenop.planning.study import Study


def why_not(study: Study, problem: Problem, template: Template, chosen: frozenset[str]) -> tuple[str, str]:
    """Return the kind of reason and the reason in words.

    The template is compared with the chosen set as it is: what it would add to it, not what it would save alone.
    """
    if unmatched := nothing_matched(study, template):
        return "not-matched", unmatched
    missing = sorted(set(template.requires) - chosen - {template.id})
    if missing:
        return "requires", f"requires {', '.join(missing)}, which is not in the plan"
    months, cost = problem.policy.horizon_months, problem.fixed_cost(template)
    alone = study.saving(frozenset({template.id}))
    if alone * float(months) <= cost:
        if usd(alone) <= 0:
            return "no-saving", f"alone it would {_saves(alone)} a month"
        return "no-saving", (
            f"alone it would {_saves(alone)} a month, which does not cover its "
            f"${usd(cost):,.2f} of implementation and running cost over {months} months"
        )
    against = sorted(other for other in chosen if other in template.conflicts or _conflicts(study, other, template.id))
    if against:
        return "conflict", f"conflicts with {', '.join(against)}, which saves more"
    return _constraint(problem, template, chosen) or _nothing_left(study, problem, template, chosen, alone)


def nothing_matched(study: Study, template: Template) -> str:
    """Return in words that no call and no resource matches; empty where one does."""
    if study.matched(template.id)[0] == 0 and not study.matched_resources(template.id).any():
        return _unmatched(study, template)
    return ""


def _unmatched(study: Study, template: Template) -> str:
    wheres = "; ".join(lever.where for lever in template.levers)
    bounds = [bound for bound in study.of(frozenset({template.id})) if bound.name in study.fleet.match]
    if not bounds:
        return f"no priced call matches: {wheres}"
    unknown = sum(study.fleet.unknown_matches[bound.name] for bound in bounds)
    missed = f" ({unknown} that match have an unknown count or price)" if unknown else ""
    what = "resource" if len(bounds) == len(template.levers) else "call or resource"
    return f"no priced {what} that could change matches: {wheres}{missed}"


def _conflicts(study: Study, other: str, template: str) -> bool:
    return any(one.id == other and template in one.conflicts for one in study.templates)


def _constraint(problem: Problem, template: Template, chosen: frozenset[str]) -> tuple[str, str] | None:
    members = [one for one in problem.templates if one.id in chosen]
    policy = problem.policy
    drop = sum((problem.drop(one) for one in members), problem.drop(template))
    if policy.max_quality_drop is not None and drop > policy.max_quality_drop:
        return "constraint", (
            f"quality could drop by {drop:.4f} on average together with the chosen ones; the policy allows "
            f"{policy.max_quality_drop} (max_quality_drop)"
        )
    hours = sum((one.implementation.hours for one in members), template.implementation.hours)
    if policy.effort_hours is not None and hours > policy.effort_hours:
        return "constraint", (
            f"would take the plan to {hours} hours; the policy allows {policy.effort_hours} (effort_hours)"
        )
    if policy.max_latency_p95_ms is not None and not problem.accept(chosen | {template.id}):
        return "constraint", (
            f"would take the 95th percentile of latency over {policy.max_latency_p95_ms} ms (max_latency_p95_ms)"
        )
    return None


def _nothing_left(
    study: Study, problem: Problem, template: Template, chosen: frozenset[str], alone: float
) -> tuple[str, str]:
    added = study.saving(chosen | {template.id}) - study.saving(chosen)
    cost = Decimal(usd(problem.fixed_cost(template)))
    reason = f"alone it would {_saves(alone)} a month, but with the chosen templates in place it would {_saves(added)}"
    if usd(added) > 0:
        reason += f", which does not cover its ${cost:,.2f} over {problem.policy.horizon_months} months"
    return "no-saving", reason


def _saves(monthly: float) -> str:
    if usd(monthly) == 0:
        return "save nothing"
    return f"save ${usd(monthly):,.2f}" if monthly >= 0 else f"cost ${usd(-monthly):,.2f} more"
