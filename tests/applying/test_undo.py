"""Taking back: bytes and mode as before, later edits seen, later templates named, and no kill leaves a half."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.applying.drawing import written_json, written_yaml
from tests.applying.making import DAY, template, tree
from tests.conftest import ROOT
from tokenop import applying
from tokenop.applying import journal, receipts, undo
from tokenop.applying.root import Root
from tokenop.errors import FindingsError, InputError

SHORT = template("short", ("a.yaml", "yaml", "rules: {b: 2}\n"), ("new/b.txt", "create", "b\n"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "a.yaml").write_text("# mine\nrules:\n  a: 1\n", encoding="utf-8")
    return tmp_path


def apply(project: Path, *templates: object) -> None:
    for one in templates:
        applying.write(applying.plan(one, project), project, DAY)


CONTENTS = st.one_of(
    st.tuples(st.just("yaml"), written_yaml(), written_yaml()),
    st.tuples(st.just("json"), written_json(), written_json()),
    st.tuples(st.just("append"), st.text(max_size=9), st.just("more\n")),
    st.tuples(st.just("replace"), st.text(max_size=9), st.just("other\n")),
    st.tuples(st.just("create"), st.none(), st.just("made\n")),
)


@given(st.lists(CONTENTS, min_size=1, max_size=3), st.sampled_from([0o600, 0o644, 0o755]))
def test_applied_and_taken_back_every_byte_and_mode_is_as_before(
    patches: list[tuple[str, str | None, str]], mode: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = []
        for number, (merge, mine, theirs) in enumerate(patches):
            target = f"d{number}/{merge}.txt"
            if mine is not None:
                (folder / target).parent.mkdir()
                (folder / target).write_bytes(mine.encode("utf-8", "surrogatepass"))
                (folder / target).chmod(mode)
            written.append((target, merge, theirs))
        before = tree(folder)
        one = template("drawn", *written)
        change = applying.plan(one, folder)
        if change.conflicts:
            return
        applying.write(change, folder, DAY)
        again = applying.plan(one, folder)
        assert (again.files, again.applied) == ((), True)
        applying.rollback(folder, "drawn")
        assert tree(folder) == before


def test_a_file_that_changed_since_is_left_and_the_change_is_shown(project: Path) -> None:
    apply(project, SHORT)
    with (project / "a.yaml").open("a", encoding="utf-8") as file:
        file.write("own: 1\n")
    before = tree(project)
    found = undo.plan(project, "short")
    assert "+own: 1" in found.edited
    assert [one.message for one in found.conflicts] == ["changed since it was applied"]
    with pytest.raises(FindingsError):
        applying.rollback(project, "short")
    assert tree(project) == before


def test_edits_are_kept_where_they_stand_apart_from_the_templates_lines(project: Path) -> None:
    apply(project, SHORT)
    text = (project / "a.yaml").read_text(encoding="utf-8")
    (project / "a.yaml").write_text("first: 0\n" + text + "own: 1\n", encoding="utf-8")
    (project / "new" / "b.txt").unlink()
    undo.write(undo.plan(project, "short", keep_edits=True), project)
    assert (project / "a.yaml").read_text(encoding="utf-8") == "first: 0\n# mine\nrules:\n  a: 1\nown: 1\n"
    assert not (project / "new").exists()
    assert not (project / ".tokenop").exists()


def test_edits_of_the_templates_own_lines_are_not_guessed_at(project: Path) -> None:
    apply(project, SHORT)
    (project / "a.yaml").write_text("# mine\nrules:\n  a: 1\n  b: 3\n", encoding="utf-8")
    (found,) = undo.plan(project, "short", keep_edits=True).conflicts
    assert found.message == "your changes stand where the template's lines are"


def test_what_was_applied_later_to_the_same_file_goes_first(project: Path) -> None:
    later = template("later", ("a.yaml", "yaml", "rules: {c: 3}\n"))
    apart = template("apart", ("c.txt", "create", "c\n"), requires=("short",))
    before = tree(project)
    apply(project, SHORT, later, apart)
    messages = {one.message: one.fix for one in undo.plan(project, "short").conflicts}
    assert messages["later was applied later to the same file"] == "first: tokenop template-rollback later"
    assert messages["apart, which is applied here, needs short"] == "first: tokenop template-rollback apart"
    for name in ("apart", "later", "short"):
        applying.rollback(project, name)
    assert tree(project) == before


def test_a_change_of_mode_is_a_change(project: Path) -> None:
    apply(project, SHORT)
    (project / "a.yaml").chmod(0o700)
    found = undo.plan(project, "short")
    assert found.edited == "Mode of a.yaml differs\n"
    assert found.conflicts


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_edits_are_kept_with_either_line_end(project: Path, ends: str) -> None:
    mine = ends.join(["x: 1", "rules:", "  a: 1", "p: 1", "q: 1", "r: 1", "s: 1", ""])
    (project / "a.yaml").write_bytes(mine.encode())
    apply(project, template("short", ("a.yaml", "yaml", "rules: {a: 2, b: 2}\n")))
    now = (project / "a.yaml").read_bytes()
    (project / "a.yaml").write_bytes(now.replace(b"s: 1", b"s: 2"))
    undo.write(undo.plan(project, "short", keep_edits=True), project)
    assert (project / "a.yaml").read_bytes() == mine.replace("s: 1", "s: 2").encode()


def test_what_somebody_brought_back_already_stays_so(project: Path) -> None:
    before = tree(project)
    apply(project, SHORT)
    (project / "a.yaml").write_bytes(before["a.yaml"][0])
    (project / "new" / "b.txt").unlink()
    undoing = applying.rollback(project, "short")
    assert (undoing.files, undoing.edited) == ((), "")
    assert tree(project) == before


def test_a_file_that_was_removed_since_can_stay_so(project: Path) -> None:
    apply(project, SHORT)
    (project / "a.yaml").unlink()
    (found,) = undo.plan(project, "short").conflicts
    assert found.message == "removed since it was applied"
    undoing = undo.plan(project, "short", keep_edits=True)
    assert "new/b.txt" in undoing.diff()
    undo.write(undoing, project)
    assert tree(project) == {}


def test_folders_go_with_the_last_template_that_is_in_them(project: Path) -> None:
    before = tree(project)
    one, two = (template(name, (f"new/deep/{name}.txt", "create", "x\n")) for name in ("one", "two"))
    apply(project, one, two)
    applying.rollback(project, "one")
    applying.rollback(project, "two")
    assert tree(project) == before


def test_a_change_of_another_template_is_none_of_the_users(project: Path) -> None:
    for number in (2, 3, 4):
        apply(project, template(f"n{number}", ("a.yaml", "yaml", f"rules: {{a: {number}}}\n")))
    undoing = undo.plan(project, "n2")
    assert [one.fix for one in undoing.conflicts] == [f"first: tokenop template-rollback n{n}" for n in (4, 3)]
    assert undoing.edited == ""


def test_what_came_in_between_is_looked_at_again(project: Path) -> None:
    apply(project, SHORT)
    undoing = undo.plan(project, "short")
    apply(project, template("needs", ("c.txt", "create", "x\n"), requires=("short",)))
    with pytest.raises(FindingsError, match="needs short"):
        undo.write(undoing, project)


def test_what_is_not_applied_cannot_be_taken_back(project: Path) -> None:
    with pytest.raises(InputError, match="short is not applied here; applied: none"):
        undo.plan(project, "short")
    with pytest.raises(InputError, match="not applied"):
        undo.plan(project, "../short")


@pytest.mark.parametrize(
    "change",
    [
        {"targets": [{"target": "../x", "before": None, "after": None}]},
        {"folders": ["/tmp"]},
        {"folders": [".git"]},
        {"template": "other"},
        {"schema_version": 2},
        {"sequence": "x"},
        {"sequence": float("inf")},
        {"parameters": []},
        {"targets": [{"target": "\ud800", "before": None, "after": None}]},
    ],
)
def test_a_receipt_that_was_tampered_with_is_refused(project: Path, change: dict[str, object]) -> None:
    apply(project, SHORT)
    path = project / receipts.path("short")
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(InputError, match="receipt"):
        undo.plan(project, "short")


def test_a_receipt_whose_content_was_changed_is_refused(project: Path) -> None:
    apply(project, SHORT)
    path = project / receipts.path("short")
    path.write_text(path.read_text(encoding="utf-8").replace("# mine", "# ours"), encoding="utf-8")
    with pytest.raises(InputError, match="content and sha256 disagree"):
        undo.plan(project, "short")


JOURNAL = {"receipt": "x", "content": None, "remove_folders": [], "made_folders": [], "steps": [],
           "temporary": ".tokenop-0123456789ab.tmp"}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"steps": [{"target": "../../evil", "before": None, "after": None}]},
        {"steps": {}},
        {"temporary": "a.yaml"},
        {"temporary": ".t\x00"},
        {"receipt": "../x"},
        {"content": 5},
        {"content": "\ud800"},
        {"made_folders": [".git"]},
        {"remove_folders": ["\ud800"]},
    ],
)
@pytest.mark.parametrize("name", [journal.PENDING, journal.DONE])
def test_a_journal_that_was_tampered_with_touches_nothing(project: Path, name: str, change: dict[str, object]) -> None:
    (project / ".tokenop").mkdir()
    for text in (json.dumps(JOURNAL | change), "{", "[" * 100_000):
        (project / name).write_text(text, encoding="utf-8")
        before = tree(project)
        with pytest.raises(InputError, match="is no journal of tokenop"):
            journal.mend(project)
        assert tree(project) == before


def test_two_commands_do_not_change_a_project_at_once(project: Path) -> None:
    change = applying.plan(SHORT, project)
    with Root(project) as root, journal.locked(root), pytest.raises(InputError, match="right now"):
        applying.write(change, project, DAY)


@pytest.mark.thorough
def test_a_kill_at_any_step_leaves_all_files_or_none(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.applying.crashes", str(tmp_path)]
    told = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert told["problems"] == []
    assert min(told["steps"].values()) > 50
