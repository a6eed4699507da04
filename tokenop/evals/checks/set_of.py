"""`set`: the answer names all of some things, in any order, and nothing that it may not."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.evals.checks.answer import Answer, UnreadableError, failed, labelled, parsed, passed, shown, unfenced
from tokenop.evals.checks.kind import Asked, Complaint, Kind, Spec
from tokenop.evals.checks.values import normalised
from tokenop.evals.model import Checked

_MOST_ITEMS = 2_000


def _check(spec: Spec, answer: Answer, asked: Asked) -> Checked:  # noqa: ARG001 the shape of any check
    names = spec.get("normalise", ())
    text = labelled(answer.text, spec["label"]) if "label" in spec else answer.text
    items = _items(text, spec.get("form", "lines"))
    if len(items) > _MOST_ITEMS:
        return failed(f"names {len(items)} things, more than any right answer")
    given = {one for item in items if (one := normalised(item, names))}
    required = {normalised(one, names): one for one in spec["required"]}
    if missing := [one for key, one in required.items() if key not in given]:
        return failed(f"does not name {shown(missing[0])}{_more(len(missing))}")
    allowed = {normalised(one, names) for one in spec.get("allowed", ())}
    if others := sorted(given - set(required) - allowed):
        return failed(f"names {shown(others[0])}, which is wrong{_more(len(others))}")
    return passed()


def _items(text: str, form: str) -> list[str]:
    if form == "json":
        value = parsed(text)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise UnreadableError("is no list of texts")
        return value
    text = unfenced(text)
    return text.splitlines() if form == "lines" else text.replace("\n", ",").split(",")


def _more(count: int) -> str:
    return f", and {count - 1} more" if count > 1 else ""


def _lint(spec: Spec) -> Iterator[Complaint]:
    names = spec.get("normalise", ())
    for index, one in enumerate(spec["required"]):
        if not normalised(one, names):
            yield f"required[{index}]", "nothing is left of it", "write what must be named"


KIND = Kind("set", _check, _lint)
