"""Regular expressions in time linear in the text, whatever the pattern: a lazily built automaton, as RE2's.

Python's own `re` backtracks: a pattern of 20 characters can take hours. What is read here is the part of RE2's syntax
that people use in rules, with RE2's meaning (digits are ASCII, `$` is the very end, `.` is anything but a line end),
since that is what DuckDB runs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from tokenop.routing.predicates.needed import needed
from tokenop.routing.predicates.regex import Either, Loop, Mark, Node, Series, Set, parse

_LAST = 0x110000
_MOST_STATES = 500  # kept at a time; beyond it begins anew, so that no text can fill the memory


@dataclass(slots=True)
class _Program:
    """The automaton with free steps: each step is a set of characters, a mark, a fork or the end."""

    sets: list[Set | None] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    free: list[list[int]] = field(default_factory=list)

    def step(self, one: Set | None = None, mark: str = "") -> int:
        self.sets.append(one)
        self.marks.append(mark)
        self.free.append([])
        return len(self.sets) - 1


@dataclass(slots=True)
class _State:
    """What the automaton may be in after some characters. `following` is by class of character, filled when asked."""

    steps: frozenset[int]
    found: bool
    found_at_end: bool
    following: list[_State | None]


class Automaton:
    """One compiled pattern. Safe to share between threads: what two work out at once is the same."""

    def __init__(self, pattern: str, *, whole: bool = False) -> None:
        """Read `pattern`; `whole` asks for the text from its first to its last character.

        Raises:
            ValueError: the pattern is not of the syntax that is read here; the message says what and where.
        """
        self._whole = whole
        program = _Program()
        node = parse(pattern)
        self._needed = needed(node)
        self._last = program.step()
        self._program = program
        self._start = self._built(node, self._last)
        self._bounds = self._classes()
        self._ascii = bytes([bisect_right(self._bounds, code) for code in range(128)]).ljust(256)
        self._states: dict[frozenset[int], _State] = {}
        self._again = frozenset() if whole else self._closed({self._start}, at_start=False)
        self._first = self._state(self._closed({self._start}, at_start=True))
        # For the empty text both marks hold at once.
        self._empty = self._ends(self._first.steps, at_start=True)

    def matches(self, text: str) -> bool:
        """Return whether the pattern is found in `text` (`whole`: is all of it)."""
        for one in self._needed:
            if one in text:
                break
        else:
            if self._needed:
                return False
        state = self._first
        if state.found:
            return True
        if not text:
            return self._empty
        for kind in self._kinds(text):
            following = state.following[kind]
            state = following if following is not None else self._follow(state, kind)
            if state.found:
                return True
        return state.found_at_end

    def _kinds(self, text: str) -> Iterable[int]:
        """Return the class of each character; of most texts in one go."""
        if text.isascii():
            return text.encode("ascii").translate(self._ascii)
        bounds = self._bounds
        return [bisect_right(bounds, ord(character)) for character in text]

    def _follow(self, state: _State, kind: int) -> _State:
        code = self._bounds[kind - 1] if kind else 0
        sets, free = self._program.sets, self._program.free
        reached = {free[step][0] for step in state.steps if (one := sets[step]) is not None and code in one}
        following = self._state(self._closed(reached, at_start=False) | self._again)
        state.following[kind] = following
        return following

    def _state(self, steps: frozenset[int]) -> _State:
        known = self._states.get(steps)
        if known is not None:
            return known
        if len(self._states) >= _MOST_STATES:
            self._states = {}
        found_at_end = self._ends(steps, at_start=False)
        found = not self._whole and self._last in steps
        state = _State(steps, found, found_at_end, [None] * (len(self._bounds) + 1))
        self._states[steps] = state
        return state

    def _ends(self, steps: frozenset[int], *, at_start: bool) -> bool:
        return self._last in self._closed(set(steps), at_start=at_start, at_end=True)

    def _closed(self, steps: set[int], *, at_start: bool, at_end: bool = False) -> frozenset[int]:
        """Return `steps` and all that is reached from them without a character."""
        marks, sets, free = self._program.marks, self._program.sets, self._program.free
        reached: set[int] = set()
        waiting = list(steps)
        while waiting:
            step = waiting.pop()
            if step in reached:
                continue
            reached.add(step)
            if sets[step] is not None or (marks[step] == "^" and not at_start) or (marks[step] == "$" and not at_end):
                continue
            waiting += free[step]
        return frozenset(reached)

    def _built(self, node: Node, after: int) -> int:
        """Add the steps of `node`, which lead to `after`; return where they begin."""
        program = self._program
        if isinstance(node, Set | Mark):
            step = program.step(node) if isinstance(node, Set) else program.step(mark=node.sign)
            program.free[step].append(after)
            return step
        if isinstance(node, Series):
            for one in reversed(node.of):
                after = self._built(one, after)
            return after
        if isinstance(node, Either):
            fork = program.step()
            program.free[fork] = [self._built(one, after) for one in node.of]
            return fork
        return self._looped(node, after)

    def _looped(self, node: Loop, after: int) -> int:
        program = self._program
        if node.most is None:
            fork = program.step()
            program.free[fork] = [self._built(node.of, fork), after]
            begin = fork
        else:
            begin = after
            for _ in range(node.most - node.least):
                fork = program.step()
                program.free[fork] = [self._built(node.of, begin), after]
                begin = fork
        for _ in range(node.least):
            begin = self._built(node.of, begin)
        return begin

    def _classes(self) -> list[int]:
        """Return the characters at which a class of characters begins that no set tells apart."""
        bounds = {
            edge for one in self._program.sets if one is not None for first, last in one.ranges
            for edge in (first, last + 1)
        }  # fmt: skip
        return sorted(edge for edge in bounds if 0 < edge < _LAST)
