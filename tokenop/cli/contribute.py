"""`tokenop contribute`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenop.errors import FindingsError, InputError, MisuseError, NoInputError
from tokenop.planning.text import visible

if TYPE_CHECKING:
    from tokenop.cli.git import Checkout
    from tokenop.community.contributing import Change, Contribution

SERVER = "https://github.com"

EPILOG = """\b
Examples:
  tokenop contribute --template prompt-caching --dry-run     what would be sent, and how to send it by hand
  tokenop contribute --template prompt-caching               branch, commit, push and pull request
  tokenop contribute --results octocat.md                    entries written elsewhere

\b
Needs a token that may write (GITHUB_TOKEN, or the variable that --token-env names). Without one, the git commands and
the address of the pull request are printed. Only the template, its reviews and implementations, and the list of
reviewers are committed; your branch, index and files stay as they are. The branch is always contribute/…, never main.

\b
GITHUB_REPOSITORY (owner/name), GITHUB_API_URL and GITHUB_SERVER_URL are read as in GitHub's workflows.
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--template", "template_id", metavar="ID", help="Only what is about this template.")
@click.option("--results", type=click.Path(path_type=Path), help="File of reviews or implementations to add first.")
@click.option("--token-env", default="GITHUB_TOKEN", show_default=True, metavar="NAME", help="Variable with the token.")
@click.option("--repository", metavar="OWNER/NAME", help="Where the pull request goes. Default: upstream, or origin.")
@click.option("--remote", "remote_name", default="origin", show_default=True, help="Where the branch is pushed.")
@click.option("--base", default="main", show_default=True, help="Branch that the pull request is for.")
@click.option("--dry-run", is_flag=True, help="Print what would be done; write and send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    template_id: str | None,
    results: Path | None,
    token_env: str,
    repository: str | None,
    remote_name: str,
    base: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send a template, review or implementation as a pull request.

    Checks the files first. Exit code 1 where the linter finds an error, 3 where nothing has changed.
    """
    from tokenop.cli import checkout, git
    from tokenop.community import contributing

    root = checkout.root(Path.cwd())
    token = os.environ.get(token_env) or None
    server = os.environ.get("GITHUB_SERVER_URL") or SERVER
    repo = git.Checkout(root, git.authorised(token, server) if token else None)
    if results and not repo.there():
        _tell(_from_outside(results, root, server, repository), token_env, dry_run, as_json)
        return
    if results and not dry_run:
        _add(results, root)
    start = repo.base(remote_name, base)
    changes = repo.changes(start, template_id)
    if results and dry_run:
        changes = _with(changes, _merged(results, root), repo, start)
    if not changes:
        about = f" about {template_id}" if template_id else ""
        raise NoInputError(f"nothing{about} differs from {remote_name}/{base}: there is nothing to contribute")
    _check(changes, root)
    made = contributing.contribution(changes, _tolerances(changes, root))
    target, owner = _target(repo, repository, remote_name, needed=bool(token) and not dry_run)
    document = _document(made, remote_name, made.address(server, target, base, owner) if target else None)
    if token and not dry_run:
        commit = repo.commit(made, start, repo.newest(remote_name, base), remote_name)
        repo.push(commit, made.branch, remote_name)
        document |= {"commit": commit, "pull_request": _open(token, target, owner, made, base), "sent": True}
    _tell(document, token_env, dry_run, as_json)


def _from_outside(results: Path, root: Path, server: str, repository: str | None) -> dict[str, Any]:
    """Return what to do with a file of results where there is no checkout to add it to."""
    from tokenop.community import contributing

    path, text = _merged(results, root)
    changes = [contributing.Change(path.relative_to(root).as_posix(), None, text)]
    _check(changes, root)
    made = contributing.contribution(changes, _tolerances(changes, root))
    target = repository or os.environ.get("GITHUB_REPOSITORY") or "OWNER/NAME"
    document = _document(made, "origin", None)
    document["why"] = f"{root} is no checkout of the repository"
    document["commands"] = [
        f"git clone {server}/{target} templates && cd templates",
        f"tokenop contribute --results {shlex.quote(str(results.absolute()))}",
    ]
    return document


def _merged(results: Path, root: Path) -> tuple[Path, str]:
    """Return the checkout's file that a file of results belongs to, and what it holds once they are added."""
    from tokenop.evidence import read, write

    found = read.file(results)
    if found.findings:
        raise FindingsError(found.findings)
    if not found.entries:
        raise NoInputError(f"{results}: holds no entry")
    target = write.path_of(root / "validations", found.kind, found.template)
    text = read.file(target).text if target.exists() else write.empty(found.kind, found.template)
    for entry in found.entries:
        text = write.added(text, entry)
    return target, text


def _add(results: Path, root: Path) -> None:
    from tokenop.files import write_text

    target, text = _merged(results, root)
    if results.absolute() != target.absolute():
        write_text(target, text)


def _with(changes: list[Change], merged: tuple[Path, str], repo: Checkout, start: str) -> list[Change]:
    """Return the changes as they would be with a file of results added, without adding it."""
    from tokenop.community.contributing import Change

    path, text = merged[0].relative_to(repo.root).as_posix(), merged[1]
    rest = [change for change in changes if change.path != path]
    return sorted([*rest, Change(path, repo.text(start, path), text)], key=lambda change: change.path)


def _check(changes: list[Change], root: Path) -> None:
    """Ask the linter.

    Raises:
        FindingsError: it finds an error.
    """
    from datetime import UTC, datetime

    from tokenop.catalogue.linting import lint
    from tokenop.cli import checkout
    from tokenop.evidence import people

    today, found = datetime.now(UTC).date(), []
    for change in changes:
        path = root / change.path
        if path.name in lint.EVIDENCE:
            found += checkout.findings(path, change.after, today)
        elif change.path.startswith("templates/"):
            found += lint.lint([path], today).findings
        else:
            found += people.reviewers(path, change.after).findings
    errors = [finding for finding in found if finding.severity == "error"]
    if errors:
        raise FindingsError(errors, "nothing was sent: correct this first")
    for finding in found:
        click.echo(f"note: {visible(str(finding))}", err=True)


def _tolerances(changes: list[Change], root: Path) -> dict[str, Any]:
    from tokenop.cli import checkout

    names = {Path(change.path).parent.name for change in changes if change.path.startswith("validations/")}
    return {name: checkout.template(name, root).quality.max_absolute_drop for name in sorted(names)}


def _target(repo: Checkout, named: str | None, remote_name: str, needed: bool) -> tuple[str, str]:
    """Return `owner/name` of the repository that the pull request is for, and the owner of what is pushed to."""
    pushed, upstream = repo.remote(remote_name), repo.remote("upstream")
    environment = os.environ.get("GITHUB_REPOSITORY", "")
    target = named or environment or (upstream or pushed or ("", ""))[1]
    if target.count("/") != 1 and (needed or target):
        raise MisuseError("say which repository it is for: --repository OWNER/NAME")
    return target, pushed[1].split("/")[0] if pushed else target.split("/")[0]


def _open(token: str, target: str, owner: str, made: Contribution, base: str) -> str:
    """Return the address of the pull request: of the one that is open for the branch already, or of a new one.

    Raises:
        InputError: GitHub refuses, or cannot be reached.
    """
    from tokenop.cli import forge

    try:
        import github
        import requests
    except ImportError as error:
        raise InputError("pull requests need PyGithub: pip install 'tokenop[github]'") from error
    try:
        repo = forge.client(token, os.environ.get("GITHUB_API_URL")).get_repo(target)
        head = f"{owner}:{made.branch}"
        for pull in repo.get_pulls(state="open", head=head):
            if pull.head.ref == made.branch:
                return str(pull.html_url)
        pull = repo.create_pull(base=base, head=head, title=made.text.title, body=made.text.body)
        return str(pull.html_url)
    except github.GithubException as error:
        detail = error.data.get("message", "") if isinstance(error.data, dict) else ""
        said = f"{made.branch} is pushed, but GitHub refuses the pull request: {error.status} {detail}".rstrip()
        raise InputError(visible(said)) from error
    except requests.exceptions.RequestException as error:
        said = f"{made.branch} is pushed, but GitHub cannot be reached: {type(error).__name__}"
        raise InputError(f"{said}\nThe same command goes on from there.") from error


def _document(made: Contribution, remote_name: str, address: str | None) -> dict[str, Any]:
    return {
        "files": list(made.paths),
        "branch": made.branch,
        "title": made.text.title,
        "body": made.text.body,
        "commands": made.commands(remote_name),
        "address": address,
        "commit": None,
        "pull_request": None,
        "sent": False,
    }


def _tell(document: dict[str, Any], token_env: str, dry_run: bool, as_json: bool) -> None:
    if as_json:
        import json

        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    click.echo("Files of this contribution:")
    for path in document["files"]:
        click.echo(f"  {visible(path)}")
    if document["sent"]:
        click.echo(f"Pushed {document['branch']} ({document['commit'][:12]}). Pull request: {document['pull_request']}")
        return
    click.echo("\nTo send it by hand:")
    for line in document["commands"]:
        click.echo(f"  {visible(line)}")
    click.echo(f"\nText of the pull request:\n\n{document['title']}\n\n{document['body']}")
    where = f"Open it at: {document['address']}" if document["address"] else "Next: the commands above"
    why = "--dry-run" if dry_run else document.get("why") or f"{token_env} holds no token"
    click.echo(f"Nothing was sent: {visible(why)}. {where}")
