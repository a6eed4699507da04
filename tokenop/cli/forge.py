"""GitHub's API: one way to reach it, for the command line and for the bots in scripts/."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from github import Github

API = "https://api.github.com"
SECONDS = 30  # that a call may take


def client(token: str, address: str | None, *, much: bool = False) -> Github:
    """Return a client of GitHub's API.

    Args:
        token: what it shows.
        address: of the API; GitHub's own where it is empty.
        much: many calls come: it waits between them, as GitHub asks, and tries again after a failure. A person who
            sends one pull request is told at once instead.
    """
    import github

    base = address or API
    # A server on this machine needs no courtesy.
    near = urlsplit(base).hostname in ("127.0.0.1", "localhost", "::1")
    between, writes = (0.25, 1.0) if much and not near else (None, None)
    retry = github.GithubRetry() if much else None
    return github.Github(
        auth=github.Auth.Token(token), base_url=base, timeout=SECONDS, per_page=100, retry=retry,
        seconds_between_requests=between, seconds_between_writes=writes,
    )  # fmt: skip
