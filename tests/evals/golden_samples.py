"""Write validations/golden/samples: answers from the tasks' own examples, for three models that do not exist.

`python -m tests.evals.golden_samples` writes them again, after a change of a task. No model is asked.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tokenop.evals import proof, tasks
from tokenop.evals.model import Example, Task
from tokenop.providers.model import Request, Text, ToolCall, ToolResult, Usage
from tokenop.providers.recordings import Recording, Recordings, request_hash

PROVIDER = "replay"
BY = "written by hand, from the examples in the task's file; no model was asked"
WRITTEN = datetime(2026, 11, 22, tzinfo=UTC)
# model → task → which of its wrong examples it gives; all others are right.
WRONG: Mapping[str, Mapping[str, int]] = {
    "sample-strong": {},
    "sample-even": {"t3-meeting-starts": 1},
    "sample-weak": {
        "t2-order-id-pattern": 0,
        "t3-order-thread": 1,
        "t3-meeting-starts": 2,
        "t4-hosting-bill": 1,
        "t4-maintenance-log": 0,
        "t5-release-plan": 0,
        "t5-template-engine": 5,
        "t5-refund-step": 2,
    },
}
# Which of the right examples a model gives: the wording differs between them.
RIGHT = {"sample-strong": 0, "sample-even": 1, "sample-weak": 1}


def chosen(task: Task, model: str) -> Example:
    """Return the example that `model` answers with."""
    wrong = WRONG[model].get(task.id)
    if wrong is not None:
        return [one for one in task.examples if not one.right][wrong]
    return [one for one in task.examples if one.right][RIGHT[model]]


def tokens(text: str) -> int:
    """Return about how many tokens a text has."""
    return len(text) // 4 + 1


def words(request: Request) -> Iterator[str]:
    """Yield all texts of a request."""
    for part in (*request.system, *(part for message in request.messages for part in message.parts)):
        if isinstance(part, Text):
            yield part.text
        elif isinstance(part, ToolCall):
            yield f"{part.name} {part.arguments}"
        elif isinstance(part, ToolResult):
            yield from (inner.text for inner in part.parts if isinstance(inner, Text))
    yield from (f"{tool.name} {tool.description} {tool.schema}" for tool in request.tools)


def recording(task: Task, model: str) -> Recording:
    """Return the sample answer of `model` to a task. Its tokens are estimated; how long it took, nobody knows."""
    example = chosen(task, model)
    said = example.text + "".join(str(one) for one in example.tool_calls)
    usage = Usage(sum(tokens(text) for text in words(task.request)), tokens(said), source="estimated")
    response = replace(proof.response_of(example), model=model, usage=usage)
    return Recording(task.id, 0, request_hash(task.request), PROVIDER, model, response, None, WRITTEN, "sample", BY)


def write(folder: Path) -> None:
    """Write the recordings of all three models below `folder`, in place of those that are there."""
    for model in WRONG:
        (folder / PROVIDER / f"{model}.jsonl").unlink(missing_ok=True)
    kept = Recordings(folder)
    asked = tasks.load(tasks.shipped())
    for model in WRONG:
        for task in asked:
            kept.append(recording(task, model))


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else tasks.shipped() / "samples")
