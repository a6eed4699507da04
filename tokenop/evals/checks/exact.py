"""`exact`: the answer is one of a few texts, but for differences of form that the check names."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.evals.checks.answer import Answer, failed, labelled, passed, shown
from tokenop.evals.checks.kind import Asked, Complaint, Kind, Spec
from tokenop.evals.checks.values import normalised
from tokenop.evals.model import Checked


def _check(spec: Spec, answer: Answer, asked: Asked) -> Checked:  # noqa: ARG001 the shape of any check
    text = labelled(answer.text, spec["label"]) if "label" in spec else answer.text
    names = spec.get("normalise", ())
    given = normalised(text, names)
    wanted = [normalised(value, names) for value in spec["values"]]
    return (
        passed() if given in wanted else failed(f"is {shown(given)}, not {shown(wanted[0])}{_first(wanted[0], given)}")
    )


def _first(wanted: str, given: str) -> str:
    """Return which line is the first to differ, where there are several."""
    ours, theirs = wanted.split("\n"), given.split("\n")
    if len(ours) == 1 or len(theirs) == 1:
        return ""
    at = next((i for i, (one, two) in enumerate(zip(ours, theirs, strict=False)) if one != two), None)
    if at is None:
        return f": {len(theirs)} lines, not {len(ours)}"
    return f": line {at + 1} is {shown(theirs[at])}, not {shown(ours[at])}"


def _lint(spec: Spec) -> Iterator[Complaint]:
    for index, value in enumerate(spec["values"]):
        if not normalised(value, spec.get("normalise", ())):
            yield f"values[{index}]", "nothing is left of it: an empty answer would pass", "write what must be answered"


KIND = Kind("exact", _check, _lint)
