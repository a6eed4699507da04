"""Small real repositories: a main branch, and a branch that changes it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.conftest import ROOT

TEMPLATE = "templates/application-layer/shorter-prompts.md"
ENVIRONMENT = {
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_AUTHOR_DATE": "2026-11-01T12:00:00Z",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
    "GIT_COMMITTER_DATE": "2026-11-01T12:00:00Z",
    "GIT_CONFIG_NOSYSTEM": "1",
}

# None: a file that is taken away; a path: a link to it.
Files = Mapping[str, str | bytes | Path | None]


def specimen(**replaced: str) -> str:
    """Return a sound template, shorter-prompts; each value of `replaced` is `old→new`."""
    text = (ROOT / "tokenop" / "catalogue" / "rules" / "specimens" / "template.md").read_text(encoding="utf-8")
    # The small repositories hold no other template that it could point to.
    text = "".join(line for line in text.splitlines(keepends=True) if "model-routing.md" not in line)
    for change in replaced.values():
        old, new = change.split("→", 1)
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def git(folder: Path, *arguments: str) -> str:
    """Run git in `folder` as a test's own person."""
    ran = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, env={**os.environ, **ENVIRONMENT}
    )
    return ran.stdout.decode("utf-8", "replace").strip()


def commit(folder: Path, files: Files, message: str = "change") -> str:
    """Write `files` into a checkout and commit them; return the commit."""
    for name, content in files.items():
        path = folder / name
        if content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            path.symlink_to(content)
            continue
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")


def repository(folder: Path, before: Files, after: Files) -> tuple[str, str]:
    """Make a repository with a main branch and a branch `topic` in `folder`; return the commits of both."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    base = commit(folder, before, "main")
    git(folder, "switch", "--quiet", "--create", "topic")
    return base, commit(folder, after, "topic")
