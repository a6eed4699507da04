"""Issues and events beside what `github_api` serves: for the bots that keep one issue and read who was asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import github_api
from tests.github_api import BOT, NAME, Answer, Api, GitHub, Json, user


class Tracker(GitHub):
    """A repository with issues; `requests` holds who was asked to review which pull request, and when."""

    def __init__(self, repository: Path) -> None:
        super().__init__(repository)
        self.issues: list[Json] = []
        self.requests: dict[int, list[tuple[str, str]]] = {}

    def issue(self, author: str, body: str, **more: Any) -> Json:
        """Open an issue in somebody's name."""
        number = self.number()
        made = {"number": number, "id": number, "state": "open", "title": "", "user": user(author), "body": body}
        made |= {"url": f"{self.url}/repos/{NAME}/issues/{number}", **more}
        self.issues.append(made)
        return made


class Tracking(Api):
    """The routes of issues and events as well."""

    github: Tracker

    def __init__(self, github: GitHub) -> None:
        super().__init__(github)
        self.routes += [
            ("GET", "/issues", lambda: Answer(200, self.page(self.github.issues))),
            (
                "POST",
                "/issues",
                lambda: Answer(201, self.github.issue(BOT, self.data["body"], title=self.data["title"])),
            ),
            ("PATCH", r"/issues/(\d+)", self.rewrite),
            ("GET", r"/issues/(\d+)/events", self.events),
        ]

    def rewrite(self, number: str) -> Answer:
        """Edit an issue."""
        found = next(issue for issue in self.github.issues if issue["number"] == int(number))
        found.update(self.data)
        return Answer(200, found)

    def events(self, number: str) -> Answer:
        """List who was asked to review."""
        asked = self.github.requests.get(int(number), [])
        events = [
            {
                "id": place,
                "event": "review_requested",
                "requested_reviewer": user(name),
                "created_at": f"{day}T09:00:00Z",
            }
            for place, (name, day) in enumerate(asked)
        ]
        return Answer(200, events)


@contextmanager
def tracking(repository: Path) -> Iterator[Tracker]:
    """Serve a repository with issues until the block ends."""
    github = Tracker(repository)
    plain, github_api.Api = github_api.Api, Tracking
    try:
        with github_api.serving(github):
            yield github
    finally:
        github_api.Api = plain
