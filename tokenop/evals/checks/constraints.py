"""`constraints`: a program of the task looks at the answer and says what is wrong with it, for answers of many forms.

Task files come from other people: their programs run behind the same walls as those of models.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tokenop.evals.checks import programs, schemas
from tokenop.evals.checks.answer import Answer, failed, labelled, parsed, passed, unfenced, unknown
from tokenop.evals.checks.kind import Asked, Complaint, Kind, Spec
from tokenop.evals.model import Checked
from tokenop.evals.sandbox import running


def _check(spec: Spec, answer: Answer, asked: Asked) -> Checked:
    text = labelled(answer.text, spec["label"], rest=spec["read"] == "json") if "label" in spec else answer.text
    value = parsed(text) if spec["read"] == "json" else unfenced(text).strip()
    if value == "":
        return failed("the answer is empty")
    if "schema" in spec and (objection := schemas.objection(spec["schema"], value)):
        return failed(objection)
    if blocked := programs.blocked():
        return blocked
    given = {
        "code": spec["program"],
        "harness": "",
        "defines": ["problems"],
        "cases": [{"call": "problems", "arguments": json.dumps([value])}],
    }
    ended = running.run("calls", given, **programs.limits(spec, asked))
    if verdict := programs.unsound(ended):
        return verdict
    results = programs.results(ended, 1)
    if isinstance(results, str):
        return unknown(f"the task's own program {results}")
    result = results[0]
    if "raised" in result:
        # An answer that the program did not foresee, such as a text where a number should be.
        return failed(f"cannot be followed: {result.get('told')}")
    problems = result.get("value")
    if not isinstance(problems, list) or not all(isinstance(one, str) for one in problems):
        return unknown("the task's own program gives no list of texts")
    return failed("; ".join(problems[:3])) if problems else passed()


def _lint(spec: Spec) -> Iterator[Complaint]:
    if "schema" in spec and (problem := schemas.problem(spec["schema"])):
        yield "schema", f"is no sound JSON Schema: {problem}", "correct the schema"
    if "def problems(" not in spec["program"]:
        yield "program", "does not define problems", "define problems(answer), which returns a list of texts"


KIND = Kind("constraints", _check, _lint, runs=True)
