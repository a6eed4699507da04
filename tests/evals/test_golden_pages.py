"""The page about golden tasks is in step with them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.conftest import ROOT
from tokenop.evals import checks, tasks
from tokenop.evals.checks.values import NORMALISATIONS

PAGE = (ROOT / "docs" / "golden-tasks.md").read_text(encoding="utf-8")
SCHEMA = json.loads(tasks.SCHEMA_FILE.read_text(encoding="utf-8"))["$defs"]


def kinds(spec: checks.Spec) -> str:
    """Return a check's kind as the page's table has it, with those of its parts."""
    inner = [kinds(one) for one in spec.get("checks", ())]
    parts = f"two {inner[0]}" if len(set(inner)) == 1 and inner else " and ".join(inner)
    return f"`{spec['kind']}`" + (f" of {parts}" if inner else "")


def test_the_page_lists_every_task_with_its_check() -> None:
    rows = re.findall(r"^\| `(t\d-[\w-]+)` \| .+? \| (.+?) \|$", PAGE, re.MULTILINE)
    assert rows == [(task.id, kinds(task.check)) for task in sorted(_all(), key=_order)]


def _all() -> tuple[tasks.Task, ...]:
    return tasks.load(tasks.shipped())


def _order(task: tasks.Task) -> int:
    return PAGE.index(f"`{task.id}`")


def test_the_page_names_every_kind_of_check_and_every_normalisation() -> None:
    for name in (*checks.KINDS, *NORMALISATIONS):
        assert f"`{name}`" in PAGE, name


def test_the_schema_names_the_same_kinds_and_normalisations() -> None:
    assert SCHEMA["check"]["properties"]["kind"]["enum"] == list(checks.KINDS)
    assert SCHEMA["normalise"]["items"]["enum"] == list(NORMALISATIONS)


def test_the_example_on_the_page_is_a_sound_file(tmp_path: Path) -> None:
    example = re.search(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert example is not None
    (tmp_path / "T1.yaml").write_text(example[1], encoding="utf-8")
    assert [task.id for task in tasks.load(tmp_path)] == ["t1-capital"]
