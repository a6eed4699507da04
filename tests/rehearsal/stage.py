"""GitHub on this machine: a bare repository of this checkout's content, pull requests, and what they start."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.github_api import serving
from tests.github_state import NAME, GitHub, Pull
from tests.github_state import Run as Listed
from tests.rehearsal import runner
from tests.rehearsal.runner import Event, Runner
from tests.scripts.repositories import TEMPLATE, Files, commit, git, specimen

# What a job needs of a checkout. Tests and documentation play no part.
CONTENT = (
    ".github", "collectors", "community", "scripts", "templates", "tokenop", "validations",
    "Makefile", "README.md", "pyproject.toml", "requirements.lock",
)  # fmt: skip
# Invented, as everything here: nobody is asked for anything.
REVIEWERS = """# Reviewers

## ada

- ada layers: application-layer
- ada categories: prompting
- ada capacity: 9

## alan

- alan layers: application-layer
- alan capacity: 9

## grace

- grace layers: application-layer, serving-layer
- grace capacity: 9

## kay

- kay layers: infrastructure-layer
- kay capacity: 9
"""
# Jobs of pr-check that call other workflows: all of CI, which runs these tests.
ELSEWHERE = {"code": "success", "security": "success"}


def sound(**replaced: str) -> str:
    """Return a sound template of today, shorter-prompts; each value of `replaced` is `old→new`."""
    today = datetime.now(tz=UTC).date()
    days = {
        "created": f'created: "2026-09-01"→created: "{today}"',
        "verified": f'verified_on: "2026-10-01"→verified_on: "{today}"',
        "stale": f'stale_after: "2027-04-01"→stale_after: "{today + timedelta(days=180)}"',
    }
    return specimen(**days, **replaced)


def named(name: str, **replaced: str) -> dict[str, str]:
    """Return a sound template of another id by its path."""
    return {TEMPLATE.replace("shorter-prompts", name): sound(id=f"id: shorter-prompts→id: {name}", **replaced)}


def origin(folder: Path) -> Path:
    """Make the bare repository whose main branch is this checkout's content."""
    work = folder / "content"
    work.mkdir(parents=True)
    for name in CONTENT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, work / name, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
        else:
            shutil.copy(ROOT / name, work / name)
    (work / "community" / "reviewers.md").write_text(REVIEWERS, encoding="utf-8")
    (work / ".gitignore").write_text(".venv/\n__pycache__/\n", encoding="utf-8")
    git(work, "init", "--quiet", "--initial-branch", "main")
    commit(work, {}, "main")
    git(folder, "clone", "--quiet", "--bare", "--local", str(work), str(folder / "origin.git"))
    return folder / "origin.git"


class Stage:
    """One repository on GitHub, somebody's clone of it, and a machine that runs its workflows."""

    def __init__(self, github: GitHub, folder: Path, machines: Path) -> None:
        self.github, self.folder = github, folder
        self.clone = folder / "clone"
        git(folder, "clone", "--quiet", "--shared", str(github.repository), str(self.clone))
        self.runner = Runner(github, machines)
        github.writers = {"ada", "alan"}

    @property
    def main(self) -> str:
        """Return the newest commit of the main branch."""
        return self.github.git("rev-parse", "refs/heads/main").decode().strip()

    def propose(self, files: Files, author: str = "linus", fork: bool = False) -> Pull:
        """Open a pull request that changes `files`, from a branch here or from a fork."""
        git(self.clone, "switch", "--quiet", "--detach", self.main)
        number = len(self.github.pulls) + 7
        home = f"{author}/tokenop" if fork else NAME
        pull = Pull(number, author, self.main, self.main, home, branch=f"topic-{number}")
        self.github.pulls[number] = pull
        return self.push(pull, files)

    def push(self, pull: Pull, files: Files, submodule: str = "") -> Pull:
        """Add a commit to a pull request."""
        git(self.clone, "switch", "--quiet", "--detach", pull.head)
        pull.head = commit(self.clone, files)
        if submodule:
            git(self.clone, "update-index", "--add", "--cacheinfo", f"160000,{pull.base},{submodule}")
            git(self.clone, "commit", "--quiet", "--message", "change")
            pull.head = git(self.clone, "rev-parse", "HEAD")
        tree = git(self.clone, "merge-tree", "--write-tree", pull.base, pull.head).split()[0]
        merge = git(self.clone, "commit-tree", tree, "-p", pull.base, "-p", pull.head, "-m", "merge")
        refs = [f"{pull.head}:refs/pull/{pull.number}/head", f"{merge}:refs/pull/{pull.number}/merge"]
        if pull.head_repository == NAME:
            refs.append(f"{pull.head}:refs/heads/{pull.branch}")
        git(self.clone, "push", "--quiet", "--force", "origin", *refs)
        return pull

    def merge(self, pull: Pull) -> None:
        """Merge a pull request."""
        self.github.git("update-ref", "refs/heads/main", f"refs/pull/{pull.number}/merge")
        pull.state = "closed"

    def check(self, pull: Pull, results: Mapping[str, str] | None = None) -> runner.Run:
        """Run pr-check as a push to a pull request starts it; GitHub then lists the run."""
        merge = self.github.git("rev-parse", f"refs/pull/{pull.number}/merge").decode().strip()
        fork = pull.head_repository != NAME
        event = Event("pull_request", self._of_pull(pull, merge), merge, f"refs/pull/{pull.number}/merge",
                      pull.author, fork)  # fmt: skip
        run = self.runner.run("pr-check", event, {**ELSEWHERE, **(results or {})})
        self.listed(pull, run)
        return run

    def queue(self, pull: Pull, results: Mapping[str, str] | None = None) -> runner.Run:
        """Run pr-check as the merge queue starts it."""
        merge = self.github.git("rev-parse", f"refs/pull/{pull.number}/merge").decode().strip()
        ref = f"refs/heads/gh-readonly-queue/main/pr-{pull.number}-{pull.base}"
        group = {"head_sha": merge, "head_ref": ref, "base_sha": pull.base, "base_ref": "refs/heads/main"}
        payload = {"action": "checks_requested", "merge_group": group, "repository": _REPOSITORY}
        return self.runner.run("pr-check", Event("merge_group", payload, merge, ref), {**ELSEWHERE, **(results or {})})

    def listed(self, pull: Pull, run: runner.Run, **more: Any) -> Listed:
        """Let GitHub list a run of pr-check with its artifacts."""
        kept = list(run.artifacts.items())
        found = Listed(
            run.number, pull.head, pull.head_repository, **{"conclusion": run.conclusion, "artifacts": kept, **more}
        )
        self.github.runs.append(found)
        return found

    def report(self, number: int) -> runner.Run:
        """Run pr-report as the end of a run of pr-check starts it."""
        listed = next(run for run in self.github.runs if run.number == number)
        return self.runner.run("pr-report", self._trusted("workflow_run", {"workflow_run": self._of_run(listed)}))

    def sweep(self) -> runner.Run:
        """Run pr-report as the clock starts it."""
        # What starts by the clock may not be told of the repository.
        return self.runner.run("pr-report", Event("schedule", {"schedule": "17 * * * *"}, self.main))

    def start(self, workflow: str, name: str, payload: Mapping[str, Any], **more: Any) -> runner.Run:
        """Run another workflow on the main branch."""
        return self.runner.run(workflow, self._trusted(name, payload, **more))

    def said(self, pull: Pull) -> str:
        """Return the bot's one comment on a pull request."""
        (text,) = self.github.of(pull.number)
        return text

    def _trusted(self, name: str, payload: Mapping[str, Any], **more: Any) -> Event:
        return Event(name, {**payload, "repository": _REPOSITORY, "sender": _account("linus")}, self.main, **more)

    def _of_pull(self, pull: Pull, merge: str) -> dict[str, Any]:
        owner = pull.head_repository.split("/")[0]
        home = {"full_name": pull.head_repository, "fork": pull.head_repository != NAME, "owner": _account(owner)}
        request = {
            "number": pull.number, "state": pull.state, "draft": pull.draft, "title": pull.title, "body": pull.body,
            "user": _account(pull.author), "merge_commit_sha": merge, "author_association": "NONE",
            "html_url": f"https://github.com/{NAME}/pull/{pull.number}",
            "head": {"label": f"{owner}:{pull.branch}", "ref": pull.branch, "sha": pull.head, "repo": home},
            "base": {"label": f"{NAME}:main", "ref": "main", "sha": pull.base, "repo": _REPOSITORY},
        }  # fmt: skip
        common = {"number": pull.number, "repository": _REPOSITORY, "sender": _account(pull.author)}
        return {"action": "opened", "pull_request": request, **common}

    def _of_run(self, run: Listed) -> dict[str, Any]:
        # Of a fork's run GitHub names no pull request.
        own = [{"number": pull.number} for pull in self.github.pulls.values() if pull.head == run.head]
        return {
            "id": run.number, "name": "pr-check", "event": run.event, "status": run.status, "path": run.path,
            "conclusion": run.conclusion, "head_sha": run.head, "head_branch": "topic", "run_attempt": run.attempt,
            "head_repository": {"full_name": run.head_repository}, "repository": {"full_name": NAME},
            "pull_requests": own if run.head_repository == NAME else [],
        }  # fmt: skip


_REPOSITORY = {
    "full_name": NAME, "name": NAME.split("/")[1], "owner": {"login": NAME.split("/")[0]}, "default_branch": "main",
    "html_url": f"https://github.com/{NAME}", "private": False,
}  # fmt: skip


def _account(login: str) -> dict[str, Any]:
    return {"login": login, "type": "User"}


@contextmanager
def staged(origin: Path, folder: Path) -> Iterator[Stage]:
    """Serve a copy of `origin` until the block ends. Machines stay: they stand beside `origin`."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "clone", "--quiet", "--bare", "--shared", origin, folder / "tokenop.git"], check=True)
    with serving(GitHub(folder / "tokenop.git")) as github:
        yield Stage(github, folder, origin.parent / "machines")


def report_of(run: runner.Run) -> dict[str, Any]:
    """Return the report that a run of pr-check left."""
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(run.artifacts["pull-request-report"])) as archive:
        found: dict[str, Any] = json.loads(archive.read("report.json"))
    return found
