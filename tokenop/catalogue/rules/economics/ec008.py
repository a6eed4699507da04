"""EC008: what it takes to build and to run is counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tokenop.catalogue.draft import Draft, as_decimal
from tokenop.catalogue.rules.economics import reading
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_WORK = "economics.implementation"

# What a kind of lever cannot run without, and the parameter of its own that may count it.
_NEEDS: Mapping[str, tuple[str, str]] = {
    "response_cache": ("a store", "lookup_usd"),
    "cascade": ("a judge", "verifier_usd"),
    "self_host": ("a server", "ops_monthly_usd"),
}


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    for name, message, fix in (
        ("hours", "no change takes 0 hours", "write the hours until it is live, tests and roll-out included"),
        ("hourly_rate_usd", "nobody works for USD 0 an hour", "write 200 where nothing better is known"),
    ):
        if _is_zero(draft.get(f"{_WORK}.{name}")):
            yield RULE.found(draft.document, f"{_WORK}.{name}", message, fix)
    if not _is_zero(draft.get(f"{_WORK}.monthly_running_usd")):
        return
    for path, kind, lever in reading.levers(draft):
        need, parameter = _NEEDS.get(kind, ("", ""))
        if need and not _counted(lever, parameter):
            message = f"{path} ({kind}) needs {need}, which costs nothing here: monthly_running_usd is 0"
            fix = f"write what {need} costs a month, or count it in the lever's {parameter}"
            yield RULE.found(draft.document, f"{_WORK}.monthly_running_usd", message, fix)


def _is_zero(value: object) -> bool:
    number = as_decimal(value)
    return number is not None and number == 0


def _counted(lever: Mapping[str, Any], parameter: str) -> bool:
    given = dict(reading.ranges(lever)).get(parameter, {})
    expected = as_decimal(given.get("expected"))
    return expected is None or expected > 0  # a missing or broken one is another rule's finding


RULE = Rule(
    "EC008",
    "error",
    "template",
    what="Work and running costs are counted: hours, a rate, and what a store, a judge or a server costs.",
    why="A saving that leaves out what it takes looks better than one that does not.",
    how="State hours and rate; state monthly_running_usd, unless a parameter of the lever counts the same thing.",
    check=_check,
    examples=(
        Example(wrong="{hours: 0, hourly", right="{hours: 8, hourly"),
        Example(
            specimen="cross-layer.md",
            given=(("expected: 0.0005, high: 0.002", "expected: 0, high: 0.002"),),
            wrong="monthly_running_usd: 0}",
            right="monthly_running_usd: 150}",
        ),
    ),
)
