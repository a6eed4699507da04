"""`regex`: the whole answer matches a pattern, in time proportional to its length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tokenop.evals.checks import schemas
from tokenop.evals.checks.answer import Answer, failed, labelled, passed, shown
from tokenop.evals.checks.kind import Asked, Complaint, Kind, Spec
from tokenop.evals.checks.values import normalised
from tokenop.evals.model import Checked


def _check(spec: Spec, answer: Answer, asked: Asked) -> Checked:  # noqa: ARG001 the shape of any check
    text = labelled(answer.text, spec["label"]) if "label" in spec else answer.text
    text = normalised(text, spec.get("normalise", ()))
    fits = schemas.objection(_schema(spec), text) is None
    return passed() if fits else failed(f"is {shown(text)}, which does not match {spec['pattern']}")


def _schema(spec: Spec) -> Mapping[str, Any]:
    # Python's own engine can take time without end. A JSON Schema's `pattern` is searched for: these ends pin it.
    return {"type": "string", "pattern": f"^(?:{spec['pattern']})$"}


def _lint(spec: Spec) -> Iterator[Complaint]:
    # By itself as well: `a)|(.*` would be sound between our brackets, and match anything.
    if problem := schemas.problem({"pattern": spec["pattern"]}) or schemas.problem(_schema(spec)):
        yield "pattern", f"is no pattern: {problem}", "correct it; there is no look-around and no back-reference"
    elif schemas.objection(_schema(spec), "") is None:
        yield "pattern", "matches the empty answer", "ask for at least one character"


KIND = Kind("regex", _check, _lint)
