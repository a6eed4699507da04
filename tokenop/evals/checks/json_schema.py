"""`json_schema`: the answer is JSON that fits a schema, and says what it must: as a whole, or field by field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tokenop.evals.checks import schemas
from tokenop.evals.checks.answer import Answer, UnreadableError, failed, parsed, passed, shown
from tokenop.evals.checks.kind import Asked, Complaint, Kind, Spec
from tokenop.evals.checks.values import difference, float_of, near, normalised
from tokenop.evals.model import Checked

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


def _check(spec: Spec, answer: Answer, asked: Asked) -> Checked:  # noqa: ARG001 the shape of any check
    value = parsed(answer.text)
    names = spec.get("normalise", ())
    if objection := schemas.objection(spec["schema"], value):
        return failed(objection)
    if "equals" in spec and (found := difference(spec["equals"], value, names)):
        return failed(found)
    for path, wanted in spec.get("fields", {}).items():
        if found := _field(wanted, at(value, path), path, wanted.get("normalise", names)):
            return failed(found)
    return passed()


def at(value: Any, path: str) -> Any:
    """Return what stands at a path such as `lines[0].price`.

    Raises:
        UnreadableError: nothing stands there.
    """
    for name, index in _STEP.findall(path):
        if name and isinstance(value, Mapping) and name in value:
            value = value[name]
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            raise UnreadableError(f"lacks {path}")
    return value


def _field(wanted: Mapping[str, Any], value: Any, path: str, names: tuple[str, ...]) -> str | None:
    """Return how one field is not what it must be."""
    if "equals" in wanted:
        return difference(wanted["equals"], value, names, path)
    if "one_of" in wanted:
        fine = any(difference(one, value, names) is None for one in wanted["one_of"])
        return None if fine else f"{path} is {shown(value)}, not one of {shown(wanted['one_of'])}"
    if "near" in wanted:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        allowed = wanted.get("absolute", 0.0), wanted.get("relative", 1e-9)
        fine = number and near(wanted["near"], float_of(value), *allowed)
        return None if fine else f"{path} is {shown(value)}, not {shown(wanted['near'])}"
    if "same_items" in wanted:
        return _same_items(wanted["same_items"], value, path, names)
    missing = [word for word in wanted["mentions"] if not _mentions(value, word, (*names, "case", "spaces"))]
    return f"{path} does not mention {shown(missing[0])}" if missing else None


def _mentions(value: Any, word: str, names: tuple[str, ...]) -> bool:
    """Return whether a text holds some words, not as a part of longer ones."""
    wanted = re.escape(normalised(word, names))
    return isinstance(value, str) and re.search(rf"(?<!\w){wanted}(?!\w)", normalised(value, names)) is not None


def _same_items(wanted: list[Any], value: Any, path: str, names: tuple[str, ...]) -> str | None:
    """Return how a list does not hold the same items, whatever their order."""
    if not isinstance(value, list) or len(value) != len(wanted):
        return f"{path} is {shown(value)}, not {len(wanted)} items"
    left = list(value)
    for one in wanted:
        found = next((i for i, other in enumerate(left) if difference(one, other, names) is None), None)
        if found is None:
            return f"{path} lacks {shown(one)}"
        del left[found]
    return None


def _lint(spec: Spec) -> Iterator[Complaint]:
    if problem := schemas.problem(spec["schema"]):
        yield "schema", f"is no sound JSON Schema: {problem}", "correct the schema"
    for path in spec.get("fields", {}):
        if "".join(match[0] for match in _STEP.finditer(path)) != path:
            yield f"fields.{path}", "is no path", "write a path such as lines[0].price"


KIND = Kind("json_schema", _check, _lint)
