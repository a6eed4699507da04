"""How answers are checked: one module a kind, all listed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tokenop.evals.checks import (
    composed,
    constraints,
    contains,
    exact,
    json_schema,
    numeric,
    program,
    regex,
    schemas,
    set_of,
    sql,
    tool_call,
)
from tokenop.evals.checks.answer import Answer, UnreadableError, failed
from tokenop.evals.checks.kind import Asked, Complaint, Kind, Spec
from tokenop.evals.model import Checked, Task
from tokenop.providers.model import Response

__all__ = ["KINDS", "Complaint", "check", "lint", "runs", "schemas"]

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        exact.KIND,
        regex.KIND,
        json_schema.KIND,
        numeric.KIND,
        set_of.KIND,
        contains.KIND,
        program.KIND,
        constraints.KIND,
        sql.KIND,
        tool_call.KIND,
        *composed.KINDS,
    )
}


def check(task: Task, response: Response) -> Checked:
    """Return whether a response is a right answer to a task.

    Never raises for what an answer holds: what cannot be read is a wrong answer. A program that may not be run on this
    system is `infrastructure`.
    """
    try:
        return _ask(task.check, Answer.of(response), _asked(task))
    except UnreadableError as error:
        return failed(str(error))


def lint(spec: Spec) -> Iterator[Complaint]:
    """Yield what is wrong with a declared check that fits the schema of task files."""
    yield from KINDS[spec["kind"]].lint(spec)
    for index, inner in enumerate(spec.get("checks", ())):
        for field, message, fix in lint(inner):
            yield f"checks[{index}].{field}", message, fix


def runs(spec: Spec) -> bool:
    """Return whether a check starts a program."""
    return KINDS[spec["kind"]].runs or any(runs(inner) for inner in spec.get("checks", ()))


def _asked(task: Task) -> Asked:
    def again(spec: Spec, answer: Answer) -> Checked:
        try:
            return _ask(spec, answer, asked)
        except UnreadableError as error:
            return failed(str(error))

    asked = Asked(task.timeout, {tool.name: tool.schema for tool in task.request.tools}, again)
    return asked


def _ask(spec: Spec, answer: Answer, asked: Asked) -> Checked:
    return KINDS[spec["kind"]].check(spec, answer, asked)
