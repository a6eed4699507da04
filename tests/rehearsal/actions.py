"""The actions that our workflows use, played on this machine: no code of theirs is at hand."""

from __future__ import annotations

import io
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tests.github_state import TOKEN, zipped

if TYPE_CHECKING:
    from tests.rehearsal.runner import _Running

Inputs = Mapping[str, str]


def checkout(job: _Running, given: Inputs) -> dict[str, str]:
    """Check out the event's commit, or a branch; with as much history as is asked for."""
    assert given.get("persist-credentials") == "false", "a token would lie in the checkout"
    origin = job.runner.github.repository
    sha = job.event.sha
    if ref := given.get("ref"):
        sha = job.runner.github.git("rev-parse", "--verify", f"refs/heads/{ref}").decode().strip()
    folder = job.workspace

    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)

    if not (folder / ".git").exists():
        git("init", "--quiet", "--initial-branch", "main")
    git("config", "remote.origin.url", str(origin))
    # Objects are looked up there and not copied; what is left of an earlier repository is still found in that one.
    with (folder / ".git" / "objects" / "info" / "alternates").open("a+", encoding="utf-8") as file:
        file.seek(0)
        if f"{origin}/objects\n" not in file.read():
            file.write(f"{origin}/objects\n")
    shallow = folder / ".git" / "shallow"
    shallow.unlink(missing_ok=True)
    if given.get("fetch-depth") == "0":
        git("fetch", "--quiet", "--prune", "origin", "+refs/heads/*:refs/remotes/origin/*")
    else:
        shallow.write_text(f"{sha}\n", encoding="utf-8")
    git("checkout", "--quiet", "--force", "--detach", sha)
    git("clean", "--quiet", "-ffdx", "--exclude", "/.venv")
    return {}


def upload(job: _Running, given: Inputs) -> dict[str, str]:
    """Keep a file, or all below a folder, as an artifact."""
    path = job.workspace / given["path"]
    below = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    files = {(file.relative_to(path).as_posix() if path.is_dir() else file.name): file for file in below}
    found = {name: file.read_bytes() for name, file in files.items() if file.is_file()}
    if found:
        job.run.artifacts[given["name"]] = zipped(found)
    assert found or given.get("if-no-files-found") != "error", f"nothing to upload at {given['path']}"
    return {}


def download(job: _Running, given: Inputs) -> dict[str, str]:
    """Unpack an artifact of an earlier job of the same run."""
    with zipfile.ZipFile(io.BytesIO(job.run.artifacts[given["name"]])) as archive:
        archive.extractall(job.workspace / given.get("path", ""))
    return {}


def app_token(job: _Running, given: Inputs) -> dict[str, str]:
    """Give a token of an app, with the rights that are asked for by name."""
    assert given["private-key"], "the app has no key here"
    asked = {name.removeprefix("permission-"): level for name, level in given.items() if "permission-" in name}
    assert asked, "a token with all rights of the app"
    token = f"{TOKEN}-of-the-app-{job.run.number}"
    job.runner.github.rights[token] = asked
    return {"token": token, "app-slug": "tokenop", "installation-id": "1"}


ACTIONS: dict[str, Callable[[_Running, Inputs], dict[str, str]]] = {
    "actions/checkout": checkout,
    "actions/upload-artifact": upload,
    "actions/download-artifact": download,
    "actions/create-github-app-token": app_token,
}


def canaries(folder: Path) -> list[Path]:
    """Return the files that only a stranger's command could have made."""
    return sorted(folder.rglob("pwned*"))
