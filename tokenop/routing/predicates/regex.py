"""The syntax of regular expressions that rules may use, read into a tree of bounded size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

MOST_STEPS = 1_000
_MOST_REPEATS = 100
_MOST_DEPTH = 30
_LAST = 0x10FFFF

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Set:
    """One character out of ranges of code points (both ends belong to them), which are in order and apart."""

    ranges: Ranges

    def __contains__(self, code: object) -> bool:
        """Return whether a code point is one of them."""
        return isinstance(code, int) and any(first <= code <= last for first, last in self.ranges)

    @cached_property
    def sample(self) -> str:
        """Return one character of the set, a letter where it has one; empty where it has none."""
        for wanted in "axk0- ":
            if ord(wanted) in self:
                return wanted
        return chr(self.ranges[0][0]) if self.ranges else ""


@dataclass(frozen=True)
class Mark:
    """A place: `^` the beginning of the text, `$` its end."""

    sign: str


@dataclass(frozen=True)
class Series:
    """One after the other."""

    of: tuple[Node, ...]


@dataclass(frozen=True)
class Either:
    """One of several."""

    of: tuple[Node, ...]


@dataclass(frozen=True)
class Loop:
    """`least` to `most` times (None: without end)."""

    of: Node
    least: int
    most: int | None


Node = Set | Mark | Series | Either | Loop

_DIGITS: Ranges = ((48, 57),)
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Ranges = ((9, 10), (12, 13), (32, 32))
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_LETTERS = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "a": 7}


def parse(pattern: str) -> Node:
    """Return the tree of a pattern.

    Raises:
        ValueError: something that is not read here; the message says what and at which character (from 1).
    """
    reader = _Reader(pattern)
    node = reader.either()
    if reader.at < len(pattern):
        raise reader.wrong("a ) closes nothing")
    return node


def size(node: Node) -> int:
    """Return how many steps the automaton of `node` has."""
    if isinstance(node, Set | Mark):
        return 1
    if isinstance(node, Loop):
        return (size(node.of) + 1) * max(node.most or node.least + 1, 1)
    return 1 + sum(size(one) for one in node.of)


def sample(node: Node) -> str:
    """Return a short text in which `node` is found; marks are taken as met."""
    if isinstance(node, Set):
        return node.sample
    if isinstance(node, Mark):
        return ""
    if isinstance(node, Either):
        return sample(node.of[0])
    if isinstance(node, Loop):
        return sample(node.of) * node.least
    return "".join(sample(one) for one in node.of)


def inverted(ranges: Ranges) -> Ranges:
    """Return all other characters."""
    result: list[tuple[int, int]] = []
    begin = 0
    for first, last in merged(ranges):
        if first > begin:
            result.append((begin, first - 1))
        begin = last + 1
    if begin <= _LAST:
        result.append((begin, _LAST))
    return tuple(result)


def merged(ranges: Ranges) -> Ranges:
    """Return the same characters as ranges in order that neither touch nor overlap."""
    result: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], last))
        else:
            result.append((first, last))
    return tuple(result)


class _Reader:
    """Reads a pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.depth = 0

    def wrong(self, what: str, at: int | None = None) -> ValueError:
        return ValueError(f"{what} (character {(self.at if at is None else at) + 1} of the pattern)")

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        character = self.peek()
        self.at += 1
        return character

    def either(self) -> Node:
        branches = [self.series()]
        while self.peek() == "|":
            self.at += 1
            branches.append(self.series())
        node = branches[0] if len(branches) == 1 else Either(tuple(branches))
        if size(node) > MOST_STEPS:
            raise self.wrong(f"the pattern has more than {MOST_STEPS} steps; repeat less", 0)
        return node

    def series(self) -> Node:
        found: list[Node] = []
        while self.peek() not in ("", "|", ")"):
            found.append(self.repeated())
        return found[0] if len(found) == 1 else Series(tuple(found))

    def repeated(self) -> Node:
        start = self.at
        node = self.atom()
        bounds = self.bounds()
        if bounds is None:
            return node
        if isinstance(node, Mark):
            raise self.wrong("a ^ or $ is repeated", start)
        if self.peek() == "?":  # the shortest match: whether there is one stays the same
            self.at += 1
        if self.peek() in ("*", "+", "?") or self._counted():
            raise self.wrong("two repetitions one after the other; put a group around the first")
        return Loop(node, *bounds)

    def bounds(self) -> tuple[int, int | None] | None:
        sign = self.peek()
        if sign in ("*", "+", "?"):
            self.at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
        if sign != "{":
            return None
        counted = self._counted()
        if counted is None:
            raise self.wrong(r"a { that is no repetition such as {2,5}; write \{ for the sign")
        end, least, most = counted
        if max(least, most or 0) > _MOST_REPEATS or (most is not None and most < least):
            raise self.wrong(f"a repetition must lie between 0 and {_MOST_REPEATS}, the smaller number first")
        self.at = end
        return least, most

    def _counted(self) -> tuple[int, int, int | None] | None:
        if self.peek() != "{":
            return None
        end = self.pattern.find("}", self.at)
        low, comma, high = self.pattern[self.at + 1 : max(end, self.at)].partition(",")
        if end < 0 or not _number(low) or (high and not _number(high)):
            return None
        return end + 1, int(low), (int(high) if high else None) if comma else int(low)

    def atom(self) -> Node:
        sign = self.take()
        if sign == "(":
            return self.group()
        if sign == "[":
            return Set(self.bracket())
        if sign == "\\":
            return Set(self.escape())
        if sign == ".":
            return Set(inverted(((10, 10),)))
        if sign in ("^", "$"):
            return Mark(sign)
        if sign in ("*", "+", "?"):
            raise self.wrong(f"{sign} repeats nothing", self.at - 1)
        if sign == "{":
            raise self.wrong(r"{ repeats nothing; write \{ for the sign", self.at - 1)
        return Set(((ord(sign), ord(sign)),))

    def group(self) -> Node:
        if self.peek() == "?":
            if self.pattern[self.at : self.at + 2] != "?:":
                raise self.wrong("of groups with (? only (?:…) is read here; use lower() for any case")
            self.at += 2
        self.depth += 1
        if self.depth > _MOST_DEPTH:
            raise self.wrong(f"more than {_MOST_DEPTH} groups within each other")
        node = self.either()
        self.depth -= 1
        if self.take() != ")":
            raise self.wrong("a ( is never closed", self.at - 1)
        return Series((node,)) if isinstance(node, Mark) else node

    def escape(self) -> Ranges:
        letter = self.take()
        if letter.lower() in _CLASSES and letter:
            ranges = _CLASSES[letter.lower()]
            return inverted(ranges) if letter.isupper() else ranges
        if letter in _LETTERS:
            return ((_LETTERS[letter], _LETTERS[letter]),)
        if not letter or letter.isalnum() or not letter.isascii():
            raise self.wrong(rf"\{letter} is not read here; use classes such as [a-z], \d, \w and \s", self.at - 1)
        return ((ord(letter), ord(letter)),)

    def bracket(self) -> Ranges:
        start = self.at - 1
        negated = self.peek() == "^"
        self.at += negated
        ranges: list[tuple[int, int]] = []
        first = True
        while first or self.peek() != "]":
            if not self.peek():
                raise self.wrong("a [ is never closed", start)
            first = False
            ranges += self.member(start)
        self.at += 1
        return inverted(tuple(ranges)) if negated else merged(tuple(ranges))

    def member(self, start: int) -> Ranges:
        low = self.one()
        following = self.pattern[self.at : self.at + 2]
        if not following.startswith("-") or following in ("-", "-]"):
            return low
        self.at += 1
        high = self.one()
        single = len(low) == len(high) == 1 and low[0][0] == low[0][1] and high[0][0] == high[0][1]
        if not single or high[0][0] < low[0][0]:
            raise self.wrong("a range such as a-z goes from one character to a later one", start)
        return ((low[0][0], high[0][0]),)

    def one(self) -> Ranges:
        if self.pattern[self.at : self.at + 2] == "[:":
            raise self.wrong("a named class such as [:alpha:] is not read here; write the letters")
        character = self.take()
        if not character:
            raise self.wrong("a [ is never closed", self.at - 1)
        return self.escape() if character == "\\" else ((ord(character), ord(character)),)


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4
