"""GE002: a template stays silent where it does not apply."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Replayed, Surroundings
from tokenop.errors import Finding

_NAMED = "economics.silent_on"


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:
    if around.replay is None or draft.broken:
        return
    replayed = around.replay(draft).percent
    named = draft.get(_NAMED) or []
    for index, workload in enumerate(named):
        saving = replayed.get(workload)
        if saving is not None:
            message = f"is not silent on {workload}: it says that {saving[1]:.1f} % is saved there"
            fix = "narrow applies_when, or take the workload out"
            yield RULE.found(draft.document, f"{_NAMED}[{index}]", message, fix)
    silent = sorted(workload for workload, saving in replayed.items() if saving is None)
    if silent and not named:
        message = f"names no workload on which it stays silent; it does on {', '.join(silent)}"
        yield RULE.found(draft.document, _NAMED, message, f"write silent_on: [{', '.join(silent)}] below economics")


RULE = Rule(
    "GE002",
    "error",
    "template",
    what="A template stays silent on the workloads that it names as unsuited, and names one unless it suits all.",
    why="Advice that is given to everybody is no advice: that it is not given where it does not fit must be tried.",
    how="Name in economics.silent_on the reference workloads on which applies_when must be false.",
    check=_check,
    replays=True,
    examples=(
        Example(
            given=(("  claim:\n", "  silent_on: [coding-agent]\n  claim:\n"),),
            wrong="silent_on: [chat-assistant]",
            right="silent_on: [coding-agent]",
            around={
                "replay": lambda draft: Replayed(  # noqa: ARG005
                    {"sample-month": (0.6, 1.6, 3.1), "chat-assistant": (1.0, 2.0, 3.0), "coding-agent": None}
                )
            },
        ),
    ),
)
