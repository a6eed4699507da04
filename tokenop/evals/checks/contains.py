"""`contains`: some words stand in the answer, and others do not."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.evals.checks.answer import Answer, failed, passed, shown
from tokenop.evals.checks.kind import Asked, Complaint, Kind, Spec
from tokenop.evals.checks.values import normalised
from tokenop.evals.model import Checked


def _check(spec: Spec, answer: Answer, asked: Asked) -> Checked:  # noqa: ARG001 the shape of any check
    names = spec.get("normalise", ())
    text = normalised(answer.text, names)
    if not text:
        return failed("the answer is empty")
    there = {word: normalised(word, names) in text for part in ("all", "any", "absent") for word in spec.get(part, ())}
    if missing := [word for word in spec.get("all", ()) if not there[word]]:
        return failed(f"does not contain {shown(missing[0])}")
    if "any" in spec and not any(there[word] for word in spec["any"]):
        return failed(f"contains none of {shown(spec['any'])}")
    if found := [word for word in spec.get("absent", ()) if there[word]]:
        return failed(f"contains {shown(found[0])}, which must not stand there")
    return passed()


def _lint(spec: Spec) -> Iterator[Complaint]:
    for part in ("all", "any", "absent"):
        for index, word in enumerate(spec.get(part, ())):
            if not normalised(word, spec.get("normalise", ())):
                yield f"{part}[{index}]", "nothing is left of it", "write a word"


KIND = Kind("contains", _check, _lint)
