"""A circuit breaker for each target, shared by all calls of a process.

Nothing here reads a clock: each function is told the time, in seconds of any clock that mostly goes forward.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

from tokenop.providers.base import Target
from tokenop.routing.model import Breaker

Door = Literal["closed", "resting", "probing", "open"]
Verdict = Literal["answered", "failed", "unknown"]
Key = tuple[str, str | None, str, str | None]
# Readings of several threads arrive a little out of order. What goes back further is another clock.
LEAST_JUMP_BACK = 1.0


def key_of(target: Target) -> Key:
    """Return what a breaker belongs to: the same model at the same address with the same key, whatever its name."""
    return (target.provider, target.base_url, target.model, target.api_key_env)


@dataclass(slots=True)
class Ticker:
    """A clock that never goes back, made of readings that may: what goes back by much counts as no time at all."""

    time: float = 0.0
    last: float | None = None

    def at(self, reading: float) -> float:
        """Return the time at a reading, in seconds since the first one."""
        if self.last is None:
            self.last = reading
        passed = reading - self.last
        if passed > 0:
            self.time += passed
        if passed > 0 or passed < -LEAST_JUMP_BACK:
            self.last = reading
        return self.time


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to ask a target once. `kind` says why: its circuit is closed, it is tried out, or nobody else is left."""

    key: Key
    kind: Literal["closed", "probe", "forced"]
    generation: int


@dataclass(slots=True)
class _State:
    failures: deque[float] = field(default_factory=deque)
    open_until: float | None = None
    resting_until: float = 0.0
    probe_until: float | None = None
    last_failed: float = -1.0
    generation: int = 0


class Breakers:
    """The circuits of all targets. Safe to use from several threads; one for a process.

    `failures` failures within `window_seconds`, with no answer in between, open a circuit. An answer in between starts
    the count anew, so that five failures in a million calls open nothing. After `open_seconds` one call may try the
    target out: its answer closes the circuit, its failure opens it again.
    """

    def __init__(self, rule: Breaker | None = None) -> None:
        self.rule = rule or Breaker()
        self._states: dict[Key, _State] = {}
        self._ticker = Ticker()
        self._lock = Lock()

    def admit(self, target: Target, now: float, lease: float = 600.0) -> Pass | None:
        """Return leave to ask `target`, or None where its circuit is open.

        `lease` says after how many seconds a trial whose outcome nobody told counts as lost, so that another is let in.
        """
        with self._lock:
            time, key = self._ticker.at(now), key_of(target)
            state = self._states.get(key)
            if state is None:
                return Pass(key, "closed", 0)
            if time < state.resting_until:
                return None
            if state.open_until is None:
                return Pass(key, "closed", state.generation)
            if time < state.open_until or (state.probe_until is not None and time < state.probe_until):
                return None
            state.probe_until = time + lease
            state.generation += 1
            return Pass(key, "probe", state.generation)

    def force(self, target: Target) -> Pass:
        """Return leave to ask `target` whatever its circuit says: nobody else is left."""
        with self._lock:
            key = key_of(target)
            state = self._states.get(key)
            return Pass(key, "forced", state.generation if state else 0)

    def told(self, given: Pass, verdict: Verdict, now: float, rest: float | None = None) -> None:
        """Take note of what came of a call.

        Args:
            given: the leave that the call had.
            verdict: whether the provider answered (also: that the request is wrong), failed, or neither is known.
            now: the time.
            rest: seconds for which the provider asked to be left alone; at most `open_seconds` of them count.
        """
        with self._lock:
            time = self._ticker.at(now)
            if verdict == "answered" and given.key not in self._states:
                return
            state = self._states.setdefault(given.key, _State())
            holds_trial = given.kind == "probe" and given.generation == state.generation
            if holds_trial:
                state.probe_until = None
            # What was let in before the circuit last changed says nothing of the time after.
            current = given.kind != "closed" or given.generation == state.generation
            if verdict == "failed":
                self._failed(state, time, counts=current, reopen=holds_trial)
                if rest is not None and rest > 0:
                    state.resting_until = max(state.resting_until, time + min(rest, self.rule.open_seconds))
            elif verdict == "answered" and current:
                if state.open_until is not None:
                    state.generation += 1
                state.open_until = state.probe_until = None
                state.failures.clear()
                if given.kind == "forced":
                    state.resting_until = 0.0

    def _failed(self, state: _State, time: float, *, counts: bool, reopen: bool) -> None:
        state.last_failed = time
        if reopen:
            state.open_until = time + self.rule.open_seconds
            state.generation += 1
        elif counts and state.open_until is None:
            state.failures.append(time)
            while state.failures and state.failures[0] < time - self.rule.window_seconds:
                state.failures.popleft()
            if len(state.failures) >= self.rule.failures:
                state.failures.clear()
                state.open_until = time + self.rule.open_seconds
                state.generation += 1

    def last_failed(self, target: Target) -> float:
        """Return when `target` last failed, for comparing targets; -1 where it never did."""
        with self._lock:
            state = self._states.get(key_of(target))
            return state.last_failed if state else -1.0

    def door(self, target: Target, now: float) -> Door:
        """Return how the circuit of `target` stands; changes nothing. `resting`: closed, but asked to be left alone."""
        with self._lock:
            time = self._ticker.at(now)
            state = self._states.get(key_of(target))
            if state is None:
                return "closed"
            if state.open_until is None:
                return "resting" if time < state.resting_until else "closed"
            return "probing" if state.probe_until is not None and time < state.probe_until else "open"


class Notices:
    """Tells each thing once, however often it is met. Safe to use from several threads; one for a process."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: set[str] = set()
        self._lock = Lock()

    def once(self, text: str) -> None:
        """Tell `text`, unless it was told before."""
        with self._lock:
            new = text not in self._told
            self._told.add(text)
        if new:
            self._tell(text)
