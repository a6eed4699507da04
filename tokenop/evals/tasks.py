"""Files of golden tasks (`validations/golden/T1.yaml` … `T5.yaml`), read strictly.

A check is code, and as wrong as code can be: each task brings right and wrong answers written by hand, and its check
must accept the ones and refuse the others, the empty answer and every constant one. `proof` holds the checks to that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from tokenop import documents, settings
from tokenop.documents import Document
from tokenop.errors import Finding, FindingsError, NoInputError
from tokenop.evals import checks, proof
from tokenop.evals.asking import request_of
from tokenop.evals.model import Example, Task
from tokenop.evals.sandbox import running

TIERS = ("T1", "T2", "T3", "T4", "T5")
RULE = "GOLDEN"
_IN_TASK = re.compile(r"tasks\[(\d+)\]")
SCHEMA_FILE = Path(__file__).with_name("tasks.schema.json")


def shipped() -> Path:
    """Return the folder of the golden tasks that TokenOp brings."""
    return settings.content("validations") / "golden"


def load(folder: Path, tiers: Iterable[str] | None = None, programs: bool = False) -> tuple[Task, ...]:
    """Return the tasks of `T1.yaml` to `T5.yaml` in `folder`, or of some `tiers`, in the order of the files.

    Every check is tried on its examples. Those that start a program are only with `programs`, which takes some seconds,
    and only on a system that can hold programs in.

    Raises:
        FindingsError: whatever is wrong in any of the files, all at once.
        NoInputError: the folder has no such file.
        InputError: a file cannot be read.
    """
    wanted = sorted(set(TIERS if tiers is None else tiers))
    paths = [path for tier in wanted if (path := folder / f"{tier}.yaml").exists()]
    if not paths:
        raise NoInputError(f"{folder}: holds no golden tasks of {', '.join(wanted)}: expected {wanted[0]}.yaml there")
    findings: list[Finding] = []
    read: list[tuple[Document, int, Task]] = []
    for path in paths:
        try:
            found, wrong = _read(path)
        except FindingsError as error:
            found, wrong = [], list(error.findings)
        read += found
        findings += wrong
    findings += _repeated(read)
    for document, index, task in read:
        if not checks.runs(task.check) or (programs and running.trouble() is None):
            findings += [_finding(document, index, *one) for one in proof.objections(task)]
    if findings:
        raise FindingsError(sorted(findings))
    return tuple(task for _, _, task in read)


def _read(path: Path) -> tuple[list[tuple[Document, int, Task]], list[Finding]]:
    """Return the sound tasks of one file, each with where it stands, and what is wrong with the others.

    Raises:
        FindingsError: the file is no YAML, or what stands around its tasks does not fit the schema.
    """
    from tokenop.catalogue import schema

    document = documents.load_yaml(path)
    found = [
        Finding(str(path), one.place[0], one.field, RULE, "error", one.message, one.place[1], one.fix or "correct it")
        for one in schema.objections(document, *_validators())
    ]
    misshapen = {_task_of(one.field) for one in found}
    if None in misshapen:
        raise FindingsError(found)
    tier = document.meta["tier"]
    if path.stem != tier:
        found.append(_at(document, "tier", f"is {tier}, but the file is {path.name}", f"write {path.stem}"))
    tasks = []
    for index, declared in enumerate(plain(document.meta)["tasks"]):
        if index in misshapen:
            continue
        wrong = list(_unsound(declared, tier))
        found += [_finding(document, index, *one) for one in wrong]
        if not wrong:
            line = document.key_line(f"tasks[{index}]")[0]
            tasks.append((document, index, _task(declared, tier, path, line)))
    return tasks, found


def _task_of(field: str) -> int | None:
    """Return which task a field belongs to; None for what stands around the tasks."""
    found = _IN_TASK.match(field)
    return int(found[1]) if found else None


def _unsound(declared: Mapping[str, Any], tier: str) -> Iterator[checks.Complaint]:
    """Yield what the schema cannot say of one task."""
    if not declared["id"].startswith(tier.lower() + "-"):
        yield "id", f"is of another tier than {tier}", f"begin it with {tier.lower()}-"
    if ("prompt" in declared) == ("messages" in declared):
        yield "prompt", "prompt and messages: a task has one of them", "keep one"
    if ("{{document}}" in declared.get("prompt", "")) != ("generated" in declared):
        yield "prompt", "{{document}} and generated belong together", "give both or neither"
    for index, tool in enumerate(declared.get("tools", ())):
        if problem := checks.schemas.problem(tool["parameters"]):
            yield f"tools[{index}].parameters", f"is no sound JSON Schema: {problem}", "correct the schema"
    for index, example in enumerate(declared["examples"]["wrong"]):
        if "like" in example and example["replace"] not in _right_text(declared["examples"], example["like"]):
            fix = "name a right text that holds it; like counts from 0"
            yield f"examples.wrong[{index}].replace", "does not stand in the right example", fix
    for field, message, fix in checks.lint(declared["check"]):
        yield f"check.{field}", message, fix


def _task(declared: Mapping[str, Any], tier: str, path: Path, line: int) -> Task:
    return Task(
        id=declared["id"],
        tier=tier,
        title=declared["title"],
        kind=declared["kind"],
        intent=declared["intent"],
        request=request_of(declared),
        check=declared["check"],
        timeout=float(declared["timeout_seconds"]),
        examples=tuple(_examples(declared["examples"])),
        path=str(path),
        line=line,
    )


def _examples(declared: Mapping[str, Any]) -> Iterator[Example]:
    for written in declared["right"]:
        yield _example(written, True)
    for written in declared["wrong"]:
        if "like" in written:
            text = _right_text(declared, written["like"]).replace(written["replace"], written["by"])
            written = {**written, "text": text}
        yield _example(written, False)


def _right_text(examples: Mapping[str, Any], index: int) -> str:
    """Return the text of a right example; an empty one where there is none."""
    written = examples["right"][index] if index < len(examples["right"]) else ""
    return str(written if isinstance(written, str) else written.get("text", ""))


def _example(written: str | Mapping[str, Any], right: bool) -> Example:
    if isinstance(written, str):
        return Example(right, written)
    return Example(right, written.get("text", ""), tuple(written.get("tool_calls", ())), written.get("why", ""))


def _repeated(read: Iterable[tuple[Document, int, Task]]) -> Iterator[Finding]:
    first: dict[str, Task] = {}
    for document, index, task in read:
        other = first.setdefault(task.id, task)
        if other is not task:
            yield _finding(document, index, "id", f"stands at {other.path}:{other.line} too", "choose another id")


def _finding(document: Document, index: int, field: str, message: str, fix: str) -> Finding:
    return _at(document, f"tasks[{index}].{field}", message, fix)


def _at(document: Document, field: str, message: str, fix: str) -> Finding:
    line, column = document.line(field)
    return Finding(str(document.path), line, field, RULE, "error", message, column, fix)


def plain(value: Any) -> Any:
    """Return data of a file with numbers as JSON has them: a number with a point is a float."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


@cache
def _validators() -> tuple[Any, Any]:
    import json

    import jsonschema_rs
    from jsonschema import Draft202012Validator

    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return Draft202012Validator(schema), jsonschema_rs.validator_for(schema)
