"""`all`, `any` and `none`: checks of the same answer, put together."""

from __future__ import annotations

from tokenop.evals.checks.answer import Answer, failed, passed
from tokenop.evals.checks.kind import Asked, Kind, Spec
from tokenop.evals.model import Checked


def _all(spec: Spec, answer: Answer, asked: Asked) -> Checked:
    found = []
    for one in spec["checks"]:
        found.append(asked.again(one, answer))
        if found[-1].result == "fail":  # no program is started for an answer that is wrong anyway
            return found[-1]
    return _first(found, "infrastructure") or passed()


def _any(spec: Spec, answer: Answer, asked: Asked) -> Checked:
    found = [asked.again(one, answer) for one in spec["checks"]]
    if chosen := _first(found, "pass") or _first(found, "infrastructure"):
        return chosen
    return failed("; ".join(one.detail for one in found))


def _none(spec: Spec, answer: Answer, asked: Asked) -> Checked:
    found = [asked.again(one, answer) for one in spec["checks"]]
    accepted = [inner["kind"] for inner, one in zip(spec["checks"], found, strict=True) if one.result == "pass"]
    if accepted:
        return failed(f"fits the check {accepted[0]}, which it must not")
    return _first(found, "infrastructure") or passed()


def _first(found: list[Checked], result: str) -> Checked | None:
    return next((one for one in found if one.result == result), None)


KINDS = (Kind("all", _all), Kind("any", _any), Kind("none", _none))
