"""The prompt cache of the gateway: decides call by call whether a provider is asked to keep the prompt."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from tokenop.gateway.model import Call, Outcome, Serving
from tokenop.gateway.prompts.keys import Names
from tokenop.gateway.prompts.plans import Plan, plan
from tokenop.gateway.prompts.prefixes import Candidate, candidates, long_enough, scan
from tokenop.gateway.prompts.sights import EXPECTED, UNKNOWN, Sight, Sights
from tokenop.providers.base import Target
from tokenop.providers.caching.limits import MOST_BREAKPOINTS, tokens_at_least
from tokenop.providers.caching.place import Cut, Policy, cut, marked, place
from tokenop.providers.model import Request, Ttl, Usage

if TYPE_CHECKING:
    from tokenop.gateway.prompts.history import Known
    from tokenop.prices.book import PriceBook

NOTE = "prompts"
# Which stay where there are more than the wire takes.
_RANKS = {"marker": 0, "last_message": 1, "system": 2, "tools": 3, "last_static_message": 4, "block": 5}
_MOST_PLANS = 512
# For so long the price of a model is not looked up again, in seconds.
_HOUR = 3600.0
# A prefix counts as read where so much of it was, as its length is an estimate.
_ENOUGH = 0.9


class Marked(NamedTuple):
    """A prefix of one call, and whether it was marked (None: it was not)."""

    candidate: Candidate
    sight: Sight
    ttl: Ttl | None


@dataclass(slots=True)
class _Note:
    """What was done for a call: the targets that were prepared for, with what came of it."""

    done: dict[Target, tuple[Request, Request, tuple[Marked, ...]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Held:
    """A plan, whose it is, and until when it holds."""

    target: Target
    plan: Plan | None
    until: float


class Prompts:
    """A PromptCache that marks what pays for itself. One for a process; used in its loop alone."""

    def __init__(
        self,
        book: Callable[[], PriceBook],
        *,
        known: Iterable[Known] = (),
        workers: int = 1,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take the price book, and what the log knows of each kind of call.

        `workers` processes share the calls: the limit of calls a minute is divided by it.
        """
        self._book = book
        self._clock = clock
        self._today = today
        self._workers = workers
        self._plans: dict[tuple[str, int], _Held] = {}
        self.sights = Sights()
        self._names = Names()
        for each in known:
            for name in ("tools", "system", "marker"):
                kind = self.sights.kind((name, False, *each.name), UNKNOWN)
                kind.add(each.again, each.again, each.sights)

    def prepared(self, call: Call, target: Target, request: Request) -> Request:
        """Return the request with its breakpoints, or with its prompt's name; the same object where nothing changes."""
        chosen = self._plan(call.serving, target)
        if chosen is None:
            return request
        note: _Note = call.notes.setdefault(NOTE, _Note())
        done = note.done.get(target)
        if done is not None and done[0] is request:
            return done[1]  # a further try: the same request, seen once
        seen: tuple[Marked, ...] = ()
        if chosen.how == "key":
            most = chosen.calls_per_minute
            limit = None if most is None else most / self._workers
            result = self._names.named(call, request, chosen.key, limit, self._clock())
        else:
            result, seen = self._with_breakpoints(call, target, request, chosen)
        note.done[target] = (request, result, seen)
        return result

    def _with_breakpoints(
        self, call: Call, target: Target, request: Request, chosen: Plan
    ) -> tuple[Request, tuple[Marked, ...]]:
        scanned = scan(request)
        found = cut(request) if scanned.marker else Cut(request)
        if scanned.cached:
            # The caller knows best; where he has set a marker as well, it holds.
            if found.where is None:
                return request, ()
            return place(request, Policy(chosen.ttl or "5m", minimum_tokens=chosen.least)), ()
        if not long_enough(found.request, scanned, chosen.least):
            return found.request, ()
        looked = self._looked(call, target, found, chosen)
        spots = {each.candidate.spot: each.ttl for each in looked if each.ttl is not None}
        return marked(found.request, spots), tuple(looked)

    def _looked(self, call: Call, target: Target, found: Cut, chosen: Plan) -> list[Marked]:
        """Count a sight of each prefix and choose the ones to mark."""
        now = self._clock()
        names = kind_of(call)
        sights = self.sights
        looked: list[tuple[Candidate, Sight, Ttl | None]] = []
        start = hash((target.provider, target.model))
        steps = names[1] is not None and names[3]  # an agent's session: each step sends all before it again
        for each in candidates(found, chosen.places, start, sights.prefixes):
            place, volatile = each.place, each.after_volatile
            expected = place == "marker" or place == "block" or (steps and not volatile)
            kind = sights.kind((place, volatile, *names), EXPECTED if expected else UNKNOWN)
            sight = sights.look(each.key, now, kind, each.before)
            long = tokens_at_least(each.characters) >= chosen.least
            looked.append((each, sight, worth(sight, chosen) if long else None))
        return _fitted(looked)

    def _plan(self, serving: Serving, target: Target) -> Plan | None:
        key = (serving.digest, id(target))  # hashing a target takes longer than finding it
        held = self._plans.get(key)
        now = self._clock()
        if held is None or held.until < now or held.target is not target:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            held = _Held(target, plan(serving.config, target, self._book(), self._today()), now + _HOUR)
            self._plans[key] = held
        return held.plan

    def seen(self, call: Call, outcome: Outcome) -> None:
        """Learn from what the provider says it read and wrote: a cache may not keep what it is given."""
        note: _Note | None = call.notes.get(NOTE)
        if note is None:
            return
        for attempt in outcome.attempts:
            done = note.done.get(attempt.target)
            if done is not None and done[2] and attempt.status == "ok" and attempt.usage.source == "reported":
                _learn(done[2], attempt.usage)


def kind_of(call: Call) -> tuple[str | None, str | None, str | None, bool]:
    """Return what calls have in common whose prompts are alike: tenant, agent, intent, and whether it is a session."""
    labels = call.labels
    tenant = call.identity.tenant or labels.get("tenant")
    return tenant, labels.get("agent_id"), labels.get("intent"), "session_id" in labels


def worth(sight: Sight, chosen: Plan) -> Ttl | None:
    """Return for how long a prefix is to be kept; None where that would cost more than it saves."""
    charges = chosen.charges
    assert charges is not None  # a plan with breakpoints has them
    short, long = sight.chances()
    found: Ttl | None = None
    least = 1.0
    if chosen.ttl != "1h" and short >= chosen.min_reads * (1 - short):
        cost = short * charges.read + (1 - short) * charges.write_5m
        if cost < least:
            found, least = "5m", cost
    if chosen.ttl != "5m" and long >= chosen.min_reads * (1 - long):
        cost = long * charges.read + (1 - long) * charges.write_1h
        if cost < least:
            found = "1h"
    return found


def _fitted(looked: Sequence[tuple[Candidate, Sight, Ttl | None]]) -> list[Marked]:
    """Return the prefixes with as many breakpoints as the wire takes, none of an hour after one of five minutes."""
    wanted = [number for number, (_, _, ttl) in enumerate(looked) if ttl is not None]
    if len(wanted) > MOST_BREAKPOINTS:
        wanted.sort(key=lambda number: _RANKS[looked[number][0].place])
        wanted = wanted[:MOST_BREAKPOINTS]
    kept, found, short = set(wanted), [], False
    for number, (candidate, sight, ttl) in enumerate(looked):
        given = ttl if number in kept else None
        if given is not None:
            given = "5m" if short else given
            short = short or given == "5m"
        sight.prefix.kept = given is not None
        found.append(Marked(candidate, sight, given))
    return found


def _learn(seen: Iterable[Marked], usage: Usage) -> None:
    read, whole = usage.cache_read_input_tokens, usage.input_tokens
    told = [each for each in seen if each.ttl is not None]
    if read is None or not whole or not told:
        return
    written = usage.cache_creation_input_tokens or 0
    if not read and not written:
        return  # too short for this model, whatever is known of it: nobody was charged
    # Up to the last breakpoint all was read or written.
    longest = max(each.candidate.characters for each in told)
    for candidate, sight, ttl in told:
        tokens = candidate.characters / longest * (read + written)
        sight.told(read >= tokens * _ENOUGH, 1 if ttl == "1h" else 0)
