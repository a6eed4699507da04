"""`tokenop template-rollback`: one command back, unless something was changed since."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.applying.making import DAY, template
from tokenop import applying
from tokenop.applying import journal
from tokenop.applying.root import Root


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("mine\n", encoding="utf-8")
    one = template("short", ("a.txt", "append", "theirs\n"), ("b/c.txt", "create", "c\n"))
    applying.write(applying.plan(one, tmp_path), tmp_path, DAY)
    return tmp_path


def test_it_restores_what_was_there(run_cli: Callable[..., Any], project: Path) -> None:
    dry = run_cli("template-rollback", "short", "--dry-run", cwd=project)
    assert dry.exit_code == 0
    assert "-theirs\n" in dry.stdout
    assert (project / "b").exists()
    ran = run_cli("template-rollback", "short", cwd=project)
    assert ran.exit_code == 0, ran.stderr
    assert "short is taken back: 2 files restored" in ran.stdout
    assert sorted(path.name for path in project.iterdir()) == ["a.txt"]
    assert (project / "a.txt").read_text(encoding="utf-8") == "mine\n"
    again = run_cli("template-rollback", "short", cwd=project)
    assert again.exit_code == 1
    assert "short is not applied here; applied: none" in again.stderr


def test_what_was_changed_since_is_shown_and_can_be_kept(run_cli: Callable[..., Any], project: Path) -> None:
    (project / "a.txt").write_text("new\nmine\ntheirs\n", encoding="utf-8")
    ran = run_cli("template-rollback", "short", cwd=project)
    assert ran.exit_code == 1
    assert "+new\n" in ran.stdout
    assert "--keep-edits" in ran.stderr
    dry = run_cli("template-rollback", "short", "--keep-edits", "--dry-run", "--project", project)
    assert dry.stdout.endswith(f"Next: tokenop template-rollback short --keep-edits --project {project}\n")
    told = json.loads(run_cli("template-rollback", "short", "--json", cwd=project).stdout)
    assert told["written"] is False
    assert told["edited"].endswith("+new\n mine\n theirs\n")
    assert run_cli("template-rollback", "short", "--keep-edits", cwd=project).exit_code == 0
    assert (project / "a.txt").read_text(encoding="utf-8") == "new\nmine\n"


def test_what_a_killed_command_left_is_put_right_first(
    run_cli: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = template("two", ("a.txt", "append", "two\n"), ("d.txt", "create", "d\n"))
    change = applying.plan(two, project)
    with monkeypatch.context() as patching:
        # As a kill does it: nothing is cleared up.
        patching.setattr(journal, "_undo", lambda *_: None)
        patching.setattr(Root, "rename", killed_at("d.txt", Root.rename))
        with pytest.raises(KeyboardInterrupt):
            applying.write(change, project, DAY)
    assert (project / "a.txt").read_text(encoding="utf-8") == "mine\ntheirs\ntwo\n"
    dry = run_cli("template-rollback", "short", "--dry-run", cwd=project)
    assert "an interrupted command left something behind" in dry.stderr
    ran = run_cli("template-rollback", "short", cwd=project)
    assert ran.exit_code == 0, ran.stderr
    assert "an interrupted command had changed some files of two; put them back" in ran.stderr
    assert sorted(path.name for path in project.iterdir()) == ["a.txt"]


def killed_at(name: str, real: Callable[..., None]) -> Callable[..., None]:
    def rename(self: Root, target: str, temporary: str) -> None:
        if target == name:
            raise KeyboardInterrupt
        real(self, target, temporary)

    return rename
