"""`numeric`: the answer is one number, near enough to the right one, in one of the units that may stand beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from tokenop.evals.checks.answer import Answer, UnreadableError, failed, labelled, passed, shown, unfenced
from tokenop.evals.checks.kind import Asked, Complaint, Kind, Spec
from tokenop.evals.checks.values import normalised
from tokenop.evals.model import Checked

_LONGEST = 60
_GROUPED = re.compile(r"[-+]?\d{1,3}(?:([,' \u00a0\u202f’_])\d{3})(?:\1\d{3})*(?:\.\d+)?\Z", re.ASCII)
_PLAIN = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,2})?\Z", re.ASCII)


def _check(spec: Spec, answer: Answer, asked: Asked) -> Checked:  # noqa: ARG001 the shape of any check
    text = labelled(answer.text, spec["label"]) if "label" in spec else unfenced(answer.text)
    text, unit = _without_unit(normalised(text).strip("*_` "), spec.get("units", ()))
    if spec.get("unit_required") and not unit:
        return failed(f"is {shown(text)}, without one of the units {', '.join(spec['units'])}")
    given, wanted = number(text), Decimal(str(spec["value"]))
    allowed = max(_decimal(spec, "absolute"), _decimal(spec, "relative") * abs(wanted))
    fine = abs(given - wanted) <= allowed
    return passed(f"{given}") if fine else failed(f"is {given}, not {wanted} (± {allowed.normalize():f})")


def number(text: str) -> Decimal:
    """Return the number that a short text is, with or without separators between thousands.

    Raises:
        UnreadableError: it is none.
    """
    text = text.strip()
    if len(text) <= _LONGEST:
        text = text.replace("\N{MINUS SIGN}", "-")
        if _GROUPED.match(text):
            return Decimal(re.sub(r"[^-+0-9.]", "", text))
        if _PLAIN.match(text):
            return Decimal(text)
    raise UnreadableError(f"is {shown(text)}, not one number")


def _without_unit(text: str, units: tuple[str, ...]) -> tuple[str, str]:
    """Return a text without the unit before or behind it, and that unit; the longest that fits."""
    text = text.removesuffix(".").strip()
    for unit in sorted(units, key=len, reverse=True):
        folded = unit.casefold()
        if text.casefold().endswith(folded):
            return text[: len(text) - len(unit)].strip(), unit
        if text.casefold().startswith(folded):
            return text[len(unit) :].strip(), unit
    return text, ""


def _decimal(spec: Spec, name: str) -> Decimal:
    return Decimal(str(spec.get(name, 0)))


def _lint(spec: Spec) -> Iterator[Complaint]:
    if spec.get("unit_required") and "units" not in spec:
        yield "unit_required", "needs units", "name the units that may stand beside the number"
    if _decimal(spec, "absolute") >= abs(Decimal(str(spec["value"]))) > 0:
        yield "absolute", "is so large that 0 would pass", "allow less"


KIND = Kind("numeric", _check, _lint)
