"""Holding a task's check to its own examples, and to answers that are never right."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.evals import checks
from tokenop.evals.model import Example, Task
from tokenop.providers.model import Message, Part, Response, Text, ToolCall

# What a model that does not even try may say.
CONSTANTS = (
    "", " ", "\n", "yes", "no", "Yes.", "true", "false", "null", "none", "None", "unknown", "N/A", "0", "1", "-1", "42",
    "0.0", "{}", "[]", "[{}]", '""', "```json\n{}\n```", "```json\n[]\n```", "```\n```", "```python\npass\n```",
    "SELECT 1", "SELECT NULL", "ANSWER:", "ANSWER: 0", "ANSWER: 1", "ANSWER: unknown", "I don't know.",
    "I'm sorry, but I can't help with that.", "Sure! Here is the answer.", ".*", "^.*$",
)  # fmt: skip


def response_of(example: Example) -> Response:
    """Return an example as if a model had given it."""
    parts: list[Part] = [Text(example.text)] if example.text else []
    calls = [ToolCall(f"call_{i}", one["name"], one["arguments"]) for i, one in enumerate(example.tool_calls)]
    return Response("", (*parts, *calls), "tool_calls" if calls else "stop")


def never_right(task: Task) -> Iterator[tuple[str, Example]]:
    """Yield answers that no task's check may accept: constants, and what was asked, said again."""
    for text in CONSTANTS:
        yield f"the answer {text!r}", Example(False, text)
    asked = "\n".join(_said(message) for message in task.request.messages)
    yield "the prompt, said again", Example(False, asked)
    yield "the prompt and its instructions, said again", Example(False, f"{_texts(task.request.system)}\n{asked}")
    for tool in task.request.tools:
        yield f"a call of {tool.name} without arguments", Example(False, "", ({"name": tool.name, "arguments": {}},))


def objections(task: Task) -> Iterator[checks.Complaint]:
    """Yield where a check refuses a right example, or accepts an answer that is wrong: field, message, fix.

    What is never right is tried where the examples hold.
    """
    sound = True
    for complaint in _of_examples(task):
        sound = False
        yield complaint
    for name, example in never_right(task) if sound else ():
        if checks.check(task, response_of(example)).result == "pass":
            yield "check", f"accepts {name}", "ask for more than that in the check"


def _of_examples(task: Task) -> Iterator[checks.Complaint]:
    counts = {True: -1, False: -1}
    for example in task.examples:
        counts[example.right] += 1
        field = f"examples.{'right' if example.right else 'wrong'}[{counts[example.right]}]"
        found = checks.check(task, response_of(example))
        if found.result == "infrastructure":
            yield field, f"cannot be checked: {found.detail}", "correct the check"
            return
        if example.right and found.result != "pass":
            yield (
                field,
                f"is called right, but the check refuses it: {found.detail}",
                "correct the check or the example",
            )
        if not example.right and found.result == "pass":
            yield field, "is called wrong, but the check accepts it", "correct the check or the example"


def _said(message: Message) -> str:
    return _texts(message.parts)


def _texts(parts: tuple[Part, ...]) -> str:
    return "\n".join(part.text for part in parts if isinstance(part, Text))
