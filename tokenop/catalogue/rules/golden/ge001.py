"""GE001: what a template is tried on exists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.claimed import objections
from tokenop.catalogue.rules.economics import reading
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_TIERS = "quality.golden_tiers"
# What leaves model and prompt alone cannot change an answer.
_SAME_ANSWERS = frozenset(("prompt_cache", "batch", "capacity"))


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:
    for one in objections(draft, "GE001"):
        message = f"{one.message}: no such reference workload"
        yield RULE.found(draft.document, one.field, message, one.fix, place=one.place)
    tiers = draft.get(_TIERS)
    if not isinstance(tiers, list):
        return
    changing = [kind for _, kind, _ in reading.levers(draft) if kind not in _SAME_ANSWERS]
    if changing and not tiers:
        message = f"{changing[0]} can change answers, but no tier of golden tasks must hold"
        yield RULE.found(draft.document, _TIERS, message, "name the tiers whose tasks are like the calls it changes")
    there = _tiers(around.validations / "golden")
    for index, tier in enumerate(tiers if there else ()):
        if tier not in there:
            message = f"there are no golden tasks of tier {tier}, only of {', '.join(sorted(there))}"
            fix = f"add tasks to validations/golden, or take {tier} out"
            yield RULE.found(draft.document, f"{_TIERS}[{index}]", message, fix)


def _tiers(folder: Path) -> frozenset[str]:
    """Return the tiers that have tasks: `T1`, `T1.yaml`, `T1-short-answers/` and the like; none where none has any."""
    try:
        names = [entry.name.upper() for entry in folder.iterdir()]
    except OSError:
        return frozenset()
    tiers = ("T1", "T2", "T3", "T4", "T5")
    return frozenset(tier for tier in tiers for name in names if name[:2] == tier and not name[2:3].isalnum())


RULE = Rule(
    "GE001",
    "error",
    "template",
    what="Workloads and golden tiers that are named exist, and a template that can change answers names a tier.",
    why="A test that cannot be run holds nothing.",
    how="Name documented workloads in silent_on, and tiers that validations/golden has tasks for.",
    check=_check,
    examples=(
        Example(wrong="golden_tiers: []", right="golden_tiers: [T1, T2]"),
        Example(
            given=(("  claim:\n", "  silent_on: [coding-agent]\n  claim:\n"),),
            wrong="silent_on: [coding]",
            right="silent_on: [coding-agent]",
        ),
        Example(
            wrong="golden_tiers: [T1, T4]",
            right="golden_tiers: [T1, T2]",
            beside={"validations/golden/T1-answers/a.yaml": "", "validations/golden/T2-extraction/a.yaml": ""},
        ),
    ),
)
