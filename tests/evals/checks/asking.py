"""A task around a check, for tests of checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenop.evals import checks
from tokenop.evals.model import Checked, Example, Task
from tokenop.evals.proof import response_of
from tokenop.providers.model import Message, Request, Text, Tool


def task(spec: Mapping[str, Any], tools: Mapping[str, Mapping[str, Any]] | None = None) -> Task:
    """Return a task with a check, and tools by their schemas."""
    offered = tuple(Tool(name, "A tool.", schema) for name, schema in (tools or {}).items())
    request = Request("", (Message("user", (Text("Go."),)),), tools=offered)
    return Task("t1-x", "T1", "X", "extract", "x", request, spec, 10.0, (), "T1.yaml", 1)


def ask(
    spec: Mapping[str, Any],
    text: str = "",
    calls: tuple[Mapping[str, Any], ...] = (),
    tools: Mapping[str, Mapping[str, Any]] | None = None,
) -> Checked:
    """Return what a check says of an answer."""
    return checks.check(task(spec, tools), response_of(Example(False, text, calls)))
