"""No path leads out of the project: not by name, not by link, not by a link put there in the middle."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.applying.making import DAY, template, tree
from tokenop import applying
from tokenop.applying import journal
from tokenop.applying.root import MAX_BYTES, Root, complaint
from tokenop.errors import FindingsError, InputError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.txt").write_text("theirs\n", encoding="utf-8")
    return folder


BAD = (
    "/etc/passwd", "../a", "a/../../b", "a//b", "./a", "a/.", "", "a/", ".git/hooks/post-checkout", "a/.GIT/config",
    ".Git", "git~1/config", ".git ", ".git.", ".github/workflows/x.yml", ".tokenop/receipts/x.json", ".TokenOp/x",
    "a\\b", "a\nb", "c:x", "a /b", "x\x00", "x\ud800", "x\u202e",
)  # fmt: skip


@pytest.mark.parametrize("target", BAD)
def test_names_that_lead_out_or_into_git_are_refused(target: str, project: Path) -> None:
    assert complaint(target)
    change = applying.plan(template("x", (target, "replace", "x\n")), project)
    assert change.conflicts
    assert not change.files
    with pytest.raises(FindingsError):
        applying.write(change, project, DAY)
    assert list(project.iterdir()) == []


@pytest.mark.parametrize("merge", ["create", "replace", "append", "yaml"])
def test_links_are_not_followed(merge: str, project: Path) -> None:
    outside = project.parent / "outside"
    (project / "folder").symlink_to(outside)
    (project / "file.txt").symlink_to(outside / "a.txt")
    (project / "dangling.txt").symlink_to(outside / "none.txt")
    before = tree(outside)
    for target in ("folder/a.txt", "folder/new.txt", "file.txt", "dangling.txt"):
        change = applying.plan(template("x", (target, merge, "a: 1\n")), project)
        assert "link" in change.conflicts[0].message, target
    assert tree(outside) == before


def test_a_link_put_there_after_the_plan_is_not_followed_either(project: Path) -> None:
    outside = project.parent / "outside"
    (project / "folder").mkdir()
    change = applying.plan(template("x", ("folder/a.txt", "create", "x\n"), ("b.txt", "create", "x\n")), project)
    (project / "folder").rmdir()
    (project / "folder").symlink_to(outside)
    before = tree(outside)
    with pytest.raises(InputError, match="link"):
        applying.write(change, project, DAY)
    assert tree(outside) == before
    assert not (project / "b.txt").exists()


def test_receipts_are_not_written_through_a_link(project: Path) -> None:
    (project / ".tokenop").symlink_to(project.parent / "outside")
    with pytest.raises(InputError, match="link"):
        applying.plan(template("x", ("b.txt", "create", "x\n")), project)


def test_what_is_no_regular_file_is_refused(project: Path) -> None:
    os.mkfifo(project / "pipe")
    (project / "folder").mkdir()
    (project / "large").write_bytes(b"x" * (MAX_BYTES + 1))
    (project / "bytes.yaml").write_bytes(b"\xff\xfe")
    for target, words in {"pipe": "not a regular file", "folder": "not a regular file", "large": "larger than",
                          "pipe/x": "no folder", "bytes.yaml": "no UTF-8"}.items():  # fmt: skip
        (conflict,) = applying.plan(template("x", (target, "append", "x\n")), project).conflicts
        assert words in conflict.message


def test_a_name_that_is_there_in_other_capitals_is_refused(project: Path) -> None:
    (project / "TokenOp").mkdir()
    (project / "README.md").write_text("x", encoding="utf-8")
    for target in ("tokenop/x.yaml", "readme.md"):
        (conflict,) = applying.plan(template("x", (target, "create", "x\n")), project).conflicts
        assert "rename one of the two" in conflict.message
    twice = applying.plan(template("x", ("a.txt", "create", "x\n"), ("A.txt", "create", "x\n")), project)
    assert "in capitals only" in twice.conflicts[0].message


class Full:
    """A disk that is full from the nth file on, in the place of `open` of the writer's library."""

    def __init__(self, room: int) -> None:
        self.room = room

    def __call__(self, *arguments: object) -> None:
        self.room -= 1
        if self.room < 0:
            raise OSError(28, "No space left on device")


@pytest.mark.parametrize("room", range(4))
def test_on_a_full_disk_everything_is_as_before(project: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    (project / "a.txt").write_text("mine\n", encoding="utf-8")
    before = tree(project)
    change = applying.plan(template("x", ("a.txt", "append", "x\n"), ("n/b.txt", "create", "x\n")), project)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fchmod", Full(room))
        with pytest.raises(InputError, match="No space left on device; nothing was changed"):
            applying.write(change, project, DAY)
    assert tree(project) == before
    applying.write(change, project, DAY)


def test_where_the_receipt_cannot_be_put_in_its_place_the_next_command_does(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = applying.plan(template("x", ("a.txt", "create", "x\n")), project)
    real = os.rename

    def refused(old: str, new: str, **others: int) -> None:
        if new == "x.json":
            raise PermissionError(13, "Permission denied")
        real(old, new, **others)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", refused)
        for attempt in (lambda: applying.write(change, project, DAY), lambda: journal.mend(project)):
            with pytest.raises(InputError, match=r"Permission denied; it stopped halfway"):
                attempt()
    assert journal.mend(project) == "finished an interrupted template-apply of x"
    assert applying.plan(template("x", ("a.txt", "create", "x\n")), project).applied
    applying.rollback(project, "x")
    assert tree(project) == {}


def test_where_writing_fails_everything_is_as_before(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "a.txt").write_text("mine\n", encoding="utf-8")
    before = tree(project)
    change = applying.plan(template("x", ("a.txt", "append", "x\n"), ("n/b.txt", "create", "x\n")), project)
    real, done = os.rename, []

    def full(old: str, new: str, **others: int) -> None:
        if new == "b.txt":
            raise OSError(28, "No space left on device")
        done.append(new)
        real(old, new, **others)

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(InputError, match="No space left on device; nothing was changed"):
        applying.write(change, project, DAY)
    assert "a.txt" in done
    assert tree(project) == before


def test_a_project_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        Root(tmp_path / "none")
