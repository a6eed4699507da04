"""The trusted stage on this machine: a repository with one pull request, and the script run against it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.github_api import GitHub, Run
from tests.github_state import zipped
from tests.scripts.repositories import git
from tokenop.community import report
from tokenop.community.pull_request import from_git
from tokenop.community.pull_request_checks import examine

TODAY = date(2026, 11, 22)
REVIEWERS = """# Reviewers

## ada

- ada layers: application-layer
- ada categories: prompting
- ada capacity: 2

## grace

- grace layers: application-layer
"""


class Stage:
    """A repository with one pull request, and the script run against it."""

    def __init__(self, github: GitHub, script: ModuleType, folder: Path) -> None:
        self.github, self.script, self.folder = github, script, folder
        self.pull = next(iter(github.pulls.values()))

    def report(self, **changed: Any) -> bytes:
        """Return the report of an honest run, with fields changed."""
        listing = self.github.git("diff", "--no-renames", "--name-status", "-z", f"{self.pull.base}...{self.pull.head}")
        git(self.folder, "switch", "--quiet", "--detach", self.pull.head)
        found = examine(self.folder, from_git(listing), TODAY)
        text = report.written(report.of(self.pull.head, TODAY, found.checked, found.findings, {}))
        return json.dumps(json.loads(text) | changed).encode()

    def ran(self, content: bytes | None = None, conclusion: str = "success") -> Run:
        """Add a run of the checks that left `content`."""
        artifacts = [] if content is None else [(report.ARTIFACT, zipped({"report.json": content}))]
        run = Run(
            self.github.number(), self.pull.head, self.pull.head_repository, conclusion=conclusion, artifacts=artifacts
        )
        self.github.runs.append(run)
        return run

    def tell(self, run: Run, tmp_path: Path) -> int:
        """Run the script as workflow_run would."""
        event = tmp_path / "event.json"
        head = {"full_name": run.head_repository}
        inner = {"id": run.number, "head_sha": run.head, "event": run.event, "head_repository": head}
        event.write_text(json.dumps({"workflow_run": inner}), encoding="utf-8")
        return self._run("--event", str(event), "--today", str(TODAY))

    def sweep(self, today: date = TODAY) -> int:
        """Run the script as the clock would."""
        return self._run("--sweep", "--today", str(today))

    def _run(self, *arguments: str) -> int:
        """Run the script on a checkout of the main branch."""
        main = self.folder.parent / "main"
        if not main.exists():
            git(self.folder, "worktree", "add", "--quiet", "--detach", str(main), self.pull.base)
        return int(self.script.main([*arguments, "--root", str(main)]))

    @property
    def said(self) -> list[str]:
        """Return what the bot wrote on the pull request."""
        return self.github.of(self.pull.number)


def verdict(stage: Stage) -> str:
    """Return the first line of the one comment that the bot wrote."""
    (said,) = stage.said
    return said.splitlines()[1]
