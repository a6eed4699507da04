"""Whom a pull request asks for a review, and whom next. What the bots share; not a program of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import assign_reviewers
from connection import Connection

from tokenop.community import assign, comment, rounds
from tokenop.community.pull_request import Change

if TYPE_CHECKING:
    from github.PullRequest import PullRequest


def subject(root: Path, changes: Sequence[Change], author: str) -> assign.About | None:
    """Return what the templates that a change brings are about; None where it brings none.

    Args:
        root: the repository as the change would leave it.
        changes: the changed files.
        author: who opened the pull request; empty where nobody knows.
    """
    from tokenop.catalogue.linting.lint import opened

    brought = [c for c in changes if c.kind == "template" and c.template_id and c.status != "removed"]
    if not brought:
        return None
    authors, category = {author} - {""}, ""
    for change in reversed(brought):
        draft = opened(root / change.path).draft
        authors |= {name for name in (draft.get("authors") if draft else None) or [] if assign.is_handle(name)}
        category = str(draft.get("category") or "") if draft else ""
    layer = brought[0].path.split("/")[1]
    return assign.About(str(brought[0].template_id), layer, category, tuple(sorted(authors)))


def is_late(pull: PullRequest, state: comment.State, today: date) -> bool:
    """Return whether reviewers were asked so long ago that others are to be asked now."""
    if state.since is None or today <= state.since + timedelta(days=assign.REVIEW_DAYS):
        return False
    return rounds.step(state, assign_reviewers.answered(pull, state.since), today).ask > 0


def asked(
    connection: Connection,
    pull: PullRequest,
    about: assign.About | None,
    state: comment.State,
    kept: str,
    busy: Callable[[], Mapping[str, int]],
    today: date,
    reroll: bool,
    main: Path,
) -> tuple[comment.State, str]:
    """Ask for reviews where somebody is to be asked now; return what is to be remembered and the part that says so.

    `busy` gives by handle how many other pull requests wait for them; it is asked only where it is needed.
    """
    if about is None or pull.draft:
        return state, kept
    step = rounds.step(state, assign_reviewers.answered(pull, state.since), today, reroll)
    if not step.ask:
        return state, kept
    repository = connection.repository
    assignment = assign.choose(
        about,
        assign_reviewers.people(repository),
        busy(),
        pull.user.login if pull.user else None,
        today,
        state.rounds,
        count=step.ask,
        asked=state.asked,
        past=assign_reviewers.experience(about, main),
    )
    following = rounds.after(state, step, assignment)
    stay = [name for name in following.reviewers if name not in {one.handle for one in assignment.chosen}]
    assign_reviewers.release(pull, [name for name in step.release if name not in stay])
    assign_reviewers.ask(repository, pull, [one.handle for one in assignment.chosen])
    remembered = replace(
        state,
        reviewers=following.reviewers,
        asked=following.asked,
        since=following.since,
        rounds=following.rounds,
    )
    return remembered, comment.asking(assignment, stay)
