"""Which rule tells of what the schema objects to: each objection belongs to exactly one."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.draft import Draft, Objection
from tokenop.catalogue.rules.units import unit


def objections(draft: Draft, rule_id: str) -> Iterator[Objection]:
    """Yield those of the schema's objections that the rule `rule_id` tells of."""
    return (one for one in draft.objections if _teller(draft, one) == rule_id)


def _teller(draft: Draft, one: Objection) -> str:
    if one.field == "suppress" or one.field.startswith("suppress["):
        return "SU001"
    if one.field == "schema_version":
        return "FM007"
    if one.field == "id" and one.keyword == "pattern":
        return "ID001"
    if one.kind == "value" and one.field == "economics.claim.workload":
        return "EC004"
    if one.kind == "value" and one.field.startswith("economics.silent_on["):
        return "GE001"
    if one.keyword == "type" and unit(draft.document.value(one.field)):
        return "EC005"
    return {"missing": "FM002", "unknown": "FM003"}.get(one.kind, "FM004")
