"""Which templates may be chosen, and why the others may not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from tokenop.catalogue.levers import SPECS
from tokenop.catalogue.model import STATUSES
from tokenop.catalogue.vocabulary import INVENTORY_SCALARS, WORKLOAD_SCALARS
from tokenop.errors import InputError
from tokenop.planning.policy import RISK_LEVELS, Policy

if TYPE_CHECKING:
    import duckdb

    from tokenop.catalogue.model import Template
    from tokenop.evidence.confidence import Confidence
    from tokenop.prices.book import PriceBook


@dataclass(frozen=True, slots=True)
class Rejection:
    """A template that was left out, the kind of reason, and the reason in words with its figures."""

    template: Template
    code: str
    reason: str


def screen(
    connection: duckdb.DuckDBPyConnection,
    templates: Sequence[Template],
    scalars: Mapping[str, object],
    policy: Policy,
    book: PriceBook,
    at: datetime,
    min_status: str,
    trusted: Mapping[str, Confidence] | None = None,
) -> tuple[list[Template], list[Rejection]]:
    """Return the templates that may be chosen, and those that may not.

    Args:
        connection: any connection; expressions are evaluated over one row of scalars.
        templates: the catalogue.
        scalars: the workload profile (`tokenop.profile.scalars`), and that of the inventory where there is one.
        policy: the constraints.
        book: prices, for the targets of routing.
        at: when the target prices must be valid.
        min_status: the least status that is considered.
        trusted: how sure the community is of each template, by id.
    """
    one_row(connection, scalars)
    kept: list[Template] = []
    left: list[Rejection] = []
    for template in sorted(templates, key=lambda one: one.id):
        found = (
            _status(template, min_status)
            or _policy(template, policy)
            or _confidence(policy, (trusted or {}).get(template.id))
            or _inventory(template, scalars)
            or _predicate(connection, template, scalars)
            or _target(template, policy, book, at)
        )
        if found:
            left.append(Rejection(template, *found))
        else:
            kept.append(template)
    return kept, left


def one_row(connection: duckdb.DuckDBPyConnection, scalars: Mapping[str, object]) -> None:
    """Create the table `workload_scalars` with its one row: what `applies_when` is asked about."""
    columns = ", ".join(f"CAST(${name} AS {kind}) AS {name}" for name, kind in WORKLOAD_SCALARS.items())
    values = {name: scalars.get(name) for name in WORKLOAD_SCALARS}
    connection.execute(f"CREATE OR REPLACE TEMP TABLE workload_scalars AS SELECT {columns}", values)


def _status(template: Template, least: str) -> tuple[str, str] | None:
    if template.status == "deprecated" or STATUSES.index(template.status) < STATUSES.index(least):
        return "status", f"status is {template.status}; the plan asks for {least} or better"
    return None


def _policy(template: Template, policy: Policy) -> tuple[str, str] | None:
    if RISK_LEVELS.index(template.risk.level) > RISK_LEVELS.index(policy.max_risk):
        return "constraint", f"risk is {template.risk.level}; the policy allows at most {policy.max_risk} (max_risk)"
    drop, most = template.quality.max_absolute_drop, policy.max_quality_drop_per_call
    if most is not None and drop > most:
        return "constraint", f"quality may drop by {drop}; the policy allows {most} (max_quality_drop_per_call)"
    hours = template.implementation.hours
    if policy.effort_hours is not None and hours > policy.effort_hours:
        return "constraint", f"takes {hours} hours; the policy allows {policy.effort_hours} (effort_hours)"
    return None


def _confidence(policy: Policy, found: Confidence | None) -> tuple[str, str] | None:
    """Return a reason where the community is less sure of a template than the policy asks for."""
    if not policy.min_confidence:
        return None
    asked = f"the policy asks for {policy.min_confidence} (min_confidence)"
    if found is None or found.score is None:
        return "constraint", f"has no implementation whose success is known; {asked}"
    if found.score < policy.min_confidence:
        told = f"confidence is {found.score} after {found.n} implementations, {found.successes} of them successful"
        return "constraint", f"{told}; {asked}"
    return None


def _inventory(template: Template, scalars: Mapping[str, object]) -> tuple[str, str] | None:
    """Return a reason where a template changes an inventory and there is none."""
    acts = any(SPECS[lever.kind].acts_on == "resources" for lever in template.levers)
    asks = any(re.search(rf"\b{name}\b", template.applies_when) for name in INVENTORY_SCALARS)
    if not (acts or asks) or scalars.get("infra_resources") is not None:
        return None
    return "predicate", (
        "needs an inventory of what runs, and there is none: run `tokenop discover` on Terraform's state or plan "
        "(`terraform show -json`), or name one with --inventory"
    )


def _predicate(
    connection: duckdb.DuckDBPyConnection, template: Template, scalars: Mapping[str, object]
) -> tuple[str, str] | None:
    # The catalogue has checked the expression against its allow-list; here it meets one row of numbers.
    import duckdb

    try:
        row = connection.execute(f"SELECT (\n{template.applies_when}\n) IS TRUE FROM workload_scalars").fetchone()
    except duckdb.Error as error:
        # An allow-listed expression can still divide by zero on the numbers of one workload.
        raise InputError(f"{template.path}: applies_when cannot be worked out here: {error}") from error
    if row and row[0]:
        return None
    named = [name for name in WORKLOAD_SCALARS if re.search(rf"\b{name}\b", template.applies_when)]
    values = ", ".join(f"{name} = {shown(scalars.get(name))}" for name in named)
    return "predicate", f"applies_when does not hold: {template.applies_when} ({values})"


def shown(value: object) -> str:
    """Return the value of a scalar in few characters."""
    if value is None:
        return "unknown"
    if isinstance(value, float | Decimal):
        return f"{float(value):.4g}" if abs(float(value)) < 1000 else f"{float(value):,.0f}"
    return str(value)


def _target(template: Template, policy: Policy, book: PriceBook, at: datetime) -> tuple[str, str] | None:
    from tokenop.prices.calls import target_rates

    for lever in template.levers:
        to = lever.options.get("to")
        if not isinstance(to, Mapping):
            continue
        provider, model = str(to["provider"]), str(to["model"])
        key = book.resolve(provider, model)
        forbidden = {name for named in policy.forbidden_providers for name in (named, _canonical(book, named))}
        if provider in forbidden or (key is not None and key.provider in forbidden):
            return "constraint", f"moves calls to {provider}, which the policy forbids (forbidden_providers)"
        if policy.forbidden_regions:
            region = to.get("region")
            if region is None:
                return (
                    "constraint",
                    f"does not say in which region {provider} would serve; the policy forbids some (forbidden_regions)",
                )
            if str(region) in policy.forbidden_regions:
                return "constraint", f"moves calls to region {region}, which the policy forbids (forbidden_regions)"
        try:
            target_rates(None, book, provider, model, at)  # type: ignore[arg-type]
        except InputError as error:
            return "unpriced", str(error)
    return None


def _canonical(book: PriceBook, provider: str) -> str:
    from tokenop.prices import names

    return names.canonical_provider(provider, frozenset(key.provider for key in book.keys)) or provider
