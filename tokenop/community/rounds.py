"""Rounds of asking: when others are asked to review, and how many."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from tokenop.community.assign import REVIEW_DAYS, WANTED, Assignment, plain

# A command is free to write and a request disturbs people: after so many rounds a maintainer decides.
MOST_ROUNDS = 5


class Turn(Protocol):
    """Whose turn it is; `community.comment.State` is one."""

    @property
    def reviewers(self) -> tuple[str, ...]:
        """Return the handles of those who are asked now."""

    @property
    def asked(self) -> tuple[str, ...]:
        """Return the handles of everybody who was ever asked."""

    @property
    def since(self) -> date | None:
        """Return the day on which this round began; None where nobody was asked yet."""

    @property
    def rounds(self) -> int:
        """Return how often others were asked for."""


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next: who stays, who is let go, how many others to ask, and why. Where `ask` is 0: nothing."""

    keep: tuple[str, ...]
    release: tuple[str, ...]
    ask: int
    why: str


@dataclass(frozen=True, slots=True)
class Next:
    """The turn after a step, in the words of `Turn`."""

    reviewers: tuple[str, ...]
    asked: tuple[str, ...]
    since: date
    rounds: int


def step(turn: Turn, answered: Collection[str], today: date, reroll: bool = False, wanted: int = WANTED) -> Step:
    """Return what to do about the reviewers of one pull request.

    Args:
        turn: whose turn it is.
        answered: handles of those who gave a review since they were asked.
        today: the day from which is counted.
        reroll: whether somebody who may do so asks for others.
        wanted: how many reviews are wanted.
    """
    if turn.since is None:
        return Step((), (), wanted, "nobody was asked yet")
    done = {plain(name) for name in answered}
    stay = tuple(name for name in turn.reviewers if plain(name) in done)
    waited_for = tuple(name for name in turn.reviewers if plain(name) not in done)
    free = max(wanted - len(turn.reviewers), 0)
    late = today > turn.since + timedelta(days=REVIEW_DAYS)
    if not (reroll or (late and (waited_for or free))):
        return Step(turn.reviewers, (), 0, "waiting" if waited_for else "all who were asked have answered")
    if not waited_for and not free:
        return Step(turn.reviewers, (), 0, "all who were asked have answered")
    if turn.rounds >= MOST_ROUNDS:
        return Step(turn.reviewers, (), 0, f"others were asked for {turn.rounds} times; a maintainer decides now")
    why = "others were asked for" if reroll else f"no answer for {REVIEW_DAYS} days"
    return Step(stay, waited_for, len(waited_for) + free, why)


def after(turn: Turn, done: Step, assignment: Assignment) -> Next:
    """Return the turn once `assignment`, made for `done`, holds.

    Only as many are let go as others were found: an old request is better than none.
    """
    new = tuple(one.handle for one in assignment.chosen)
    stay = done.release[len(new) :]
    return Next(
        (*done.keep, *stay, *new), (*turn.asked, *new), assignment.today, turn.rounds + (turn.since is not None)
    )
