"""`program`: the functions that the answer defines give what they must, called in the sandbox.

What they must give never enters the sandbox: a program that reads all that it can find still has to work it out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tokenop.evals.checks import programs
from tokenop.evals.checks.answer import Answer, failed, passed, shown
from tokenop.evals.checks.kind import Asked, Complaint, Kind, Spec
from tokenop.evals.checks.values import difference
from tokenop.evals.model import Checked
from tokenop.evals.sandbox import running


def _check(spec: Spec, answer: Answer, asked: Asked) -> Checked:
    code = programs.python(answer, tuple(spec["defines"]))
    if missing := [name for name in spec["defines"] if name not in code]:
        return failed(f"does not define {missing[0]}")
    if blocked := programs.blocked():
        return blocked
    cases = [{"call": one["call"], "arguments": json.dumps(one.get("arguments", []))} for one in spec["cases"]]
    given = {"code": code, "harness": spec.get("harness", ""), "defines": spec["defines"], "cases": cases}
    ended = running.run("calls", given, **programs.limits(spec, asked))
    if verdict := programs.unsound(ended):
        return verdict
    results = programs.results(ended, len(cases))
    if isinstance(results, str):
        return failed(f"the program {results}")
    for wanted, result in zip(spec["cases"], results, strict=True):
        if found := _differs(wanted, result):
            return failed(f"{wanted['call']}({_arguments(wanted)}): {found}")
    return passed(f"{len(cases)} calls gave what they must")


def _differs(wanted: Mapping[str, Any], result: Mapping[str, Any]) -> str | None:
    """Return how a call did not do what it must."""
    if "raises" in wanted:
        raised = result.get("raised")
        if isinstance(raised, list) and wanted["raises"] in raised:
            return None
        did = f"raises {result.get('told')}" if "raised" in result else "returns"
        return f"{did}, where it must raise {wanted['raises']}"
    if "raised" in result:
        return f"raises {result.get('told')}"
    if "odd" in result:
        return f"returns {result['odd']}, not {shown(wanted['returns'])}"
    return difference(wanted["returns"], result.get("value"), (), "the result", wanted.get("absolute", 0.0))


def _arguments(wanted: Mapping[str, Any]) -> str:
    return ", ".join(shown(one) for one in wanted.get("arguments", ()))[:100]


def _lint(spec: Spec) -> Iterator[Complaint]:
    returned = [json.dumps(one.get("returns", one.get("raises"))) for one in spec["cases"]]
    if len(set(returned)) == 1:
        yield "cases", "all calls give the same: a constant would pass", "add a case that gives something else"


KIND = Kind("program", _check, _lint, runs=True)
