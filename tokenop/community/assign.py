"""Who reviews a template: three people by expertise, load and availability, and never its author.

Pure: who is there, what they did, how much they have to do and which day it is are arguments. The same arguments give
the same people, in whatever order the list of reviewers is written.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal, Protocol

from tokenop.community.past import Kind, Past
from tokenop.community.text import cell, counted

# Approval asks for three reviews.
WANTED = 3
# After so many days without an answer others are asked.
REVIEW_DAYS = 5
# Of those who are not asked, how many are told why.
MOST_TOLD = 30

# What expertise is worth. Knowing the layer counts more than knowing the category, since a layer's pitfalls are shared;
# what somebody did counts as much as what they say of themselves, but no more: newcomers must get a turn.
LAYER, CATEGORY = 4, 3
SINGLE_LAYER = 1  # of a cross-layer template, each layer that somebody knows
MOST_PAST = 4  # points for work on similar templates
# An open request weighs less than knowing the layer and more than one past review.
REQUEST = 2

_HANDLE = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}")
_LAYERS = ("application-layer", "serving-layer", "infrastructure-layer")

Reason = Literal["author", "away", "full", "asked", "busier"]


class Person(Protocol):
    """Somebody who reviews, as `community/reviewers.md` says."""

    @property
    def handle(self) -> str:
        """Return the name on GitHub."""

    @property
    def layers(self) -> Collection[str]:
        """Return the layers that they know."""

    @property
    def categories(self) -> Collection[str]:
        """Return the categories that they know."""

    @property
    def capacity(self) -> int:
        """Return how many open requests they take at once."""

    @property
    def away_until(self) -> date | None:
        """Return the last day on which they are away; None where they are there."""


class Facts(Kind, Protocol):
    """What is known of the template under review; `catalogue.model.Template` is one."""

    @property
    def authors(self) -> Collection[str]:
        """Return the handles of who wrote it."""


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a template that may not be sound."""

    id: str
    layer: str
    category: str
    authors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A reviewer, and why it is them."""

    handle: str
    points: int
    open_requests: int
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Somebody on the list who is not asked, and why not."""

    handle: str
    reason: Reason
    why: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who is asked to review, until when, and why nobody else."""

    template: str
    chosen: tuple[Chosen, ...]
    passed_over: tuple[PassedOver, ...]
    wanted: int
    today: date
    due: date
    reroll: int = 0

    @property
    def missing(self) -> int:
        """Return how many more reviewers are wanted than there are."""
        return self.wanted - len(self.chosen)

    @property
    def mentions(self) -> tuple[str, ...]:
        """Return the chosen as `@handle`, for those who cannot be requested because they may not write."""
        return tuple(f"@{one.handle}" for one in self.chosen)

    def as_dict(self) -> dict[str, object]:
        """Return the assignment as JSON-ready fields."""
        return {
            "template": self.template,
            "wanted": self.wanted,
            "missing": self.missing,
            "today": self.today.isoformat(),
            "due": self.due.isoformat(),
            "reroll": self.reroll,
            "chosen": [
                {"handle": c.handle, "points": c.points, "open_requests": c.open_requests, "why": list(c.why)}
                for c in self.chosen
            ],
            "passed_over": [{"handle": p.handle, "reason": p.reason, "why": p.why} for p in self.passed_over],
        }


@dataclass(frozen=True, slots=True)
class _Candidate:
    person: Person
    points: int
    open_requests: int
    why: tuple[str, ...]
    order: tuple[int, int, str, str] = field(compare=False)


def choose(
    template: Facts,
    people: Iterable[Person],
    load: Mapping[str, int],
    author: str | None,
    today: date,
    reroll: int = 0,
    *,
    count: int = WANTED,
    asked: Collection[str] = (),
    past: Mapping[str, Past] | None = None,
) -> Assignment:
    """Return who reviews a template.

    Args:
        template: what it is about, and who wrote it.
        people: the list of reviewers, in any order.
        load: open review requests by handle; who is not in it has none.
        author: handle of who proposes it, besides the authors that the template names; None where unknown.
        today: the day from which is counted.
        reroll: how often others were asked for; another number breaks ties another way.
        count: how many are wanted.
        asked: handles that were asked before, or are left out for another reason.
        past: work on similar templates by handle, as `past.work` returns it.
    """
    writers = {plain(name) for name in (*template.authors, author or "")}
    before, busy = {plain(name) for name in asked}, {plain(name): number for name, number in load.items()}
    done = {plain(name): work for name, work in (past or {}).items()}
    passed: list[PassedOver] = []
    candidates: list[_Candidate] = []
    for person in people:
        requests = busy.get(plain(person.handle), 0)
        refusal = _refusal(person, requests, writers, before, today)
        if refusal:
            passed.append(refusal)
        else:
            candidates.append(_weighed(person, requests, template, done.get(plain(person.handle), Past()), reroll))
    candidates.sort(key=lambda candidate: candidate.order)
    chosen = candidates[: max(count, 0)]
    passed += [_busier(candidate, chosen) for candidate in candidates[len(chosen) :]]
    return Assignment(
        template.id,
        tuple(Chosen(c.person.handle, c.points, c.open_requests, c.why) for c in chosen),
        tuple(sorted(passed, key=lambda one: plain(one.handle))),
        count,
        today,
        today + timedelta(days=REVIEW_DAYS),
        reroll,
    )


def rerolled(
    template: Facts,
    people: Sequence[Person],
    load: Mapping[str, int],
    author: str | None,
    today: date,
    reroll: int,
    *,
    count: int = WANTED,
    asked: Collection[str] = (),
    past: Mapping[str, Past] | None = None,
) -> Assignment:
    """Return the assignment of round `reroll` where nobody recorded the rounds before: they are played again.

    Whoever an earlier round chose was asked, and is not asked again.
    """
    before = set(asked)
    for number in range(reroll):
        earlier = choose(template, people, load, author, today, number, count=count, asked=before, past=past)
        before |= {one.handle for one in earlier.chosen}
    return choose(template, people, load, author, today, reroll, count=count, asked=before, past=past)


def plain(handle: str) -> str:
    """Return a handle the one way it is compared: GitHub's names know no case."""
    return handle.strip().removeprefix("@").casefold()


def is_handle(text: str) -> bool:
    """Return whether `text` can be a name on GitHub, and so can be put behind an @."""
    return bool(_HANDLE.fullmatch(text))


def _refusal(
    person: Person, requests: int, writers: Collection[str], before: Collection[str], today: date
) -> PassedOver | None:
    """Return why somebody cannot be asked; None where they can."""
    handle = person.handle
    if plain(handle) in writers:
        return PassedOver(handle, "author", "wrote it")
    if plain(handle) in before:
        return PassedOver(handle, "asked", "was asked before, or is left out by request")
    if person.away_until is not None and today <= person.away_until:
        return PassedOver(handle, "away", f"away until {person.away_until.isoformat()}")
    if not person.capacity:
        return PassedOver(handle, "full", "takes no requests at the moment (capacity 0)")
    if requests >= person.capacity:
        return PassedOver(handle, "full", f"has {requests} of at most {person.capacity} open requests")
    return None


def _weighed(person: Person, requests: int, template: Facts, past: Past, reroll: int) -> _Candidate:
    points, why = _expertise(person, template, past)
    why += (f"{counted(requests, 'open request')} of at most {person.capacity}",)
    draw = hashlib.sha256(f"{template.id}\0{plain(person.handle)}\0{reroll}".encode()).hexdigest()
    total = points - REQUEST * requests
    return _Candidate(person, total, requests, why, (-total, requests, draw, plain(person.handle)))


def _expertise(person: Person, template: Facts, past: Past) -> tuple[int, tuple[str, ...]]:
    """Return points, and in words what they are for."""
    points, why = 0, []
    known = sorted(set(person.layers) & set(_LAYERS)) if template.layer == "cross-layer" else []
    if template.layer in person.layers:
        points += LAYER
        why.append(
            "knows work across layers" if template.layer == "cross-layer" else f"knows the {_words(template.layer)}"
        )
    elif known:
        points += SINGLE_LAYER * len(known)
        why.append("knows the " + " and the ".join(_words(layer) for layer in known))
    if template.category in person.categories:
        points += CATEGORY
        why.append(f"knows {_words(template.category)}")
    done = past.template + past.category + past.layer
    if done:
        points += min(2 * past.template + 2 * past.category + past.layer, MOST_PAST)
        why.append(
            f"{counted(done, 'past review')} and implementations of similar templates"
            if done > 1
            else "knows a similar template from practice"
        )
    return points, tuple(why) or ("no expertise listed for it; takes the free place",)


def _busier(candidate: _Candidate, chosen: Sequence[_Candidate]) -> PassedOver:
    if not chosen:
        return PassedOver(candidate.person.handle, "busier", "nobody is wanted")
    last = chosen[-1]
    if candidate.points < last.points:
        why = f"{candidate.points} points of expertise less load; the last one chosen has {last.points}"
    elif candidate.open_requests > last.open_requests:
        why = f"{last.points} points like the last one chosen, but more open requests"
    else:
        why = f"as fit as the last one chosen ({last.points} points); the draw fell on the other"
    return PassedOver(candidate.person.handle, "busier", why)


def _words(name: str) -> str:
    return name.replace("-", " ").replace("_", " ")


def markdown(assignment: Assignment) -> str:
    """Return the assignment as a part of a comment: who, why, until when, and how to get others."""
    due = assignment.due.isoformat()
    lines = ["### Reviewers", ""]
    if assignment.chosen:
        lines += [f"Please review by **{due}**.", "", "| reviewer | why |", "|---|---|"]
        lines += [f"| @{one.handle} | {cell('; '.join(one.why))} |" for one in assignment.chosen]
        lines.append("")
    if assignment.missing > 0:
        lines += [_lacking(assignment), ""]
    if assignment.passed_over:
        lines += [f"<details><summary>Not asked, and why ({len(assignment.passed_over)})</summary>", ""]
        # In code marks: whoever is not asked gets no notification.
        lines += [f"- `{one.handle}`: {cell(one.why)}" for one in assignment.passed_over[:MOST_TOLD]]
        left = len(assignment.passed_over) - MOST_TOLD
        lines += [*([f"- and {left} more"] if left > 0 else []), "", "</details>", ""]
    lines.append(
        f"A comment `/tokenop reroll` asks others. So does the bot, where nobody answered for {REVIEW_DAYS} days."
    )
    return "\n".join(lines) + "\n"


def _lacking(assignment: Assignment) -> str:
    there, wanted = len(assignment.chosen), assignment.wanted
    if not there and not assignment.passed_over:
        found = "nobody is on the list yet"
    elif not there:
        found = "nobody on the list can be asked"
    else:
        found = f"only {counted(there, 'person', 'people')} on the list can be asked"
    return f"Reviewers wanted: {wanted}; {found}. `community/README.md` says how to join the list."
