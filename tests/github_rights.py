"""Which right of a workflow's token a call of GitHub's API needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

# Any one of the scopes is enough. What is not listed needs none.
_SCOPES = (
    (r"/pulls/\d+/requested_reviewers", ("pull-requests",)),
    (r"/pulls.*", ("pull-requests",)),
    (r"/issues/(?:\d+|comments/\d+).*", ("issues", "pull-requests")),
    (r"/issues.*", ("issues",)),
    (r"/contents/.*|/git/.*", ("contents",)),
    (r"/actions/.*", ("actions",)),
)


def permitted(rights: Mapping[str, str] | None, method: str, path: str, repository: str) -> bool:
    """Return whether a token with `rights` (scope → read or write) may call; None: one of which nothing is asked."""
    rest = urlsplit(path).path.removeprefix(f"/repos/{repository}")
    scopes = next((scopes for pattern, scopes in _SCOPES if re.fullmatch(pattern, rest)), ())
    enough = {"write"} if method != "GET" else {"read", "write"}
    return rights is None or not scopes or any(rights.get(scope) in enough for scope in scopes)
