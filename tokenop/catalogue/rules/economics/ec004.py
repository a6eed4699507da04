"""EC004: the baseline of the claim is one that others can look up."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.claimed import objections
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    for one in objections(draft, "EC004"):
        # The schema lists the documented workloads, so that editors complete them; its words serve here too.
        message = f"the claim's baseline is no documented reference workload: {one.message}"
        yield RULE.found(draft.document, one.field, message, one.fix, place=one.place)


RULE = Rule(
    "EC004",
    "error",
    "template",
    what="The claim names a documented reference workload.",
    why="A percentage means nothing without the models, the traffic and the token mix that it is a part of.",
    how="Set economics.claim.workload to a workload that docs/workloads.md describes.",
    check=_check,
    structural=True,
    examples=(Example(wrong="workload: our-october-bill", right="workload: sample-month"),),
)
