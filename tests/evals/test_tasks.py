"""Files of golden tasks that are wrong: everything that is wrong is told at once, with its place and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evals.walls import needs_walls
from tokenop.errors import Finding, FindingsError, InputError, NoInputError
from tokenop.evals import haystack, proof, tasks
from tokenop.evals.sandbox import running
from tokenop.providers.model import Text, ToolCall, ToolResult

HEAD = "schema_version: 1\ntier: T1\ntasks:\n"
TASK = """\
  - id: t1-word
    title: Say a word
    kind: extract
    intent: answer_question
    system: Be brief.
    prompt: Which word follows B, C and D? Two letters.
    max_output_tokens: 10
    timeout_seconds: 10
    check:
      kind: exact
      values: [EF]
      normalise: [case]
    examples:
      right: [EF, ef]
      wrong:
        - {text: E, why: one letter}
        - {text: FE, why: the other way round}
        - {text: DE, why: one too early}
"""
RUNS = """\
    check:
      kind: constraints
      read: text
      program: |
        def problems(answer):
            return [] if answer.lower() == "ef" else ["no"]
"""
EXACT = """\
    check:
      kind: exact
      values: [EF]
      normalise: [case]
"""
BAD_TOOL = "    tools: [{name: a, description: b, parameters: {type: x}}]\n"
KEYS = ("schema_version", "tier", "tasks", "x")
VALUES = ("1", "T1", "[]", "[{}]", "{}", "null", "[{check: {kind: all}}]", "[{check: {kind: sql}}]", "[{check: 1}]")


def found(folder: Path, text: str, name: str = "T1.yaml", programs: bool = False) -> tuple[Finding, ...]:
    (folder / name).write_text(text, encoding="utf-8")
    try:
        tasks.load(folder, programs=programs)
    except FindingsError as error:
        return error.findings
    return ()


def fields(folder: Path, text: str) -> list[str]:
    return [one.field for one in found(folder, text)]


def test_a_sound_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "T1.yaml").write_text(HEAD + TASK, encoding="utf-8")
    (task,) = tasks.load(tmp_path)
    assert (task.id, task.tier, task.line, task.timeout) == ("t1-word", "T1", 4, 10.0)
    assert task.request.system == (Text("Be brief."),)
    assert task.request.temperature == 0
    assert task.request.model == ""
    assert [one.right for one in task.examples] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("kind: exact", "kind: exactly", "tasks[0].check.kind"),
        ("kind: extract", "kind: magic", "tasks[0].kind"),
        ("t1-word", "T1 word", "tasks[0].id"),
        ("t1-word", "t2-word", "tasks[0].id"),
        ("    title: Say a word\n", "", "tasks[0].title"),
        ("    title: Say a word\n", "    title: Say a word\n    level: 3\n", "tasks[0].level"),
        ("normalise: [case]", "normalise: [everything]", "tasks[0].check.normalise[0]"),
        ("normalise: [case]", "tolerance: 1", "tasks[0].check.tolerance"),
        ("right: [EF, ef]", "right: [EF]", "tasks[0].examples.right"),
        ("        - {text: DE, why: one too early}\n", "", "tasks[0].examples.wrong"),
        ("{text: E, why: one letter}", "{text: E}", "tasks[0].examples.wrong[0].why"),
        ("{text: E, why: one letter}", "{like: 0, replace: X, by: Z, why: x}", "tasks[0].examples.wrong[0].replace"),
        ("{text: E, why: one letter}", "{like: 7, replace: E, by: Z, why: x}", "tasks[0].examples.wrong[0].replace"),
        ("right: [EF, ef]", "right: [EF, GH]", "tasks[0].examples.right[1]"),
        ("{text: E, why: one letter}", "{text: eF, why: one letter}", "tasks[0].examples.wrong[0]"),
        ("values: [EF]", 'values: [EF, ""]', "tasks[0].check.values[1]"),
        ("values: [EF]", 'values: [EF, "unknown"]', "tasks[0].check"),
        ("timeout_seconds: 10", "timeout_seconds: 0", "tasks[0].timeout_seconds"),
        ("    prompt: Which", "    messages: [{role: user, text: x}]\n    prompt: Which", "tasks[0].prompt"),
        ("Which word", "In {{document}}, which word", "tasks[0].prompt"),
        ("    check:", f"{BAD_TOOL}    check:", "tasks[0].tools[0].parameters"),
        (EXACT, "    check: {kind: regex, pattern: '(?i:ef'}\n", "tasks[0].check.pattern"),
        (EXACT, "    check: {kind: json_schema, schema: {type: texts}}\n", "tasks[0].check.schema"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_field_and_line(tmp_path: Path, old: str, new: str, field: str) -> None:
    assert old in TASK
    told = found(tmp_path, HEAD + TASK.replace(old, new))
    assert field in [one.field for one in told], told
    one = next(one for one in told if one.field == field)
    assert one.file.endswith("T1.yaml")
    assert 4 <= one.line <= 24
    assert one.fix


def test_all_that_is_wrong_in_all_files_is_told_at_once(tmp_path: Path) -> None:
    bad = TASK.replace("exact", "exactly") + TASK.replace("t1-word", "t1-other").replace("[EF, ef]", "[EF, GH]")
    (tmp_path / "T2.yaml").write_text(HEAD + TASK, encoding="utf-8")
    (tmp_path / "T3.yaml").write_text("tier: T3\n\tx", encoding="utf-8")
    told = found(tmp_path, HEAD + bad)
    assert {Path(one.file).name for one in told} == {"T1.yaml", "T2.yaml", "T3.yaml"}
    assert any("the file is T2.yaml" in one.message for one in told)


def test_all_that_is_wrong_in_one_file_is_told_at_once_whatever_sort_of_wrong_it_is(tmp_path: Path) -> None:
    changes = {
        "t1-shape": ("kind: exact", "kind: exactly"),
        "t1-unsound": ("values: [EF]", 'values: [EF, ""]'),
        "t1-examples": ("right: [EF, ef]", "right: [EF, GH]"),
        "t1-constant": ("values: [EF]", "values: [EF, unknown]"),
        "t1-sound": ("", ""),
    }
    tasks_of_file = [TASK.replace("t1-word", name).replace(*change) for name, change in changes.items()]
    told = found(tmp_path, HEAD + "".join(tasks_of_file))
    assert [one.field for one in told] == [
        "tasks[0].check.kind", "tasks[1].check.values[1]", "tasks[2].examples.right[1]", "tasks[3].check",
    ]  # fmt: skip
    assert [one.line for one in told] == sorted({one.line for one in told})
    assert all(one.fix for one in told)


def test_ids_are_unique_over_all_files(tmp_path: Path) -> None:
    told = found(tmp_path, HEAD + TASK + TASK)
    assert [(one.field, one.line) for one in told] == [("tasks[1].id", 22)]
    assert "T1.yaml:4" in told[0].message


@needs_walls
def test_a_check_that_starts_a_program_is_tried_where_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "CONSTANTS", ("", "yes"))
    wrong = HEAD + TASK.replace(EXACT, RUNS.replace("answer.lower()", "answer"))
    assert found(tmp_path, wrong) == ()
    assert [one.field for one in found(tmp_path, wrong, programs=True)] == ["tasks[0].examples.right[0]"]
    assert found(tmp_path, HEAD + TASK.replace(EXACT, RUNS), programs=True) == ()
    broken = HEAD + TASK.replace(EXACT, RUNS.replace("answer.lower()", "answer.lower("))
    told = found(tmp_path, broken, programs=True)
    assert "the task's own program does not run" in told[0].message


def test_where_no_program_can_be_run_their_checks_are_not_held_against_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "trouble", lambda: "there is no sandbox here")
    assert found(tmp_path, HEAD + TASK.replace(EXACT, RUNS), programs=True) == ()


def test_only_some_tiers_are_read_where_some_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "T1.yaml").write_text("broken", encoding="utf-8")
    second = (HEAD + TASK).replace("T1", "T2").replace("t1", "t2")
    (tmp_path / "T2.yaml").write_text(second, encoding="utf-8")
    assert [task.id for task in tasks.load(tmp_path, ["T2"])] == ["t2-word"]
    with pytest.raises(NoInputError, match=r"T5\.yaml"):
        tasks.load(tmp_path, ["T5"])


@pytest.mark.parametrize(
    "text", ["", "[]", "tasks: &a [*a]", "tasks: !!python/object:os.system x", "\x00", "- x", "x" * 300_000]
)
def test_hostile_files_are_refused_without_a_traceback(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text)


def test_a_file_that_is_a_folder_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "T1.yaml").mkdir()
    with pytest.raises(InputError):
        tasks.load(tmp_path)


@given(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES)))
def test_no_file_of_the_wrong_shape_comes_through(
    tmp_path_factory: pytest.TempPathFactory, written: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("tasks")
    assert found(folder, "".join(f"{key}: {value}\n" for key, value in written.items()))


CONVERSATION = """\
    messages:
      - {role: user, text: Where is my order?}
      - role: assistant
        text: One moment.
        tool_calls: [{id: c1, name: look, arguments: {order: "7"}}]
      - {role: user, tool_results: [{call_id: c1, text: "on its way"}]}
    tools:
      - {name: look, description: Look up., parameters: {type: object}}
"""


def test_a_conversation_with_calls_of_tools_becomes_a_request(tmp_path: Path) -> None:
    text = TASK.replace("    prompt: Which word follows B, C and D? Two letters.\n", CONVERSATION)
    (tmp_path / "T1.yaml").write_text(HEAD + text, encoding="utf-8")
    (task,) = tasks.load(tmp_path)
    first, second, third = task.request.messages
    assert first.parts == (Text("Where is my order?"),)
    assert second.parts == (Text("One moment."), ToolCall("c1", "look", {"order": "7"}))
    assert third.parts == (ToolResult("c1", (Text("on its way"),)),)
    assert [tool.name for tool in task.request.tools] == ["look"]


@given(st.integers(0, 10**6), st.integers(1, 40), st.lists(st.floats(0, 1), max_size=8))
def test_a_generated_document_holds_what_is_inserted_in_its_order_and_time_goes_on(
    seed: int, entries: int, places: list[float]
) -> None:
    inserted = [{"at": at, "text": f"needle {number}"} for number, at in enumerate(sorted(places))]
    declared = {"generator": "maintenance-log", "seed": seed, "entries": entries, "inserted": inserted}
    lines = haystack.document(declared).splitlines()
    assert len(lines) == entries + len(places)
    assert [line[17:] for line in lines if "needle" in line] == [one["text"] for one in inserted]
    assert [line[:16] for line in lines] == sorted({line[:16] for line in lines})
    assert haystack.document(declared).splitlines() == lines
