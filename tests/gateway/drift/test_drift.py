"""`tokenop drift`: what runs, what is applied and what is approved, compared in real repositories."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.applied.project import limit
from tokenop.errors import InputError, MisuseError
from tokenop.gateway.applied.presence import Presence
from tokenop.gateway.drift import Drift, Row, compare
from tokenop.gateway.drift.approved import Approved

ROUTER = "tokenop/router.yaml"
NAMED = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false")


def git(folder: Path, *words: str) -> str:
    ran = subprocess.run(["git", "-C", str(folder), *NAMED, *words], check=True, capture_output=True, text=True)
    return ran.stdout.strip()


def written(root: Path, text: str, name: str = ROUTER) -> str:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()


def committed(root: Path, text: str | None = None, name: str = ROUTER) -> None:
    if text is not None:
        written(root, text, name)
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "x")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project whose branch main has the limit 50."""
    monkeypatch.setenv("TOKENOP_HOME", str(tmp_path / "home"))
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q")
    committed(root, limit(50))
    return root


@pytest.fixture
def runs(project: Path) -> Iterator[Callable[..., None]]:
    """Return what has a gateway say that it runs on the files given by their roles."""
    state = project.parent / "home" / "gateway"
    known: list[Presence] = []

    def say(files: dict[str, tuple[Path, str]], refused: str | None = None, root: Path = project) -> None:
        known.append(Presence(state))
        listed = [{"role": role, "path": str(path), "sha256": sha} for role, (path, sha) in files.items()]
        known[-1].tell(
            {"pid": 7, "root": str(root), "files": listed, "address": "127.0.0.1:1", "digest": "0" * 64,
             "content": {"kind": "checkout", "version": None}, "refused": refused and {"reasons": [refused]}}
        )  # fmt: skip

    yield say
    for one in known:
        one.leave()


def drift(root: Path, branch: str | None = None) -> Drift:
    return compare(root, root.parent / "home" / "gateway", branch)


def only(root: Path, branch: str | None = None) -> Row:
    (row,) = drift(root, branch).rows
    return row


def test_what_is_applied_as_approved_is_no_drift(project: Path, run_cli: Callable[..., Any]) -> None:
    ran = run_cli("drift", "--root", project)
    assert ran.exit_code == 0
    assert ran.stdout.endswith("1 file: what is approved is what is applied.\n")
    assert "no gateway runs here" in ran.stderr


def test_an_edit_that_was_not_committed_is_shown_with_its_diff(project: Path, run_cli: Callable[..., Any]) -> None:
    written(project, limit(51))
    ran = run_cli("drift", "--root", project, "--diff")
    assert ran.exit_code == 1
    assert (
        "-  everybody: {per: all, period: day, usd: 50}\n+  everybody: {per: all, period: day, usd: 51}" in ran.stdout
    )
    assert f"git add -A -- {ROUTER} && git commit -- {ROUTER}, or git restore --source=main -- {ROUTER}" in ran.stdout
    assert only(project).kinds == ("uncommitted",)


def test_new_and_removed_files_are_drift(project: Path) -> None:
    written(project, "timezone: UTC\n", "tokenop/gateway.yaml")
    (project / ROUTER).unlink()
    removed, new = drift(project).rows
    assert (removed.path, removed.applied, removed.kinds) == (ROUTER, None, ("uncommitted",))
    assert (new.path, new.approved, new.kinds) == ("tokenop/gateway.yaml", None, ("uncommitted",))
    assert "+++ /dev/null" in removed.diffs()[0]
    assert "--- /dev/null" in new.diffs()[0]


def test_a_commit_of_a_branch_waits_for_its_merge(project: Path) -> None:
    git(project, "checkout", "-q", "-b", "topic")
    committed(project, limit(51))
    assert only(project).kinds == ("unmerged",)
    written(project, limit(52))
    assert only(project).kinds == ("uncommitted", "unmerged")
    assert only(project, "topic").kinds == ("uncommitted",)


def test_what_is_approved_may_have_moved_on(project: Path) -> None:
    git(project, "branch", "topic")
    committed(project, limit(51))
    git(project, "checkout", "-q", "topic")
    row = only(project)
    assert (row.kinds, row.next) == (("behind",), ("git pull",))
    committed(project, limit(52))
    assert only(project).kinds == ("diverged",)


def test_the_upstreams_default_branch_is_what_is_approved(project: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(project), "clone")
    clone = tmp_path / "clone"
    committed(clone, limit(51))  # on the local main alone
    found = drift(clone)
    assert found.branch == ("origin/HEAD", git(project, "rev-parse", "HEAD"))
    assert found.rows[0].kinds == ("unmerged",)


def test_a_project_may_be_a_folder_of_a_repository(project: Path) -> None:
    part = project / "part"
    committed(project, limit(7), f"part/{ROUTER}")
    assert only(part).kinds == ()
    written(part, limit(8))
    assert only(part).kinds == ("uncommitted",)


def test_line_ends_alone_are_no_drift(project: Path) -> None:
    (project / ROUTER).write_bytes(limit(50).replace("\n", "\r\n").encode())
    assert only(project).kinds == ()


def test_a_gateway_that_serves_what_is_applied_is_no_drift(project: Path, runs: Callable[..., None]) -> None:
    runs({ROUTER: (project / ROUTER, written(project, limit(50)))})
    found = drift(project)
    assert [(row.running == (row.applied,), row.kinds) for row in found.rows] == [(True, ())]
    assert not found.differs


def test_a_gateway_that_serves_something_else_is_to_be_restarted(project: Path, runs: Callable[..., None]) -> None:
    runs({ROUTER: (project / ROUTER, written(project, limit(50)))})
    committed(project, limit(51))
    row = only(project)
    assert (row.kinds, row.next) == (("stale",), ("restart the gateway: tokenop serve",))
    assert "is kept nowhere" in row.diffs()[0]


def test_a_file_that_came_or_went_since_is_seen(project: Path, runs: Callable[..., None]) -> None:
    runs({ROUTER: (project / ROUTER, written(project, limit(50)))})
    committed(project, "timezone: UTC\n", "tokenop/gateway.yaml")
    (project / ROUTER).unlink()
    committed(project)
    assert [(row.path, row.running[0] is None, row.kinds) for row in drift(project).rows] == [
        (ROUTER, False, ("stale",)), ("tokenop/gateway.yaml", True, ("stale",)),
    ]  # fmt: skip


def test_a_refused_change_is_told_with_its_reason(
    project: Path, runs: Callable[..., None], run_cli: Callable[..., Any]
) -> None:
    runs({ROUTER: (project / ROUTER, written(project, limit(50)))}, "router.yaml:1: bad \x1b[2J")
    written(project, "bad")
    ran = run_cli("drift", "--root", project)
    assert ran.exit_code == 1
    assert "  refused: router.yaml:1: bad <U+001B>[2J\n" in ran.stdout
    assert "the gateway refused the change, and serves what was there before. Next: tokenop serve --check" in ran.stdout
    assert only(project).kinds == ("refused", "uncommitted")


def test_gateways_of_other_projects_are_counted_alone(project: Path, runs: Callable[..., None]) -> None:
    runs({ROUTER: (project / ROUTER, "0" * 64)}, root=project.parent)
    found = drift(project)
    assert (found.gateways, found.elsewhere, found.differs) == ((), 1, False)


def test_a_config_outside_the_project_is_compared_with_what_runs(project: Path, runs: Callable[..., None]) -> None:
    config = project.parent / "own.yaml"
    runs({"config": (config, written(project.parent, "a", "own.yaml")),
          ROUTER: (project / ROUTER, written(project, limit(50)))})  # fmt: skip
    assert [row.kinds for row in drift(project).rows] == [(), ()]
    written(project.parent, "b", "own.yaml")
    row = drift(project).rows[1]
    assert (row.path, row.tracked, row.kinds) == (str(config), False, ("stale",))


def test_a_template_is_named_and_whether_its_file_was_edited_since(
    project: Path, run_cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    name, target = _applied(project, run_cli)
    rows = {row.path: row for row in drift(project).rows}
    assert (rows[target].template, rows[target].edited, rows[target].kinds) == (name, False, ("uncommitted",))
    assert f"tokenop template-rollback {name}" in rows[target].next[0]
    committed(project)
    assert not drift(project).differs
    with (project / target).open("a", encoding="utf-8") as file:
        file.write("\n# by hand\n")
    row = {row.path: row for row in drift(project).rows}[target]
    assert (row.edited, row.kinds) == (True, ("uncommitted",))


def _applied(project: Path, run_cli: Callable[..., Any]) -> tuple[str, str]:
    """Apply a shipped template, and return it with one of the files that it wrote."""
    ran = run_cli("template-apply", "prompt-caching", "--yes", "--json", "--project", project)
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    return "prompt-caching", json.loads(ran.stdout)["files"][0]["target"]


def test_programs_get_all_of_it(project: Path, run_cli: Callable[..., Any]) -> None:
    written(project, limit(51))
    said = json.loads(run_cli("drift", "--root", project, "--json", "--diff").stdout)
    assert (said["differs"], said["approved"]["name"], said["gateways"]) == (True, "main", [])
    (file,) = said["files"]
    assert (file["drift"], len(file["diffs"]), file["in_git"]) == (["uncommitted"], 1, True)


def test_without_git_what_is_approved_is_not_known(tmp_path: Path, run_cli: Callable[..., Any]) -> None:
    written(tmp_path, limit(50))
    ran = run_cli("drift", "--root", tmp_path)
    assert ran.exit_code == 0
    assert "what is approved is not known: git rev-parse: fatal: not a git repository" in ran.stderr
    assert ran.stdout.endswith("1 file: nothing to compare it with.\n")


def test_a_project_without_files_is_told_what_holds(tmp_path: Path, run_cli: Callable[..., Any]) -> None:
    ran = run_cli("drift", "--root", tmp_path)
    assert (ran.exit_code, "the shipped config holds" in ran.stdout) == (0, True)


@pytest.mark.parametrize("branch", ["none", "--upload-pack=x", "-h", "a b", ""])
def test_a_branch_that_is_not_there_is_misuse(project: Path, branch: str) -> None:
    with pytest.raises(MisuseError, match="is no revision"):
        drift(project, branch)


def test_a_repository_without_a_main_branch_asks_for_one(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "other")
    committed(tmp_path, limit(50))
    with pytest.raises(InputError, match="--branch"):
        Approved(tmp_path)
    assert Approved(tmp_path, "other").name == "other"


def test_nothing_that_a_repository_names_is_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker, program = project / "ran", project / "evil.sh"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n", encoding="utf-8")
    program.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "diff.external",
                 "diff.evil.textconv", "diff.evil.command", "filter.evil.smudge", "filter.evil.clean",
                 "remote.origin.uploadpack",
                 "credential.helper", "uploadpack.packObjectsHook"):  # fmt: skip
        git(project, "config", name, str(program))
    # A partial clone: what is missing would be fetched, by the program that stands above.
    git(project, "config", "remote.origin.url", str(project.parent))
    git(project, "config", "remote.origin.promisor", "true")
    git(project, "config", "extensions.partialClone", "origin")
    (project / ".gitattributes").write_text("* diff=evil filter=evil\n", encoding="utf-8")
    for hook in ("post-checkout", "post-index-change", "reference-transaction"):
        (project / ".git" / "hooks" / hook).write_bytes(program.read_bytes())
        (project / ".git" / "hooks" / hook).chmod(0o755)
    marker.unlink(missing_ok=True)
    written(project, limit(51))
    assert drift(project).rows[0].diffs()
    with pytest.raises(MisuseError):
        drift(project, "0" * 40)
    blob = git(project, "rev-parse", f"HEAD:{ROUTER}")
    (project / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    assert drift(project).rows[0].approved is None
    assert not marker.exists()


@pytest.mark.parametrize("name", ["main", "origin/HEAD", "origin/main"])
def test_a_tag_that_is_called_as_the_main_branch_approves_nothing(project: Path, name: str) -> None:
    approved = git(project, "rev-parse", "main")
    git(project, "checkout", "-q", "-b", "mine")
    committed(project, limit(5000))
    git(project, "tag", name)
    found = drift(project)
    assert found.branch == ("main", approved)
    assert found.rows[0].kinds == ("unmerged",)


@pytest.mark.parametrize(
    "said",
    [{"files": 5}, {"files": [5, {"role": "config"}]}, {"content": 7}, {"refused": {"reasons": 3}}, {"root": "\0"}],
)
def test_a_gateway_of_another_version_may_say_other_things(project: Path, said: dict[str, Any]) -> None:
    other = Presence(project.parent / "home" / "gateway")
    other.tell({"root": str(project), **said})
    assert len(drift(project).rows) >= 1
    other.leave()


def test_the_repository_of_a_hook_that_runs_is_not_taken_for_the_projects(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q", "-b", "elsewhere")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert drift(project).branch is not None
    assert os.environ["GIT_DIR"]
