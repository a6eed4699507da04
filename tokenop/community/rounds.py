"""Rounds of asking: when others are asked, and what a comment of ours remembers of whom was asked when.

GitHub records requested reviewers, but not those who could only be mentioned. So the part of our comment that names
the reviewers carries a record. Only a comment that our own account wrote may be read for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from tokenop.community.assign import REVIEW_DAYS, WANTED, Assignment, is_handle, markdown, plain

BEGIN, END = "<!-- tokenop:reviewers ", "<!-- /tokenop:reviewers -->"
COMMAND = "/tokenop reroll"
# Who may ask for others besides the author: whoever GitHub says belongs to the repository.
ASSOCIATIONS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
# Commands are free to write and requests disturb people: after so many rounds a maintainer decides.
MOST_ROUNDS = 5

_SECTION = re.compile(re.escape(BEGIN) + r"(\{[^<>]*\}) -->.*?" + re.escape(END), re.DOTALL)
_LINE = re.compile(rf"^[ \t]*{COMMAND}[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Record:
    """Everybody who was asked, with the day; those of them who are still waited for; the last comment that counted."""

    asked: Mapping[str, date] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    rounds: int = 0
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a pull request."""

    number: int
    author: str
    association: str
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next: whom to keep, whom to let go, how many others to ask, and why. `ask` 0: nothing to do."""

    keep: tuple[str, ...]
    release: tuple[str, ...]
    ask: int
    why: str
    seen: int


def step(
    record: Record | None,
    reviewed: Collection[str],
    comments: Iterable[Comment],
    author: str,
    today: date,
    wanted: int = WANTED,
) -> Step:
    """Return what to do about the reviewers of one pull request.

    Args:
        record: what our comment remembers; None where nobody was asked yet.
        reviewed: handles of those who gave a review since they were asked.
        comments: the comments of the pull request; those before `record.seen` have had their effect.
        author: handle of who opened it.
        today: the day from which is counted.
        wanted: how many reviews are wanted.
    """
    if record is None:
        return Step((), (), wanted, "nobody was asked yet", max((c.number for c in comments), default=0))
    done = {plain(name) for name in reviewed}
    open_ones = tuple(name for name in record.waiting if plain(name) not in done)
    seen, by = _commanded(record, comments, author)
    late = tuple(name for name in open_ones if today > record.asked[name] + timedelta(days=REVIEW_DAYS))
    release = open_ones if by else late
    if not release:
        return Step(open_ones, (), 0, "waiting" if open_ones else "all who were asked have answered", seen)
    if record.rounds >= MOST_ROUNDS:
        return Step(open_ones, (), 0, f"others were asked {record.rounds} times; a maintainer decides now", seen)
    why = f"`{COMMAND}` by {by}" if by else f"no answer for {REVIEW_DAYS} days from {', '.join(late)}"
    keep = tuple(name for name in open_ones if name not in release)
    return Step(keep, release, len(release), why, seen)


def recorded_after(record: Record | None, step_: Step, assignment: Assignment) -> Record:
    """Return the record once `assignment` is made. Where nobody else could be asked, the old requests stand."""
    before = record or Record()
    new = tuple(one.handle for one in assignment.chosen)
    # As many are let go as others were found.
    stay = step_.release[len(new) :]
    asked = {**before.asked, **dict.fromkeys(new, assignment.today)}
    if record is not None and stay and not new:
        # Nobody is left to ask: they are asked again, or every sweep would try once more.
        asked |= dict.fromkeys(stay, assignment.today)
    rounds = before.rounds + (record is not None)
    return Record(asked, (*step_.keep, *stay, *new), rounds, max(before.seen, step_.seen))


def section(assignment: Assignment, record: Record) -> str:
    """Return the part of a comment that names the reviewers, with its record."""
    return f"{_header(record)}\n{markdown(assignment)}{END}"


def recorded(comment: str) -> Record | None:
    """Return what a comment of ours remembers; None where it holds no sound record."""
    found = _SECTION.search(comment)
    try:
        return _record(json.loads(found[1])) if found else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def kept(comment: str) -> str | None:
    """Return the part of a comment that names the reviewers as it stands; None where it has none."""
    found = _SECTION.search(comment)
    return found[0] if found and recorded(comment) is not None else None


def with_section(comment: str, part: str) -> str:
    """Return the comment with `part` in the place of the one that named the reviewers, at its end where none did."""
    if _SECTION.search(comment):
        return _SECTION.sub(lambda _: part, comment, count=1)
    return f"{comment.rstrip()}\n\n{part}\n" if comment.strip() else f"{part}\n"


def seen_up_to(comment: str, number: int) -> str:
    """Return the comment with its record saying that comments up to `number` had their effect."""
    record = recorded(comment)
    if record is None or number <= record.seen:
        return comment
    header = _header(Record(record.asked, record.waiting, record.rounds, number))
    return re.sub(re.escape(BEGIN) + r"\{[^<>]*\} -->", lambda _: header, comment, count=1)


def _commanded(record: Record, comments: Iterable[Comment], author: str) -> tuple[int, str | None]:
    """Return the number of the newest comment, and who asked for others since the record was made."""
    seen, by = record.seen, None
    for comment in sorted(comments, key=lambda comment: comment.number):
        if comment.number <= record.seen:
            continue
        seen = comment.number
        allowed = comment.association in ASSOCIATIONS or plain(comment.author) == plain(author)
        if allowed and _LINE.search(comment.text):
            by = comment.author
    return seen, by


def _header(record: Record) -> str:
    fields = {
        "asked": {name: day.isoformat() for name, day in sorted(record.asked.items())},
        "waiting": list(record.waiting),
        "rounds": record.rounds,
        "seen": record.seen,
    }
    return f"{BEGIN}{json.dumps(fields, sort_keys=True)} -->"


def _record(fields: Mapping[str, object]) -> Record:
    asked, waiting, rounds, seen = (fields[name] for name in ("asked", "waiting", "rounds", "seen"))
    if not (
        isinstance(asked, dict) and isinstance(waiting, list) and isinstance(rounds, int) and isinstance(seen, int)
    ):
        raise TypeError("no record")
    days = {name: date.fromisoformat(day) for name, day in asked.items()}
    if not all(is_handle(name) for name in days) or not set(waiting) <= set(days):
        raise ValueError("no record")
    return Record(days, tuple(waiting), rounds, seen)
