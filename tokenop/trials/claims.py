"""Holding what a template says of its economics against what the replay says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tokenop.planning.text import usd
from tokenop.trials.model import Check
from tokenop.trials.replay import Alone

if TYPE_CHECKING:
    from tokenop.catalogue.model import Claim, Template

# A claim is written with one decimal: 0.06 points are half of the last one and a bit; or one part in a hundred.
POINTS, RELATIVE = 0.06, 0.01
ZERO = (0.0, 0.0, 0.0)


class Missed(NamedTuple):
    """A figure of a claim that the replay does not give, both in percent."""

    name: str
    claimed: float
    replayed: float | None


def missed(claim: Claim, alone: Alone) -> tuple[Missed, ...]:
    """Return the figures of a claim that miss the replay on its workload. Where a template is silent it saves 0."""
    said = claim.savings_percent
    claimed = {"low": float(said.low), "expected": float(said.expected), "high": float(said.high)}
    if alone.failed:
        return tuple(Missed(name, value, None) for name, value in claimed.items())
    return tuple(
        Missed(name, value, figure)
        for (name, value), figure in zip(claimed.items(), alone.percent or ZERO, strict=True)
        if abs(value - figure) > max(POINTS, RELATIVE * abs(figure))
    )


def checks(template: Template, found: Mapping[str, Alone], silent_on: Sequence[str]) -> Iterator[Check]:
    """Yield what the replays say of a template: its claim, where it must be silent, how its levers interact.

    Args:
        template: the template.
        found: what it does, by workload.
        silent_on: the workloads on which it says that it does not apply.
    """
    for workload, alone in found.items():
        if alone.failed:
            yield Check("economics", f"replay on {workload}", "fail", alone.failed)
    yield _claim(template, found)
    yield from _silence(found, silent_on)
    yield from _interaction(template, found)


def _claim(template: Template, found: Mapping[str, Alone]) -> Check:
    claim = template.claim
    alone = found[claim.workload]
    said = claim.savings_percent
    claimed = f"{said.low} | {said.expected} | {said.high} % on {claim.workload}"
    wrong = missed(claim, alone)
    if not wrong:
        where = "does not apply there, which is a saving of 0" if alone.silent else "within 1 % or 0.06 points"
        return Check("economics", "claim", "pass", f"{claimed} reproduces: {where}")
    if alone.failed:
        return Check("economics", "claim", "fail", f"{claimed} cannot be reproduced: {alone.failed}")
    text = f"{claimed} does not reproduce: the replay says {shown(alone.percent or ZERO)}"
    return Check("economics", "claim", "fail", f"{text} (`tokenop templates lint --replay --fix` writes that)")


def _silence(found: Mapping[str, Alone], silent_on: Sequence[str]) -> Iterator[Check]:
    for workload in silent_on:
        alone = found.get(workload)
        if alone is None or alone.failed:
            reason = "is no reference workload" if alone is None else "nobody can tell"
            yield Check("economics", f"silent on {workload}", "fail", reason)
        elif alone.silent:
            yield Check("economics", f"silent on {workload}", "pass", alone.silent)
        else:
            text = f"it must stay silent there (economics.silent_on), but changes {shown(alone.percent or ZERO)}"
            yield Check("economics", f"silent on {workload}", "fail", text)
    silent = [workload for workload, alone in found.items() if alone.silent]
    if silent and not silent_on:
        text = f"it names no workload that it does not suit: write economics.silent_on: [{', '.join(silent)}]"
        yield Check("economics", "silent", "fail", text)
    elif all(alone.percent for alone in found.values()):
        text = "it applies to every reference workload: no run shows where its applies_when says no"
        yield Check("economics", "silent", "note", text)


def _interaction(template: Template, found: Mapping[str, Alone]) -> Iterator[Check]:
    """Yield what several levers do together, on the claim's workload or else the first on which two of them save."""
    names = dict.fromkeys((template.claim.workload, *found))
    several = [name for name in names if sum(saved != 0 for _, saved in found[name].single_usd) > 1]
    if not several:
        return
    alone = found[several[0]]
    assert alone.monthly_usd is not None, "levers save something only where the template was replayed"
    joint, singles = alone.monthly_usd[1], dict(alone.single_usd)
    best = max(singles, key=lambda name: singles[name])
    apart = sum(singles.values())
    text = (
        f"on {several[0]} the levers save {usd(joint)} a month together and {usd(apart)} one by one: "
        f"interaction {usd(joint - apart)}; the best alone is {best} with {usd(singles[best])}"
    )
    if template.layer == "cross-layer" and joint <= singles[best]:
        text += ", so that the others add nothing"
    yield Check("economics", "interaction", "note", text)


def shown(percent: tuple[float, float, float]) -> str:
    """Return three percentages with the decimals that a claim has."""
    return " | ".join(f"{value:.1f}" if abs(value) >= 0.1 or not value else f"{value:.3f}" for value in percent) + " %"
