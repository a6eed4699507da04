"""The golden tasks that ship: 25 of them, each with a check that holds on right answers and on no other."""

from __future__ import annotations

import copy
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.evals import golden_samples
from tests.evals.walls import needs_walls
from tokenop.evals import checks, proof, tasks
from tokenop.evals.model import Example, Task
from tokenop.providers.model import Text
from tokenop.providers.recordings import Recordings

ALL = {task.id: task for task in tasks.load(tasks.shipped())}
SAMPLES = tasks.shipped() / "samples"
pytestmark = needs_walls


def verdict(task: Task, example: Example) -> str:
    return checks.check(task, proof.response_of(example)).result


def test_there_are_five_tasks_a_tier_of_many_kinds() -> None:
    assert Counter(task.tier for task in ALL.values()) == dict.fromkeys(tasks.TIERS, 5)
    kinds = Counter(task.check["kind"] for task in ALL.values())
    assert set(kinds) >= {"exact", "json_schema", "numeric", "set", "program", "constraints", "sql", "tool_call", "all"}
    assert max(kinds.values()) <= 8


@pytest.mark.parametrize("name", ALL)
def test_the_check_accepts_each_right_answer_and_nothing_else(name: str) -> None:
    assert list(proof.objections(ALL[name])) == []


@pytest.mark.parametrize("name", ALL)
def test_right_answers_differ_in_form(name: str) -> None:
    right = [one for one in ALL[name].examples if one.right]
    assert len({(one.text, json.dumps(one.tool_calls)) for one in right}) == len(right)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of the plain values, and of all members of objects."""
    if isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], (*path, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from leaves(one, (*path, index))
    else:
        yield path


def spoilt(value: Any) -> Any:
    """Return another value of the same sort."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str) and value and value[-1].isdigit():
        return value[:-1] + str((int(value[-1]) + 5) % 10)
    return f"{value}x" if isinstance(value, str) else "something"


def mutants(answer: Any) -> Iterator[Any]:
    """Yield an answer with one value spoilt, with one member or item dropped, and with a member too many."""
    for path in leaves(answer):
        for change in ("spoil", "drop"):
            mutant = copy.deepcopy(answer)
            inner = mutant
            for step in path[:-1]:
                inner = inner[step]
            if change == "spoil":
                inner[path[-1]] = spoilt(inner[path[-1]])
            else:
                del inner[path[-1]]
            yield mutant
    if isinstance(answer, dict):
        yield {**answer, "comment": "one more"}


def of_kind(*kinds: str) -> list[str]:
    return [name for name, task in ALL.items() if task.check["kind"] in kinds]


def runs(name: str) -> bool:
    return checks.runs(ALL[name].check)


@pytest.mark.parametrize("name", of_kind("json_schema"))
def test_a_right_json_answer_with_one_value_changed_or_missing_is_wrong(name: str) -> None:
    task = ALL[name]
    text = next(one.text for one in task.examples if one.right)
    count = 0
    for mutant in mutants(json.loads(text)):
        count += 1
        assert verdict(task, Example(False, json.dumps(mutant))) == "fail", mutant
    assert count > 8


@pytest.mark.parametrize("name", of_kind("tool_call", "any"))
def test_a_right_call_with_one_argument_changed_or_missing_is_wrong(name: str) -> None:
    task = ALL[name]
    # Words for people may be any, and so may stand what a rule does not ask for.
    free = {"note", "reason"}
    calls = next(one.tool_calls for one in task.examples if one.right)
    for number, call in enumerate(calls):
        told = {key: value for key, value in call["arguments"].items() if key not in free}
        for mutant in mutants(told):
            changed = [*calls[:number], {**call, "arguments": mutant}, *calls[number + 1 :]]
            assert verdict(task, Example(False, "", tuple(changed))) == "fail", mutant
        assert verdict(task, Example(False, "", (*calls[:number], *calls[number + 1 :]))) == "fail"
        assert verdict(task, Example(False, "", (*calls, call))) == "fail"


@pytest.mark.parametrize("name", [name for name in of_kind("exact", "set", "numeric", "all") if not runs(name)])
def test_a_right_text_with_one_letter_or_digit_changed_is_wrong(name: str) -> None:
    task = ALL[name]
    text = next(one.text for one in task.examples if one.right)
    # Where the answer stands behind a label, what comes before it is free.
    start = text.find("ANSWER:") + len("ANSWER:") if "label" in task.check else 0
    for at in range(start, len(text)):
        if text[at].isalnum():
            other = str((int(text[at]) + 5) % 10) if text[at].isdigit() else "q" if text[at].lower() != "q" else "z"
            if "absolute" in task.check and text[at + 1 :].strip() == "":
                continue  # the last digit may be off by one
            assert verdict(task, Example(False, text[:at] + other + text[at + 1 :])) == "fail", at


@pytest.mark.parametrize("name", ALL)
def test_an_answer_to_another_task_is_wrong(name: str) -> None:
    names = list(ALL)
    other = ALL[names[(names.index(name) + 1) % len(names)]]
    for example in other.examples:
        if example.right:
            assert verdict(ALL[name], example) == "fail"


def test_a_request_holds_what_a_chat_template_with_system_and_user_needs() -> None:
    for task in ALL.values():
        assert task.request.system, task.id
        assert task.request.messages[0].role == "user"
        assert task.request.messages[-1].role == "user"
        assert task.request.temperature == 0


def test_the_long_document_is_the_same_everywhere() -> None:
    part = ALL["t4-maintenance-log"].request.messages[0].parts[0]
    assert isinstance(part, Text)
    assert 20_000 < len(part.text) < 32_000
    assert hashlib.sha256(part.text.encode()).hexdigest()[:16] == "ff545387cdc82b61"


def test_the_samples_are_what_the_examples_give(tmp_path: Path) -> None:
    golden_samples.write(tmp_path)
    for model in golden_samples.WRONG:
        path = Path(golden_samples.PROVIDER) / f"{model}.jsonl"
        fix = "a task has changed: run python -m tests.evals.golden_samples"
        assert (SAMPLES / path).read_text(encoding="utf-8") == (tmp_path / path).read_text(encoding="utf-8"), fix


@pytest.mark.parametrize("programs", [False, pytest.param(True, marks=pytest.mark.thorough)])
def test_the_samples_are_right_and_wrong_where_they_say_so(programs: bool) -> None:
    # The samples are the tasks' examples, which other tests here run: those of programs need not run again each time.
    kept = Recordings.load(SAMPLES)
    asked = [task for task in ALL.values() if programs or not checks.runs(task.check)]
    for model, wrong in golden_samples.WRONG.items():
        failed = set()
        for task in asked:
            found = kept.find(golden_samples.PROVIDER, model, task.request)
            assert found is not None
            assert found.origin == "sample"
            checked = checks.check(task, found.response)
            assert checked.result != "infrastructure"
            if checked.result == "fail":
                failed.add(task.id)
        assert failed == set(wrong) & {task.id for task in asked}


def test_the_readme_of_the_samples_says_first_that_no_model_wrote_them() -> None:
    first = (SAMPLES / "README.md").read_text(encoding="utf-8").splitlines()[0]
    assert "No model wrote these answers" in first
