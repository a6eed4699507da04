"""Bare git repositories of any content, good and bad, made in one process of git's own importer."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tokenop.catalogue import rules

SPECIMEN = (Path(rules.__file__).parent / "specimens" / "template.md").read_text(encoding="utf-8")
ENVIRONMENT = {
    "PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_AUTHOR_DATE": "1790000000 +0000",
    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_COMMITTER_DATE": "1790000000 +0000",
}  # fmt: skip


def template(name: str = "shorter-prompts", **changes: str) -> str:
    """Return a sound template; `changes` replace a line's value."""
    text = SPECIMEN.replace("id: shorter-prompts", f"id: {name}")
    for key, value in changes.items():
        (line,) = [line for line in text.splitlines() if line.startswith(f"{key}: ")]
        text = text.replace(line, f"{key}: {value}", 1)
    return text


def path(name: str = "shorter-prompts") -> str:
    return f"templates/application-layer/{name}.md"


def git(folder: Path, *arguments: str, given: bytes = b"") -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], input=given, capture_output=True, env=ENVIRONMENT)
    assert not done.returncode, done.stderr.decode()
    return done.stdout.decode().strip()


def commit(folder: Path, files: Mapping[str, str | bytes], odd: Mapping[str, tuple[str, str]] | None = None) -> str:
    """Commit exactly these files on `main` of the bare repository at `folder`, made where there is none.

    Args:
        folder: where it is.
        files: content by path.
        odd: (mode, content or commit) by path: `120000` is a link, `160000` a submodule, `100755` a program.
    """
    if not folder.exists():
        folder.mkdir(parents=True)
        git(folder, "init", "--quiet", "--bare", "--template=", "--initial-branch=main", ".")
    parts = [b"commit refs/heads/main\ncommitter a <a@example.com> 1790000000 +0000\ndata 1\nx\ndeleteall\n"]
    for name, content in files.items():
        parts.append(_file("100644", name, content))
    for name, (mode, content) in (odd or {}).items():
        link = f"M {mode} {content} {_quoted(name)}\n".encode()
        parts.append(link if mode == "160000" else _file(mode, name, content))
    git(folder, "fast-import", "--quiet", "--force", given=b"".join(parts))
    return git(folder, "rev-parse", "main")


def _file(mode: str, name: str, content: str | bytes) -> bytes:
    data = content.encode() if isinstance(content, str) else content
    return f"M {mode} inline {_quoted(name)}\ndata {len(data)}\n".encode() + data + b"\n"


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
