"""What the server of GitHub's API knows: pull requests, runs, comments. Tests arrange it."""

from __future__ import annotations

import io
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

BOT = "github-actions[bot]"
NAME = "octo/tokenop"
TOKEN = "of-the-workflow"

Json = dict[str, Any]


class Answer(NamedTuple):
    """Status, body (JSON unless bytes), and where to go instead."""

    status: int
    body: Any = None
    location: str = ""


NOT_FOUND = Answer(404, {"message": "Not Found"})
FORBIDDEN = Answer(403, {"message": "Resource not accessible by integration"})


@dataclass
class Pull:
    """An open pull request. `head` is a commit that the bare repository holds."""

    number: int
    author: str
    base: str
    head: str
    head_repository: str = NAME
    branch: str = "topic"
    state: str = "open"
    draft: bool = False
    title: str = "A template"
    body: str = ""
    requested: list[str] = field(default_factory=list)
    reviews: list[Json] = field(default_factory=list)
    comments: list[Json] = field(default_factory=list)


@dataclass
class Run:
    """A run of a workflow, and the artifacts that it left: name → bytes of the zip."""

    number: int
    head: str
    head_repository: str = NAME
    status: str = "completed"
    conclusion: str = "success"
    event: str = "pull_request"
    path: str = ".github/workflows/pr-check.yml"
    attempt: int = 1
    artifacts: list[tuple[str, bytes]] = field(default_factory=list)


class GitHub:
    """What the server knows. Tests arrange it, scripts change it through HTTP."""

    def __init__(self, repository: Path) -> None:
        self.repository = repository
        self.url = ""
        self.pulls: dict[int, Pull] = {}
        self.runs: list[Run] = []
        self.writers: set[str] = set()
        self.associations: dict[str, str] = {}
        self.writes: list[tuple[str, str, Any]] = []
        self.seen_tokens: list[tuple[str, str]] = []
        # Path of a call → what is answered in the place of the truth.
        self.faults: dict[str, Answer] = {}
        # By token: scope → read or write. Of a token that is not listed nothing is asked.
        self.rights: dict[str, dict[str, str]] = {}
        self._next = 1000

    def number(self) -> int:
        """Return a number that nothing else has."""
        self._next += 1
        return self._next

    def git(self, *arguments: str) -> bytes:
        """Run git in the bare repository."""
        return subprocess.run(["git", *arguments], cwd=self.repository, check=True, capture_output=True).stdout

    def say(self, pull: int, author: str, text: str, association: str = "NONE") -> Json:
        """Add a comment in somebody's name."""
        comment = {
            "id": self.number(),
            "user": user(author),
            "body": text,
            "author_association": association,
            "url": "",
        }
        comment["url"] = f"{self.url}/repos/{NAME}/issues/comments/{comment['id']}"
        self.pulls[pull].comments.append(comment)
        return comment

    def of(self, pull: int, author: str = BOT) -> list[str]:
        """Return the texts that somebody wrote on a pull request."""
        return [c["body"] for c in self.pulls[pull].comments if c["user"]["login"] == author]


def user(login: str) -> Json:
    """Return an account as the API shows it."""
    return {"login": login, "id": sum(map(ord, login)), "type": "Bot" if login.endswith("[bot]") else "User"}


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip as an artifact is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
