"""Tell a pull request what was found, in one comment: `python scripts/comment_results.py [--sweep]`.

Runs the main branch's code, with a token that may comment. Of the pull request it believes what GitHub says of it, the
changed files as text that the main branch's own linter reads, and the numbers of one artifact that keeps to a schema.

Without `--sweep` it tells of the run that the event file names. With it, it looks at all open pull requests: runs that
were missed or wait for approval, requests (`/tokenop reroll`, `/tokenop recheck`), reviewers who do not answer.
Exit code 1 where a contributor's run and the main branch's linter disagree, its report is not in order, or one pull
request could not be looked at.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asking
import assign_reviewers
import bounded
import overlaid
from connection import Connection, connect, moved, reached

from tokenop.community import assign, comment, report
from tokenop.community.comment_result import weighed
from tokenop.community.names import foreign, own_reviews
from tokenop.community.pull_request import Change, from_github, misnamed, untouched
from tokenop.community.pull_request_checks import Examined, examine
from tokenop.community.pull_request_output import logged
from tokenop.errors import Finding, InputError, MisuseError, TokenOpError

if TYPE_CHECKING:
    from github.File import File
    from github.IssueComment import IssueComment
    from github.PullRequest import PullRequest
    from github.Repository import Repository
    from github.WorkflowRun import WorkflowRun

    from tokenop.community.comment_words import Note

ROOT = Path(__file__).resolve().parents[1]
CHECKS = ".github/workflows/pr-check.yml"
MEMBERS = {"OWNER", "MEMBER", "COLLABORATOR"}
# What GitHub lists of one pull request.
MOST_FILES = 3000
# What one pull request may take of us: bytes that are read, and seconds that are spent on them.
MOST_BYTES = 64 * 1024 * 1024
MOST_SECONDS = 180.0
_LARGEST_ARTIFACT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Told:
    """Our comment as it is: what it remembers, and the thread that it stands in."""

    own: IssueComment | None
    state: comment.State
    thread: tuple[IssueComment, ...]

    @property
    def newest(self) -> int:
        """Return the number of the newest comment by anybody else."""
        return max((c.id for c in self.thread if self.own is None or c.id != self.own.id), default=0)


@dataclass(slots=True)
class Budget:
    """How many bytes of a change may still be read."""

    left: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A run of the checks, and what may be used of it."""

    name: str = ""
    report: report.Report | None = None
    notes: tuple[Note, ...] = ()


class Bot:
    """What one run of this script does."""

    def __init__(self, connection: Connection, token: str, today: date, main: Path) -> None:
        self.repository, self.me = connection.repository, connection.me
        self._connection, self._token, self._today, self._main = connection, token, today, main
        self._open: list[PullRequest] | None = None
        self._states: dict[int, comment.State | None] = {}
        self._waited_for: dict[int, Collection[str]] = {}
        self.failed = False

    def tell_of(self, event: dict[str, Any]) -> None:
        """Tell of the run that an event file names."""
        run = event.get("workflow_run")
        if not isinstance(run, dict):
            raise InputError("the event file names no run of the checks; --sweep looks at all pull requests")
        if run.get("event") != "pull_request":
            _say("The run was not of a pull request: nobody to tell.")
            return
        found = self.repository.get_workflow_run(int(run["id"]))
        if found.path != CHECKS or found.status != "completed":
            # Any workflow can take the name of ours, and a run that was started again is told of when it ends.
            _say("The run is not one of the checks, or runs again: nobody to tell.")
            return
        matching = self._matching(found.head_sha, found.head_repository)
        if len(matching) != 1:
            _say(f"{len(matching)} open pull requests have this commit as their newest: nobody is told.")
            return
        self._tell(matching[0], self._told(matching[0]), self._seen(found))

    def sweep(self) -> None:
        """Tell all open pull requests what they have not been told, and answer what they ask."""
        # The oldest first: whoever opens many does not keep those who were there from being told.
        for pull in sorted(self.pulls(), key=lambda pull: pull.number):
            try:
                with reached():
                    self._look_at(pull)
            except Exception as error:
                # Whatever one of them holds, the others are told.
                self.failed = True
                _say(f"#{pull.number}: {type(error).__name__}: {error}")

    def _look_at(self, pull: PullRequest) -> None:
        """Tell one open pull request what it has not been told."""
        told, run = self._told(pull), self._run_of(pull)
        if run is not None and run.status != "completed" and run.conclusion != "action_required":
            return
        members = {c.user.login for c in told.thread if c.user and c.author_association in MEMBERS}
        may = {*_author(pull), *told.state.reviewers, *members}
        thread = ((c.id, c.user.login, c.body or "") for c in told.thread if c.user)
        asked = comment.commands(thread, told.state, {"reroll": may, "recheck": may})
        fresh = told.state.sha != pull.head.sha or (run is not None and _name(run) != told.state.run)
        if fresh or asked or asking.is_late(pull, told.state, self._today):
            seen = Seen(notes=("missing",)) if run is None else self._seen(run)
            self._tell(pull, told, seen, reroll="reroll" in asked)

    def pulls(self) -> list[PullRequest]:
        """Return the open pull requests into the main branch whose own branch still exists."""
        if self._open is None:
            listed = self.repository.get_pulls(state="open", base=self.repository.default_branch)
            self._open = [pull for pull in listed if pull.head.repo and _into(pull, self.repository)]
        return self._open

    def _matching(self, sha: str, head: Repository | None) -> list[PullRequest]:
        """Return the pull requests of one commit of one repository; of one that is gone there are none."""
        name = head.full_name if head else None
        return [pull for pull in self.pulls() if pull.head.sha == sha and pull.head.repo.full_name == name]

    def _run_of(self, pull: PullRequest) -> WorkflowRun | None:
        """Return the newest run of the checks on the newest commit; None where there is none or it is not only ours."""
        if len(self._matching(pull.head.sha, pull.head.repo)) != 1:
            return None
        runs = self.repository.get_workflow_runs(head_sha=pull.head.sha, event="pull_request")
        ours = [run for run in runs if run.path == CHECKS and pull in self._matching(run.head_sha, run.head_repository)]
        return max(ours, key=lambda run: run.id, default=None)

    def _seen(self, run: WorkflowRun) -> Seen:
        """Return what may be used of a run: its one artifact, where it is in order."""
        if run.conclusion == "action_required":
            return Seen(_name(run), notes=("waiting",))
        artifacts = [one for one in run.get_artifacts() if one.name == report.ARTIFACT and not one.expired]
        if not artifacts:
            return Seen(_name(run), notes=("missing",))
        # A run that is run again leaves one more of the same name: the last one counts.
        last = max(artifacts, key=lambda one: one.id)
        archive = bounded.read(last.archive_download_url, self._token, _LARGEST_ARTIFACT)
        try:
            return Seen(_name(run), report.read(report.unpacked(archive), run.head_sha))
        except InputError as error:
            _say(f"run {run.id}: {error}")
            return Seen(_name(run), notes=("unusable",))

    def _told(self, pull: PullRequest) -> Told:
        thread = tuple(pull.get_issue_comments())
        own = [c for c in thread if c.user and c.user.login == self.me and comment.ours(c.body or "")]
        # Whoever may edit our comment can spoil what it remembers: it is written anew, and no second one beside it.
        state = comment.remembered(own[0].body or "") if own else None
        self._states[pull.number] = state
        return Told(own[0] if own else None, state or comment.State(comment.NO_COMMIT), thread)

    def _busy(self, without: PullRequest) -> dict[str, int]:
        """Return by handle how many of the other pull requests wait for them; each is asked about once."""
        for pull in self.pulls():
            if pull.number not in self._waited_for:
                if pull.number not in self._states:
                    self._told(pull)
                self._waited_for[pull.number] = assign_reviewers.waited_for(pull, self._states[pull.number])
        others = [names for number, names in self._waited_for.items() if number != without.number]
        return Counter(name for names in others for name in names)

    def _tell(self, pull: PullRequest, told: Told, seen: Seen, reroll: bool = False) -> None:
        """Bring our comment on a pull request up to date."""
        files: list[File] = list(pull.get_files()[:MOST_FILES])
        listed = from_github((file.filename, file.status, file.previous_filename) for file in files)
        whole = pull.changed_files <= len(files)
        if told.own is None and whole and untouched(listed) and not misnamed(listed):
            # A comment that has nothing to say is one more to read past.
            _say(f"#{pull.number}: holds nothing that is checked here.")
            return
        changes = overlaid.chosen(listed)
        modes, complete = self._modes(pull.head.sha)
        notes = [*seen.notes, *(() if complete and whole and changes == listed else ("many",))]
        result, subject = self._result(pull, seen, changes, notes, {file.filename: file.sha for file in files}, modes)
        if moved(self.repository, pull, files):
            _say(f"#{pull.number}: has another commit by now, or is closed: that one is told of.")
            return
        state, people = asking.asked(
            self._connection,
            pull,
            subject,
            told.state,
            comment.kept(told.own.body or "" if told.own else ""),
            lambda: self._busy(pull),
            self._today,
            reroll,
            self._main,
        )
        self._waited_for[pull.number] = {assign.plain(name) for name in state.reviewers}
        state = replace(state, sha=pull.head.sha, run=seen.name, seen=max(told.newest, state.seen))
        self._keep(pull, told.own, comment.rendered(result, state, people))
        if result.notes & {"unlike", "unusable", "failed"}:
            self.failed = True
            _say(f"#{pull.number}: the contributor's run and the main branch's linter do not agree, or did not end.")

    def _result(
        self,
        pull: PullRequest,
        seen: Seen,
        changes: Sequence[Change],
        notes: Sequence[Note],
        blobs: Mapping[str, str],
        modes: Mapping[str, str],
    ) -> tuple[comment.Result, assign.About | None]:
        """Return what is to be told of a change, and what its templates are about."""
        author = "".join(_author(pull))
        budget = Budget(MOST_BYTES)
        server = os.environ.get("GITHUB_SERVER_URL") or "https://github.com"
        place = comment.Place(server, pull.head.repo.full_name, pull.head.sha)
        known = overlaid.known(self._main)
        try:
            with (
                bounded.within(MOST_SECONDS),
                overlaid.tree(
                    self._main, changes, lambda path, most: self._text(blobs[path], most, budget), modes
                ) as root,
            ):
                others = [*foreign(self._main, root, changes, author), *own_reviews(root, changes, author)]
                examined, then = self._examined(root, changes, seen.report, others)
                return weighed(place, changes, examined, seen.report, known, notes, then), asking.subject(
                    root, changes, author
                )
        except bounded.UnreachableError:
            raise
        except Exception as error:
            # Whatever a text does to the linter, its author is told.
            _say(f"#{pull.number}: {type(error).__name__}: {error}")
            nothing = Examined((), {}, (), ())
            return weighed(place, changes, nothing, None, known, [*notes, "failed"]), None

    def _examined(
        self, root: Path, changes: Sequence[Change], said: report.Report | None, others: Sequence[Finding]
    ) -> tuple[Examined, Examined]:
        """Return what the linter says today, and what it said on the day of the report, if not long ago."""
        found = examine(root, changes, self._today)
        found = replace(found, findings=tuple(sorted({*found.findings, *others})))
        if said is None or said.day == self._today or not 0 < (self._today - said.day).days <= 31:
            return found, found
        return found, examine(root, changes, said.day)

    def _modes(self, sha: str) -> tuple[dict[str, str], bool]:
        """Return what git says of the files of a commit, and whether it is said of all: the list of files does not."""
        listed = self.repository.get_git_tree(sha, recursive=True)
        return {one.path: one.mode for one in listed.tree}, not listed.raw_data.get("truncated")

    def _text(self, blob: str, most: int, budget: Budget) -> bytes:
        """Return a file's bytes, by the name that GitHub gave its content: the contributor's name is in no address."""
        url = f"{self.repository.url}/git/blobs/{blob}"
        text = bounded.read(url, self._token, min(most, budget.left), "application/vnd.github.raw+json")
        budget.left -= len(text)
        if budget.left < 0:
            raise InputError(f"the change holds more than {MOST_BYTES // 1024 // 1024} MB of text")
        return text

    def _keep(self, pull: PullRequest, own: IssueComment | None, body: str) -> None:
        """Write the comment: once, and from then on the same one."""
        if own is None:
            pull.create_issue_comment(body)
            _say(f"#{pull.number}: told.")
        elif (own.body or "").strip() != body.strip():
            own.edit(body)
            _say(f"#{pull.number}: told anew.")
        else:
            _say(f"#{pull.number}: nothing new to tell.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and return the exit code."""
    options = _options(arguments)
    try:
        with reached():
            connection = connect()
        if connection is None:
            _say("GITHUB_TOKEN is not set: nobody is told anything.")
            return 0
        bot = Bot(connection, os.environ["GITHUB_TOKEN"], options.today, options.root.resolve())
        with reached():
            if options.sweep:
                bot.sweep()
            else:
                bot.tell_of(_event(options.event))
    except TokenOpError as error:
        _say(f"tokenop: {error}")
        return error.exit_code
    return 1 if bot.failed else 0


def _event(path: Path | None) -> dict[str, Any]:
    if path is None:
        raise MisuseError("no event file: set GITHUB_EVENT_PATH, or give --sweep")
    try:
        event = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is not an event file of GitHub's") from error
    return event if isinstance(event, dict) else {}


def _author(pull: PullRequest) -> tuple[str, ...]:
    """Return who opened a pull request; nobody where the account is gone."""
    return (pull.user.login,) if pull.user else ()


def _into(pull: PullRequest, repository: Repository) -> bool:
    """Return whether a pull request is one into the main branch: another branch is held against nothing of ours."""
    return pull.base.ref == repository.default_branch


def _name(run: WorkflowRun) -> str:
    return f"{run.id}.{run.run_attempt or 1}"


def _say(text: str) -> None:
    sys.stdout.writelines(f"{logged(line)}\n" for line in text.splitlines())


def _options(arguments: Iterable[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    event = os.environ.get("GITHUB_EVENT_PATH")
    parser.add_argument("--event", type=Path, default=Path(event) if event else None, help="[$GITHUB_EVENT_PATH]")
    parser.add_argument("--sweep", action="store_true", help="look at all open pull requests")
    parser.add_argument("--root", type=Path, default=ROOT, help="checkout of the default branch [this one]")
    parser.add_argument("--today", type=date.fromisoformat, default=datetime.now(tz=UTC).date(), help="YYYY-MM-DD")
    return parser.parse_args(None if arguments is None else list(arguments))


if __name__ == "__main__":
    sys.exit(main())
