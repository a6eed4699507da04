"""Ask people of community/reviewers.md to review pull requests that bring templates.

What is decided is decided in `tokenop.community.assign` and `.rounds`; here it is read and written.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connection import Connection, connect, reached

from tokenop import documents
from tokenop.catalogue.model import LAYERS
from tokenop.community import assign, comment, past, rounds
from tokenop.community.pull_request_output import logged
from tokenop.errors import InputError, TokenOpError

if TYPE_CHECKING:
    from github.PullRequest import PullRequest
    from github.Repository import Repository

    from tokenop.evidence.people import Reviewer

About = assign.About
COMMAND = "/tokenop reroll"
ROOT = Path(__file__).resolve().parents[1]
PEOPLE = "community/reviewers.md"
MAY_REVIEW = {"admin", "maintain", "write"}

EXAMPLES = """examples:
  python scripts/assign_reviewers.py --pull 12             ask three people, or say who is asked already
  python scripts/assign_reviewers.py --pull 12 --reroll    ask others in the place of those who have not answered
  python scripts/assign_reviewers.py                       all open pull requests: first rounds, and late answers

GITHUB_TOKEN, GITHUB_REPOSITORY and GITHUB_API_URL say where; without a token nothing is asked of anybody.
"""


@dataclass(frozen=True, slots=True)
class _Nobody:
    """Nobody's turn."""

    reviewers: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    since: date | None = None
    rounds: int = 0


NOBODY = _Nobody()


@dataclass(frozen=True, slots=True)
class Asked:
    """Who was requested, and who may only be mentioned because they may not write."""

    requested: tuple[str, ...]
    mentioned: tuple[str, ...]


def people(repository: Repository) -> Sequence[Reviewer]:
    """Return the list of reviewers as it is on the default branch: no pull request names its own."""
    from github import UnknownObjectException

    from tokenop.evidence.people import reviewers

    try:
        content = repository.get_contents(PEOPLE)
    except UnknownObjectException:
        return ()
    if isinstance(content, list):
        raise InputError(f"{PEOPLE}: is a folder on the default branch")
    return reviewers(Path(PEOPLE), content.decoded_content.decode("utf-8", errors="replace")).reviewers


def load(pulls: Iterable[PullRequest], turns: Mapping[int, rounds.Turn]) -> dict[str, int]:
    """Return by handle how many open pull requests wait for them, be it that they were requested or mentioned."""
    found = Counter[str]()
    for pull in pulls:
        found.update(waited_for(pull, turns.get(pull.number)))
    return dict(found)


def waited_for(pull: PullRequest, turn: rounds.Turn | None) -> set[str]:
    """Return by handle who has not answered yet on one pull request."""
    found = {assign.plain(user.login) for user in pull.requested_reviewers}
    if turn and turn.reviewers:
        done = {assign.plain(name) for name in answered(pull, turn.since)}
        found |= {assign.plain(name) for name in turn.reviewers} - done
    return found


def answered(pull: PullRequest, since: date | None) -> set[str]:
    """Return the handles of those who reviewed since a day."""
    return {
        review.user.login
        for review in pull.get_reviews()
        if review.user and review.state != "PENDING" and (since is None or review.submitted_at.date() >= since)
    }


def ask(repository: Repository, pull: PullRequest, handles: Iterable[str]) -> Asked:
    """Request reviews; who may not write cannot be requested and is to be mentioned."""
    from github import GithubException

    requested, mentioned = [], []
    for handle in handles:
        try:
            if repository.get_collaborator_permission(handle) not in MAY_REVIEW:
                raise GithubException(404)
            pull.create_review_request(reviewers=[handle])
            requested.append(handle)
        except GithubException as error:
            if error.status not in (403, 404, 422):
                raise
            mentioned.append(handle)
    return Asked(tuple(requested), tuple(mentioned))


def release(pull: PullRequest, handles: Iterable[str]) -> None:
    """Take back requests of people who have not answered."""
    open_ones = {assign.plain(user.login): user.login for user in pull.requested_reviewers}
    if names := [open_ones[name] for name in map(assign.plain, handles) if name in open_ones]:
        pull.delete_review_request(reviewers=names)


def about(repository: Repository, pull: PullRequest) -> About | None:
    """Return what the templates of a pull request are about; None where it changes none.

    Id and layer are the path's. What a file says besides is taken from it as text, and only where it can be read.
    """
    names = sorted(file.filename for file in pull.get_files() if file.status != "removed")
    paths = [Path(name) for name in names]
    changed = [
        path
        for path in paths
        if len(path.parts) == 3 and path.parts[0] == "templates" and path.parts[1] in LAYERS and path.suffix == ".md"
    ]
    if not changed:
        return None
    meta = [_frontmatter(repository, pull, path) for path in changed]
    authors = {name for fields in meta for name in fields.get("authors") or () if isinstance(name, str)}
    category = meta[0].get("category")
    first = changed[0]
    # The first in the order of paths decides; whoever wrote any of them reviews none.
    return About(first.stem, first.parts[1], category if isinstance(category, str) else "", tuple(sorted(authors)))


def _frontmatter(repository: Repository, pull: PullRequest, path: Path) -> dict[str, Any]:
    from github import GithubException

    try:
        content = repository.get_contents(path.as_posix(), ref=pull.head.sha)
    except GithubException as error:
        if error.status not in (403, 404):
            raise
        return {}
    if isinstance(content, list) or content.encoding != "base64":
        return {}
    raw = content.decoded_content
    if len(raw) > documents.MAX_BYTES:
        return {}
    try:
        return documents.parse(path, raw).meta
    except TokenOpError:
        return {}


def remembered(connection: Connection, pull: PullRequest) -> comment.State | None:
    """Return what our own comment on a pull request remembers of its reviewers; None where it names none."""
    for one in pull.get_issue_comments():
        if one.user and one.user.login == connection.me:
            state = comment.remembered(one.body or "")
            if state and state.since:
                return state
    return None


def turn_of(pull: PullRequest) -> rounds.Next | None:
    """Return whose turn it is by what GitHub records, for pull requests without a comment of ours; None: nobody's."""
    asked: dict[str, date] = {}
    for event in pull.get_issue_events():
        if event.event == "review_requested" and event.requested_reviewer:
            asked[event.requested_reviewer.login] = event.created_at.date()
    if not asked:
        return None
    done = {assign.plain(name) for name in answered(pull, None)}
    waiting = {assign.plain(user.login) for user in pull.requested_reviewers}
    reviewers = tuple(sorted(name for name in asked if assign.plain(name) in done | waiting))
    return rounds.Next(reviewers, tuple(sorted(asked)), max(asked.values()), 0)


def assigned(
    connection: Connection,
    pull: PullRequest,
    turn: rounds.Turn | None,
    busy: Mapping[str, int],
    today: date,
    reroll: bool = False,
    folder: Path = ROOT,
) -> tuple[rounds.Step, assign.Assignment | None]:
    """Return what is to be done about the reviewers of a pull request, and whom to ask where others are to be asked."""
    facts = about(connection.repository, pull)
    if facts is None:
        return rounds.Step((), (), 0, "it changes no template"), None
    before = turn or NOBODY
    step = rounds.step(before, answered(pull, before.since) if turn else (), today, reroll)
    if not step.ask:
        return step, None
    listed, done = people(connection.repository), experience(facts, folder)
    made = assign.choose(
        facts, listed, busy, pull.user.login, today, before.rounds + (turn is not None),
        count=step.ask, asked=before.asked, past=done,
    )  # fmt: skip
    return step, made


def experience(facts: About, folder: Path) -> dict[str, past.Past]:
    """Return who has worked on similar templates, by the evidence in a checkout of the default branch."""
    return past.read(facts, folder / "validations", folder / "templates")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and return the exit code."""
    options = _options(arguments)
    try:
        with reached():
            connection = connect()
            if connection is None:
                _say("No GITHUB_TOKEN: nothing is read or asked. `tokenop assign-reviewers` chooses without GitHub.")
                return 0
            results = list(_work(connection, options))
    except TokenOpError as error:
        _say(f"tokenop: {error}")
        return error.exit_code
    sys.stdout.write(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    asked = sum(len(one["requested"]) + len(one["mentioned"]) for one in results)
    _say(f"{len(results)} pull requests looked at, {asked} people asked. Next: mention those who may not be requested.")
    return 0


def _work(connection: Connection, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    pulls = list(connection.repository.get_pulls(state="open"))
    kept = {pull.number: state for pull in pulls if (state := remembered(connection, pull))}
    busy = load(pulls, kept)
    for pull in pulls:
        if (options.pull and pull.number not in options.pull) or pull.draft:
            continue
        if pull.number in kept:
            # Two who ask would ask twice: the comment is the other's, and so is what it remembers.
            yield _result(pull, f"comment_results.py keeps its reviewers; comment {COMMAND} to ask others")
            continue
        turn = turn_of(pull)
        step, made = assigned(connection, pull, turn, busy, options.today, options.reroll, options.root)
        asked = Asked((), ())
        if made is not None and not options.dry_run:
            asked = ask(connection.repository, pull, [one.handle for one in made.chosen])
            release(pull, step.release[: len(made.chosen)])
        for one in made.chosen if made else ():
            busy[assign.plain(one.handle)] = busy.get(assign.plain(one.handle), 0) + 1
        yield _result(pull, step.why, asked, made)


def _result(
    pull: PullRequest, why: str, asked: Asked = Asked((), ()), made: assign.Assignment | None = None
) -> dict[str, Any]:
    return {
        "pull": pull.number,
        "why": why,
        "requested": list(asked.requested),
        "mentioned": [f"@{name}" for name in asked.mentioned],
        "assignment": made.as_dict() if made else None,
    }


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0], epilog=EXAMPLES, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--pull", type=int, action="append", help="pull request; several times for several [all open]")
    parser.add_argument("--reroll", action="store_true", help="ask others instead of those who have not answered")
    parser.add_argument("--dry-run", action="store_true", help="say whom, and ask nobody")
    parser.add_argument("--root", type=Path, default=ROOT, help="checkout of the default branch [this one]")
    parser.add_argument("--today", type=date.fromisoformat, default=datetime.now(UTC).date(), help="[today, UTC]")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    sys.stderr.writelines(f"{logged(line)}\n" for line in text.splitlines())


if __name__ == "__main__":
    sys.exit(main())
