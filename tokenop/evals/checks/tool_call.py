"""`tool_call`: the answer asks for some calls of tools, with the right arguments, and for no others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokenop.evals.checks import schemas
from tokenop.evals.checks.answer import Answer, failed, passed, shown
from tokenop.evals.checks.kind import Asked, Complaint, Kind, Spec
from tokenop.evals.checks.values import difference
from tokenop.evals.model import Checked

Call = tuple[str, Mapping[str, Any] | None]


def _check(spec: Spec, answer: Answer, asked: Asked) -> Checked:
    for name, arguments in answer.calls:
        if objection := _unsound(spec, name, arguments, asked):
            return failed(objection)
    wanted = spec["calls"]
    if not wanted:
        refused = answer.calls and spec.get("others", "refused") == "refused"
        return failed(f"calls {answer.calls[0][0]}, where no tool is to be called") if refused else passed()
    if not answer.calls:
        return failed(f"calls no tool, where {wanted[0]['name']} is to be called")
    left = _left_over(wanted, answer.calls, spec.get("order", "any") == "given")
    if isinstance(left, str):
        return failed(left)
    if left and spec.get("others", "refused") == "refused":
        return failed(f"calls {left[0][0]} with {shown(left[0][1])} as well, which is wrong")
    return passed()


def _unsound(spec: Spec, name: str, arguments: Mapping[str, Any] | None, asked: Asked) -> str | None:
    """Return what is wrong with a call whatever is wanted."""
    if name not in asked.tools:
        return f"calls {shown(name)}, which is not offered"
    if name in spec.get("never", ()):
        return f"calls {name}, which must not be called"
    if arguments is None:
        return f"calls {name} with arguments that are no JSON object"
    found = schemas.objection(asked.tools[name], arguments)
    return f"calls {name} with arguments that do not fit its schema: {found}" if found else None


def _left_over(wanted: Sequence[Spec], given: Sequence[Call], in_order: bool) -> list[Call] | str:
    """Return the calls that no wanted one stands for; or what is missing, in words."""
    taken: dict[int, int] = {}  # given → wanted
    for number, one in enumerate(wanted):
        start = max(taken) + 1 if in_order and taken else 0
        if not (
            _in_order(number, wanted, given, taken, start) if in_order else _seat(number, wanted, given, taken, set())
        ):
            return _nearest(one, [given[i] for i in range(start, len(given)) if i not in taken])
    return [call for i, call in enumerate(given) if i not in taken]


def _in_order(number: int, wanted: Sequence[Spec], given: Sequence[Call], taken: dict[int, int], start: int) -> bool:
    for i in range(start, len(given)):
        if _differs(wanted[number], given[i]) is None:
            taken[i] = number
            return True
    return False


def _seat(number: int, wanted: Sequence[Spec], given: Sequence[Call], taken: dict[int, int], tried: set[int]) -> bool:
    """Give a wanted call one of the given ones, where need be by moving others (an augmenting path)."""
    for i, call in enumerate(given):
        if i in tried or _differs(wanted[number], call) is not None:
            continue
        tried.add(i)
        if i not in taken or _seat(taken[i], wanted, given, taken, tried):
            taken[i] = number
            return True
    return False


def _differs(wanted: Spec, given: Call) -> str | None:
    name, arguments = given
    if name != wanted["name"]:
        return f"calls {name}, not {wanted['name']}"
    arguments = arguments or {}
    if wanted.get("match", "exact") == "subset":
        arguments = {key: arguments[key] for key in wanted["arguments"] if key in arguments}
    return difference(wanted["arguments"], arguments, wanted.get("normalise", ()), f"{name} with arguments")


def _nearest(wanted: Spec, given: Sequence[Call]) -> str:
    """Return in words what is missing: how the first call of the same tool differs, if there is one."""
    same = [call for call in given if call[0] == wanted["name"]]
    if same:
        return f"calls {_differs(wanted, same[0])}"
    return f"does not call {wanted['name']}" + (f", but {given[0][0]}" if given else "")


def _lint(spec: Spec) -> Iterator[Complaint]:
    for index, one in enumerate(spec["calls"]):
        if one["name"] in spec.get("never", ()):
            yield f"calls[{index}].name", f"{one['name']} is wanted and must never be called", "take one of them out"


KIND = Kind("tool_call", _check, _lint)
