"""GitHub as the environment names it. What the bots share; not a program of its own.

GITHUB_TOKEN        what the workflow gives; without it a script prints what it would do
GITHUB_REPOSITORY   owner/name
GITHUB_API_URL      the address of the API (default: https://api.github.com)
TOKENOP_BOT         the account that the token belongs to (default: asked for; a workflow's own token cannot ask and is
                    github-actions[bot])
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenop.cli import forge
from tokenop.errors import InputError, MisuseError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from github.File import File
    from github.PullRequest import PullRequest
    from github.Repository import Repository

WORKFLOW = "github-actions[bot]"
_REF = re.compile(r"\?ref=([0-9a-f]{40})\Z")


@dataclass(frozen=True, slots=True)
class Connection:
    """The repository, and the account in whose name we write: only what it wrote is ever edited."""

    repository: Repository
    me: str


def connect(environment: Mapping[str, str] = os.environ) -> Connection | None:
    """Return a connection; None without a token.

    Raises:
        MisuseError: there is a token, but no repository.
    """
    token, name = environment.get("GITHUB_TOKEN"), environment.get("GITHUB_REPOSITORY", "")
    if not token:
        return None
    if name.count("/") != 1:
        raise MisuseError("GITHUB_REPOSITORY must be owner/name, such as octo/templates")
    import github

    client = forge.client(token, environment.get("GITHUB_API_URL"), much=True)
    me = environment.get("TOKENOP_BOT")
    if not me:
        try:
            me = client.get_user().login
        except github.GithubException as error:
            if error.status not in (401, 403, 404):
                raise
            me = WORKFLOW
    return Connection(client.get_repo(name), me)


@contextlib.contextmanager
def reached() -> Iterator[None]:
    """Take GitHub's refusals and a network that is down for what they are: no fault of ours, and no traceback.

    Raises:
        InputError: GitHub refuses, or cannot be reached.
    """
    import github
    import requests

    try:
        yield
    except github.GithubException as error:
        told = error.data.get("message") if isinstance(error.data, dict) else None
        raise InputError(f"GitHub refuses with {error.status}: {told or 'no reason given'}") from error
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        raise InputError(f"GitHub cannot be reached: {type(error).__name__}") from error


def moved(repository: Repository, pull: PullRequest, files: Iterable[File]) -> bool:
    """Return whether files that were listed may be those of another commit than the head that `pull` had.

    GitHub lists the files of the newest commit, whichever one is asked about: somebody who pushes at the right moment
    would have one commit judged by the files of another.
    """
    now = repository.get_pull(pull.number)
    named = [_REF.search(file.contents_url or "") for file in files if file.status != "removed"]
    same = all(found[1] == pull.head.sha for found in named if found)
    return not same or now.head.sha != pull.head.sha or now.base.ref != pull.base.ref or now.state != "open"
