"""Applying: what is planned is written whole, with a receipt; what stands in the way is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.applying.making import DAY, template, tree
from tokenop import applying
from tokenop.applying.root import MAX_BYTES
from tokenop.catalogue.model import Parameter
from tokenop.errors import FindingsError, InputError

ROUTER = "# mine\nrules:\n    a: 1  # keep\n"
CHANGING = template(
    "short",
    ("tokenop/router.yaml", "yaml", "rules: {b: 2}\n"),
    ("deploy/new/readme.md", "create", "Hello.\n"),
    ("notes.txt", "append", "one more\n"),
    ("settings.json", "json", '{"cache": {"on": true}}\n'),
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "tokenop").mkdir(parents=True)
    (folder / "tokenop" / "router.yaml").write_text(ROUTER, encoding="utf-8")
    (folder / "tokenop" / "router.yaml").chmod(0o600)
    (folder / "settings.json").write_text('{\n\t"a": 1\n}\n', encoding="utf-8")
    return folder


def test_a_template_is_applied_and_taken_back_to_the_byte(project: Path) -> None:
    before = tree(project)
    change = applying.plan(CHANGING, project)
    assert tree(project) == before
    receipt = applying.write(change, project, DAY)
    assert (project / "tokenop" / "router.yaml").read_text(encoding="utf-8") == ROUTER + "    b: 2\n"
    assert (project / "tokenop" / "router.yaml").stat().st_mode & 0o777 == 0o600
    assert (project / "settings.json").read_text(encoding="utf-8") == (
        '{\n\t"a": 1,\n\t"cache": {\n\t\t"on": true\n\t}\n}\n'
    )
    assert (project / "notes.txt").read_text(encoding="utf-8") == "one more\n"
    assert [one.target for one in receipt.targets] == [patch.target for patch in CHANGING.patches]
    assert receipt.folders == ("deploy", "deploy/new")
    applying.rollback(project, "short")
    assert tree(project) == before


def test_applied_twice_it_changes_nothing_and_says_so(project: Path) -> None:
    applying.write(applying.plan(CHANGING, project), project, DAY)
    before = tree(project)
    again = applying.plan(CHANGING, project)
    assert (again.applied, again.files, again.conflicts) == (True, (), ())
    applying.write(again, project, DAY)
    assert tree(project) == before


def test_what_is_there_already_is_noted_without_a_change(project: Path) -> None:
    there = template("short", ("tokenop/router.yaml", "yaml", "rules: {a: 1}\n"))
    change = applying.plan(there, project)
    assert (change.files, change.unchanged) == ((), ("tokenop/router.yaml",))
    applying.write(change, project, DAY)
    assert (project / "tokenop" / "router.yaml").read_text(encoding="utf-8") == ROUTER
    assert applying.plan(there, project).applied


def test_another_version_asks_for_the_first_to_be_taken_back(project: Path) -> None:
    applying.write(applying.plan(CHANGING, project), project, DAY)
    newer = template("short", ("tokenop/router.yaml", "yaml", "rules: {c: 2}\n"), version="1.1.0", sha256="1" * 64)
    (conflict,) = applying.plan(newer, project).conflicts
    assert "version 1.0.0" in conflict.message
    assert conflict.fix == "take it back first: tokenop template-rollback short"


def test_a_file_to_create_that_is_there_stops_all_of_it(project: Path) -> None:
    (project / "notes.txt").write_text("mine\n", encoding="utf-8")
    creating = template("short", ("a.txt", "create", "a\n"), ("notes.txt", "create", "theirs\n"))
    before = tree(project)
    change = applying.plan(creating, project)
    assert [(found.file, found.message) for found in change.conflicts] == [
        ("notes.txt", "is there already, with other content")
    ]
    with pytest.raises(FindingsError):
        applying.write(change, project, DAY)
    assert tree(project) == before


def test_all_conflicts_are_said_at_once(project: Path) -> None:
    (project / "b.yaml").write_text("a: &x 1\nb: *x\n", encoding="utf-8")
    (project / "c.yaml").write_text("a: [1]\n", encoding="utf-8")
    change = applying.plan(
        template("short", ("b.yaml", "yaml", "c: 1\n"), ("c.yaml", "yaml", "a: {b: 1}\n"), requires=("other",)), project
    )
    assert [(found.file, found.line) for found in change.conflicts] == [(str(project), 0), ("b.yaml", 1), ("c.yaml", 1)]
    assert change.conflicts[0].fix == "first: tokenop template-apply other"


def test_what_conflicts_with_an_applied_template_is_refused_from_either_side(project: Path) -> None:
    applying.write(
        applying.plan(template("one", ("a.txt", "create", "a\n"), conflicts=("two",)), project), project, DAY
    )
    (conflict,) = applying.plan(template("two", ("b.txt", "create", "b\n")), project).conflicts
    assert conflict.message == "two cannot be together with one, which is applied here"
    (conflict,) = applying.plan(template("three", ("b.txt", "create", "b\n"), conflicts=("one",)), project).conflicts
    assert conflict.fix == "first: tokenop template-rollback one"


def test_a_file_that_changed_since_the_plan_is_not_written_over(project: Path) -> None:
    change = applying.plan(CHANGING, project)
    (project / "settings.json").write_text('{"b": 2}\n', encoding="utf-8")
    before = tree(project)
    with pytest.raises(InputError, match="changed meanwhile"):
        applying.write(change, project, DAY)
    assert tree(project) == before


def test_two_that_exclude_each_other_cannot_come_in_at_once(project: Path) -> None:
    one = template("one", ("one.txt", "create", "x\n"), conflicts=("two",))
    two = template("two", ("two.txt", "create", "x\n"))
    changes = [applying.plan(each, project) for each in (one, two)]
    applying.write(changes[0], project, DAY)
    with pytest.raises(FindingsError, match="cannot be together"):
        applying.write(changes[1], project, DAY)
    assert not (project / "two.txt").exists()


def test_a_file_is_no_folder_and_the_plan_says_so(project: Path) -> None:
    (conflict,) = applying.plan(
        template("x", ("a", "create", "x\n"), ("A/b", "create", "x\n")), project
    ).conflicts  # fmt: skip
    assert "a file is no folder" in conflict.message


def test_what_could_not_be_read_again_is_not_written(project: Path) -> None:
    half = template("x", ("settings.json", "json", '{"z": "\\ud800"}\n'))
    assert "half of a character" in applying.plan(half, project).conflicts[0].message
    (project / "long.txt").write_text("x" * (MAX_BYTES - 2), encoding="utf-8")
    (conflict,) = applying.plan(template("x", ("long.txt", "append", "more\n")), project).conflicts
    assert "would be larger than 2 MB" in conflict.message


def test_a_large_file_is_applied_to_and_taken_back(project: Path) -> None:
    (project / "long.txt").write_text('"\n' * (MAX_BYTES // 3), encoding="utf-8")
    before = tree(project)
    applying.write(applying.plan(template("x", ("long.txt", "append", "more\n")), project), project, DAY)
    applying.rollback(project, "x")
    assert tree(project) == before


def test_another_name_of_a_file_is_noted(project: Path) -> None:
    (project / "other.yaml").hardlink_to(project / "tokenop" / "router.yaml")
    change = applying.plan(CHANGING, project)
    assert change.notes == ("tokenop/router.yaml has another name (a hard link); what that names stays as it is",)
    applying.write(change, project, DAY)
    assert (project / "other.yaml").read_text(encoding="utf-8") == ROUTER


def test_what_differs_from_what_is_applied_is_named(project: Path) -> None:
    asking = template("x", ("notes.txt", "append", "to {{to}}\n"), parameters=(Parameter("to", "Where."),))
    applying.write(applying.plan(asking, project, {"to": "eu"}), project, DAY)
    assert "already, with to = eu" in applying.plan(asking, project, {"to": "us"}).conflicts[0].message
    (project / "notes.txt").write_text("mine\n", encoding="utf-8")
    (conflict,) = applying.plan(asking, project, {"to": "eu"}).conflicts
    assert "its files were changed since" in conflict.message
