"""The checks of golden tasks, asked about prompts of one's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from tokenop.catalogue.schema import closest
from tokenop.evals import checks, tasks
from tokenop.evals.model import Result, Task
from tokenop.experiment import asking
from tokenop.experiment.model import Prompt, Reply
from tokenop.providers.model import Part, Response

TIMEOUT = 20.0
"""Seconds that one check may take."""


def complaint(declared: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a declared check, None where it is sound."""
    kind = declared.get("kind")
    if not isinstance(kind, str) or kind not in checks.KINDS:
        return f"names no kind of check ({closest(str(kind)[:80], checks.KINDS)})"
    for error in _validator().iter_errors(declared):
        place = ".".join(map(str, error.instance_path)) or "as a whole"
        return f"is no sound check of kind {kind}: {place}: {error.message[:200]}"
    return next((f"{field}: {message} ({fix})" for field, message, fix in checks.lint(declared)), None)


@cache
def _validator() -> Any:
    """Return what validates one declared check: the part of the schema of task files that says so."""
    import jsonschema_rs

    whole = json.loads(tasks.SCHEMA_FILE.read_text(encoding="utf-8"))
    return jsonschema_rs.validator_for({"$ref": "#/$defs/check", "$defs": whole["$defs"]})


def check(declared: Mapping[str, Any], prompt: Prompt, parts: tuple[Part, ...]) -> tuple[Result, str]:
    """Return whether an answer passes, and why."""
    task = Task(
        id=prompt.id,
        tier="",
        title="",
        kind="prompt",
        intent=prompt.intent or "unknown",
        request=asking.request(prompt),
        check=declared,
        timeout=TIMEOUT,
        examples=(),
        path="",
        line=prompt.line,
    )
    found = checks.check(task, Response(model="", parts=parts, finish="stop"))
    return found.result, found.detail


def guard(prompt: Prompt, reply: Reply) -> bool | None:
    """Return whether an answer passes the prompt's guard; None where it has none, or nobody could ask it."""
    if prompt.guard is None:
        return None
    result, _ = check(prompt.guard, prompt, reply.parts)
    return None if result == "infrastructure" else result == "pass"
