"""Propose what a bot wrote as a pull request: one branch of its own, one open pull request, brought up to date.

The commit holds the named paths alone and is made beside the checkout, whose branch and index stay as they are.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from connection import Connection, connect, reached

from tokenop.cli.git import Checkout, authorised
from tokenop.community.pull_request_output import logged
from tokenop.errors import InputError, MisuseError, TokenOpError

ROOT = Path(__file__).resolve().parents[1]
# A bot overwrites its own branches, and can name no other.
PREFIX = "bot/"
AUTHOR = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "tokenop bot"), ("EMAIL", "bot@tokenop.invalid"))
}

EXAMPLES = """examples:
  python scripts/update_statistics.py
  python scripts/propose_changes.py --branch bot/statistics --title "Update the statistics" community validations

GITHUB_TOKEN, GITHUB_REPOSITORY and GITHUB_API_URL say where; without a token it says what would be proposed.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and return the exit code."""
    options = _options(arguments)
    try:
        if not re.fullmatch(PREFIX + r"[a-z0-9-]+", options.branch):
            raise MisuseError(f"--branch is one of the bot's own, such as {PREFIX}statistics")
        with reached():
            return _propose(options, connect())
    except TokenOpError as error:
        _say(f"tokenop: {error}")
        return error.exit_code


def _propose(options: argparse.Namespace, connection: Connection | None) -> int:
    server = os.environ.get("GITHUB_SERVER_URL") or "https://github.com"
    token = os.environ.get("GITHUB_TOKEN") or ""
    checkout = Checkout(options.root, {**AUTHOR, **(authorised(token, server) if token else {})})
    commit = _commit(checkout, options.title, options.paths)
    if commit is None:
        _say("Nothing changed: nothing to propose.")
        return 0
    if connection is None:
        _say(f"No GITHUB_TOKEN: {commit[:10]} would be pushed as {options.branch} and proposed.")
        return 0
    checkout.git("push", "--quiet", "--force", options.remote, f"{commit}:refs/heads/{options.branch}")
    _say(_opened(connection, options))
    return 0


def _commit(checkout: Checkout, title: str, paths: Sequence[str]) -> str | None:
    """Return a commit of what differs in `paths`, None where nothing does."""
    with tempfile.TemporaryDirectory(prefix="tokenop-") as folder:
        index = Path(folder) / "index"
        checkout.git("read-tree", "HEAD", index=index)
        checkout.git("add", "--all", "--", *paths, index=index)
        tree = checkout.git("write-tree", index=index)
    if tree == checkout.git("rev-parse", "HEAD^{tree}"):
        return None
    return checkout.git("commit-tree", tree, "-p", "HEAD", "-F", "-", stdin=f"{title}\n")


def _opened(connection: Connection, options: argparse.Namespace) -> str:
    """Open the pull request where none is open, and say which one it is."""
    repository = connection.repository
    owner = repository.full_name.split("/")[0]
    for pull in repository.get_pulls(state="open", head=f"{owner}:{options.branch}"):
        if pull.head.ref == options.branch and pull.head.repo and pull.head.repo.full_name == repository.full_name:
            return f"#{pull.number} is up to date."
    base = options.base or repository.default_branch
    if not base:
        raise InputError("the repository names no default branch: give --base")
    body = options.body or "Written by a bot from the files of the repository. The same files give the same pages."
    made = repository.create_pull(base=base, head=options.branch, title=options.title, body=body)
    return f"#{made.number} is opened."


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0], epilog=EXAMPLES, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="what may be in the commit: files or folders")
    parser.add_argument("--branch", required=True, help=f"{PREFIX}NAME; what was there before is overwritten")
    parser.add_argument("--title", required=True, help="of the commit and the pull request")
    parser.add_argument("--body", help="of the pull request")
    parser.add_argument("--base", help="branch to merge into [the default branch]")
    parser.add_argument("--remote", default="origin", help="where to push [origin]")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout [this one]")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    sys.stderr.writelines(f"{logged(line)}\n" for line in text.splitlines())


if __name__ == "__main__":
    sys.exit(main())
