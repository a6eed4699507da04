"""An answer, read: its words, the JSON or the code in it. What a model wrote is hostile until it is read here.

Every reader takes time in proportion to the answer's length, and the length is bounded before anything is read.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenop.catalogue.linting.text import visible
from tokenop.evals.model import Checked
from tokenop.providers.model import Response

MAX_CHARACTERS = 200_000
MAX_DEPTH = 60
MAX_DIGITS = 400
MAX_CALLS = 200
_SHOWN = 80
_LONGEST_DETAIL = 240
_FENCE = re.compile(r" {0,3}(`{3,})([^`]{0,60})\Z")
_THOUGHT = re.compile(r"\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)


class UnreadableError(Exception):
    """The answer does not have the form that the check reads; the message says what is wrong, in one clause."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What checks read of a response: its words without what was thought, and the calls that it asks for."""

    text: str
    calls: tuple[tuple[str, Mapping[str, Any] | None], ...] = ()

    @classmethod
    def of(cls, response: Response) -> Answer:
        """Return the answer of a response.

        Raises:
            UnreadableError: it is longer than any right answer can be.
        """
        length = sum(len(getattr(part, "text", "")) for part in response.parts)
        if length > MAX_CHARACTERS:
            raise UnreadableError(f"the answer has {length} characters, more than {MAX_CHARACTERS}")
        calls = response.tool_calls
        if len(calls) > MAX_CALLS:
            raise UnreadableError(f"the answer asks for {len(calls)} calls, more than {MAX_CALLS}")
        for call in calls:
            _bounded(call.arguments, "the arguments of a call")
        thought = _THOUGHT.match(response.text)
        text = response.text[thought.end() :] if thought else response.text
        text = text.encode("utf-8", "replace").decode()  # half a surrogate pair can be written nowhere
        return cls(text, tuple((call.name, call.arguments) for call in calls))


def passed(detail: str = "as wanted") -> Checked:
    """Return that an answer is right."""
    return Checked("pass", one_line(detail))


def failed(detail: str) -> Checked:
    """Return that an answer is wrong, and why, in one line that steers no terminal."""
    return Checked("fail", one_line(detail))


def unknown(detail: str) -> Checked:
    """Return that nothing could be found out, and why."""
    return Checked("infrastructure", one_line(detail))


def one_line(text: str) -> str:
    """Return words on one line of bounded length, without control characters."""
    line = visible(text[: 4 * _LONGEST_DETAIL]).replace("\r", " ")
    line = line.encode("utf-8", "replace").decode()
    return line if len(line) <= _LONGEST_DETAIL else line[: _LONGEST_DETAIL - 1] + "…"


def shown(value: object) -> str:
    """Return a value as a few characters of JSON, for a detail."""
    if isinstance(value, str):
        text = json.dumps(value[: 2 * _SHOWN], ensure_ascii=False)
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def fenced(text: str) -> list[tuple[str, str]]:
    """Return the fenced blocks of an answer: the language in small letters, and what stands in the block.

    A block that is not closed is none. One pass over the lines: a pattern for whole blocks could take quadratic time.
    """
    blocks: list[tuple[str, str]] = []
    ticks, language, inside = "", "", [""]
    for line in text.replace("\r\n", "\n").split("\n"):
        fence = _FENCE.match(line)
        if not ticks and fence:
            ticks, language, inside = fence[1], fence[2].strip().lower(), []
        elif ticks and fence and not fence[2].strip() and len(fence[1]) >= len(ticks):
            blocks.append((language, "".join(f"{one}\n" for one in inside)))
            ticks = ""
        elif ticks:
            inside.append(line)
    return blocks


def unfenced(text: str) -> str:
    """Return what stands in the answer's one fenced block; the whole answer where there is none, or more than one."""
    blocks = fenced(text)
    return blocks[0][1] if len(blocks) == 1 else text


def labelled(text: str, label: str, rest: bool = False) -> str:
    """Return what follows `LABEL:` on the last line that begins with it; marks of emphasis around it do not count.

    With `rest` it goes on to the end of the answer.

    Raises:
        UnreadableError: no line begins with it.
    """
    wanted = label.casefold() + ":"
    lines = text.splitlines()
    for number in range(len(lines) - 1, -1, -1):
        bare = lines[number].strip().strip("*_`#> \t").replace("**", "").replace("__", "")
        if bare.casefold().startswith(wanted):
            following = lines[number + 1 :] if rest else []
            if sum(1 for line in lines[:number] if _FENCE.match(line)) % 2:  # the label stands in a fenced block
                end = next((i for i, line in enumerate(following) if _FENCE.match(line)), len(following))
                del following[end : end + 1]
            return "\n".join([bare[len(wanted) :].strip().strip("*_` "), *following]).strip()
    raise UnreadableError(f"no line begins with {label}:")


def parsed(text: str) -> Any:
    """Return the JSON of an answer: the whole of it, or its one fenced block.

    Raises:
        UnreadableError: it is no JSON, or JSON with repeated keys, NaN, endless numbers or bottomless nesting.
    """
    text = unfenced(text).strip().removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    if not text:
        raise UnreadableError("the answer is empty")
    if _depth(text) > MAX_DEPTH:
        raise UnreadableError(f"the JSON is nested deeper than {MAX_DEPTH} levels")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float
        )
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"is no JSON: {error}") from None
    _bounded(value, "the JSON")
    return value


def _depth(text: str) -> int:
    """Return how deep the brackets nest, those in strings left out."""
    deepest = depth = 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', text, re.DOTALL):
        first = token[0][0]
        if first in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in "]}":
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise UnreadableError("a key stands twice in one object")
    return made


def _constant(word: str) -> Any:
    raise UnreadableError(f"{word} is no number in JSON")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise UnreadableError(f"a number has {len(digits)} digits")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits) if len(digits) <= MAX_DIGITS else math.inf
    if math.isinf(number):
        raise UnreadableError("a number is too large, or has too many digits")
    return number


def _bounded(value: Any, what: str) -> None:
    """Refuse what nests without end, holds too much, or cannot be said in JSON.

    Raises:
        UnreadableError: it does; `what` is how the message calls it.
    """
    waiting, seen = [(value, 0)], 0
    while waiting:
        one, depth = waiting.pop()
        seen += len(one) if isinstance(one, str) else 1
        if depth > MAX_DEPTH or seen > MAX_CHARACTERS:
            raise UnreadableError(f"{what} is larger or deeper than any right one")
        if isinstance(one, str) and not _sayable(one):
            raise UnreadableError(f"{what} holds half a surrogate pair")
        if isinstance(one, float) and not math.isfinite(one):
            raise UnreadableError(f"{what} holds a number that is not finite")
        if isinstance(one, int) and one.bit_length() > 4 * MAX_DIGITS:
            raise UnreadableError(f"{what} holds a number with too many digits")
        if isinstance(one, Mapping):
            waiting += [(item, depth + 1) for pair in one.items() for item in pair]
        elif isinstance(one, list | tuple):
            waiting += [(item, depth + 1) for item in one]


def _sayable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
