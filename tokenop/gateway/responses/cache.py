"""Kept answers: looked for before a call is routed, taken note of when it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from tokenop.gateway.model import Call, Hit, Outcome, Serving, Settings
from tokenop.gateway.responses import embedding, kept
from tokenop.gateway.responses.agreement import agree
from tokenop.gateway.responses.counting import Counts
from tokenop.gateway.responses.kept import Line
from tokenop.gateway.responses.keys import Key, key_of, skipped
from tokenop.gateway.responses.learning import UNLEARNED, Sample
from tokenop.gateway.responses.mind import Mind
from tokenop.gateway.responses.policy import Policy, folder_of, limits_of, policy_of
from tokenop.gateway.responses.quality import COMPLETE, quality
from tokenop.gateway.responses.room import Room
from tokenop.gateway.responses.store import Entry, line_of
from tokenop.providers.model import Response
from tokenop.routing.chain.charging import biller_of

if TYPE_CHECKING:
    from tokenop.gateway.responses.embedding import Vector
    from tokenop.gateway.responses.near import Elsewhere

NAME = "responses"
"""Under this name a call's notes hold what is to be remembered until it ends."""


@dataclass(slots=True)
class Note:
    """What is remembered of a call that was not answered from here.

    `candidate` is the answer that would have been given, with its likeness, where the fresh one is held against it.
    """

    key: Key
    policy: Policy
    space: str | None = None
    vector: Vector | None = None
    candidate: tuple[float, Response] | None = None


class Responses:
    """The cache of answers of one process. See `tokenop.gateway.model.ResponseCache`.

    Nothing is opened and nothing imported before a config asks for it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        tell: Callable[[str], object],
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """Take how the gateway was started, and who is told what a person should know.

        `wall` gives seconds since 1970, `clock` seconds that never jump. `elsewhere` does what takes long or waits for
        a disk: threads of its own by default.
        """
        self._settings = settings
        self._tell = tell
        self._wall = wall
        self._clock = clock
        self._elsewhere = elsewhere
        self._serving: Serving | None = None
        self._policy: Policy | None = None
        self._room: Room | None = None
        self._mind: Mind | None = None
        self.counts = Counts()

    def begin(self, serving: Serving) -> None:
        """Begin to read what was kept before, where `serving` asks for it: so that the first call finds it."""
        if self._in_force(serving) is not None and self._room is not None:
            self._room.look_after(self._clock())

    async def look_up(self, call: Call) -> Hit | None:
        """Return an answer kept from before, and say in `call.cached` what was done."""
        policy = self._policy if call.serving is self._serving else self._in_force(call.serving)
        if policy is None:
            return None
        room = self._room
        assert room is not None
        call.cached = "skipped"
        said = call.headers.get("cache-control", "").lower()
        why = "asked" if "no-store" in said else skipped(call, policy)
        room.look_after(self._clock())
        mind = self._mind
        key = None if why else key_of(call, policy, semantic=mind is not None and mind.ready)
        if key is None:
            self.counts.left_out(why or "key")
            return None
        note = Note(key, policy)
        call.notes[NAME] = note
        if "no-cache" in said:
            self.counts.left_out("asked")
            return None
        call.cached = "miss"
        now = self._wall()
        hit = self._exact(room, note, now) if policy.exact else None
        if hit is None and mind is not None and key.partition is not None:
            hit = await self._semantic(call, room, mind, note, now)
        if hit is None:
            self.counts.missed += 1
            return None
        del call.notes[NAME]
        call.cached = hit.kind
        return hit

    def _exact(self, room: Room, note: Note, now: float) -> Hit | None:
        entry = room.index.get(note.key.digest, now - note.policy.ttl)
        line = None if entry is None else self._line(room, entry, note.policy)
        return None if line is None else self._hit(line, "exact", 1.0)

    def _line(self, room: Room, entry: Entry, policy: Policy) -> Line | None:
        line = line_of(entry)
        if line is None:
            room.index.drop(entry)
            return None
        room.index.used(entry)
        return line if (line.quality or 0.0) > policy.min_quality else None

    def _hit(self, line: Line, kind: Any, likeness: float) -> Hit | None:
        response = kept.response_of(line.answer)
        if response is None:
            return None
        self.counts.hit(kind, line.tokens, line.usd)
        return Hit(kind, response, line.provider, line.tokens, likeness)

    async def _semantic(self, call: Call, room: Room, mind: Mind, note: Note, now: float) -> Hit | None:
        key, policy = note.key, note.policy
        assert key.partition is not None
        assert key.question is not None
        note.vector, note.space = await mind.embedder.embed(key.question), mind.embedder.space
        if note.vector is None:
            self.counts.unembedded += 1
            return None
        found = self._nearest(room, mind, note, now - policy.ttl)
        if found is None:
            return None
        likeness, line = found
        threshold = mind.learners.threshold(call.identity.tenant, now)
        # Drawn apart from likeness and threshold: what is compared must be a fair picture of what is given.
        if threshold is None or _drawn(call.operation_id) < policy.shadow_share:
            response = kept.response_of(line.answer)
            note.candidate = None if response is None else (likeness, response)
            return None
        return self._hit(line, "semantic", likeness) if likeness >= threshold else None

    def _nearest(self, room: Room, mind: Mind, note: Note, oldest: float) -> tuple[float, Line] | None:
        assert note.key.partition is not None
        assert note.vector is not None
        for likeness, key in room.index.nearest(note.key.partition, note.vector):
            if likeness < mind.floor:
                return None
            entry = room.index.get(key, oldest)
            line = None if entry is None else self._line(room, entry, note.policy)
            if line is not None:
                return likeness, line
        return None

    def keep(self, call: Call, outcome: Outcome) -> None:
        """Take note of an answer, whole or not: it decides by itself what is worth keeping. Returns at once."""
        note = call.notes.pop(NAME, None)
        response = outcome.response
        room = self._room
        if note is None or response is None or room is None or not 200 <= outcome.status < 300:
            return
        now = self._wall()
        if note.candidate is not None:
            self._compare(call, note, response, room, now)
        if response.finish not in COMPLETE or not _as_asked(call, outcome):
            return
        score = quality(call.request, outcome)
        if score <= note.policy.min_quality:
            self.counts.poor += 1
            return
        line = _line(call, note, outcome, response, now, score)
        raw = None if line is None else kept.written(line)
        if line is None or raw is None:
            return
        self.counts.kept += 1
        _, partition, vector = line.ids()
        if line.space != room.space:
            partition = vector = None
        room.keep(Entry(note.key.digest, now, partition, len(raw)), vector, raw)

    def _compare(self, call: Call, note: Note, fresh: Response, room: Room, now: float) -> None:
        mind, candidate = self._mind, note.candidate
        # An answer that was cut says nothing about the kept one; one that was refused does.
        if mind is None or candidate is None or fresh.finish not in COMPLETE | {"refused"}:
            return
        likeness, before = candidate
        bad = fresh.finish == "refused" or not agree(before, fresh, note.policy.agreement)
        self.counts.compared += 1
        self.counts.differed += bad
        if note.space == mind.embedder.space and note.policy.agreement == mind.agreement:
            question = int.from_bytes(note.key.digest[:7])
            room.sample(Sample(now, call.identity.tenant, round(likeness, 4), bad, mind.learners.space, question))

    def _in_force(self, serving: Serving) -> Policy | None:
        """Return what `serving` says, after making all ready for it."""
        policy = policy_of(serving)
        self._serving, self._policy = serving, policy
        if policy is None:
            return None
        limits = limits_of(serving.own)
        if self._room is None:
            folder = folder_of(self._settings.state)
            self._room = Room(folder, limits, self.counts, self._tell, self._wall, self._elsewhere)
        if not policy.semantic:
            mind = None
        elif self._mind is not None and self._mind.fits(policy):
            mind = self._mind
        else:
            mind = Mind(policy, self._settings.env, self._room.build)
        before, self._mind = self._mind, mind
        self._room.arrange(limits, policy, mind)
        if before is not None and before is not mind:
            self._room.later(before.embedder.close)
        return policy

    def gauges(self) -> dict[str, float]:
        """Return figures for whoever watches: entries, and what was learned of the tenant where the bound is worst."""
        if self._room is None:
            return {}
        found = {"cache_entries": float(len(self._room.index))}
        if self._mind is not None:
            learned = self._mind.learners.learned(self._wall()).values()
            # Where some are served, they count; before that, how far learning has come.
            worst = max(learned, key=lambda one: (one.threshold is not None, one.bound), default=UNLEARNED)
            found["cache_false_hit_bound"] = worst.bound
            found["cache_false_hit_samples"] = float(worst.n)
            found["cache_likeness_threshold"] = 2.0 if worst.threshold is None else worst.threshold
        return found

    async def close(self) -> None:
        """Write what waits, and close everything."""
        if self._mind is not None:
            await self._mind.embedder.close()
        if self._room is not None:
            self._room.close()
        self._room, self._mind, self._serving, self._policy = None, None, None, None


def _drawn(operation_id: str) -> float:
    """Return a number from 0 to 1 that depends on nothing but the operation."""
    return int.from_bytes(blake2b(operation_id.encode("utf-8", "replace"), digest_size=7).digest()) / 2**56


def _as_asked(call: Call, outcome: Outcome) -> bool:
    """Return whether he answered who should: not a cheaper one for want of money, nor another model than the named."""
    if call.decision is None or not outcome.attempts:
        return True
    last = outcome.attempts[-1]
    if last.target not in call.decision.chain:
        return False
    return not (last.fallback_used and call.decision.by == "asked" and call.decision.tier is None)


def _line(call: Call, note: Note, outcome: Outcome, response: Response, now: float, score: float) -> Line | None:
    # What was billed, and not what the provider said: that may be nothing, or more than any call has.
    last = outcome.attempts[-1] if outcome.attempts else None
    used = (None, None) if last is None else (last.usage.input_tokens, last.usage.output_tokens)
    target = None if last is None else last.target
    try:
        answer = kept.answer_of(response)
    except KeyError:
        return None
    line = Line(
        key=note.key.digest.hex(),
        at=round(now, 3),
        tenant=call.identity.tenant,
        provider=biller_of(target) if target is not None else "unknown",
        answer=answer,
        tokens=None if used[0] is None or used[1] is None else min(used[0] + used[1], kept.MOST_TOKENS),
        usd=outcome.cost_usd,
        quality=score,
    )
    if note.vector is not None and note.key.partition is not None:
        line.partition, line.space = note.key.partition.hex(), note.space
        line.vector = kept.in_base64(embedding.packed(note.vector))
    return line
