"""GitHub's expressions, as far as our workflows use them: `${{ github.event_name == 'schedule' }}`.

What is not known here is an error: a workflow that begins to use it fails its rehearsal, and is not misread.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][\w-]*)"
    r"|(?P<sign>==|!=|&&|\|\||[!().,\[\]]))"
)
_INSIDE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_STATUS = re.compile(r"\b(?:always|success|failure|cancelled)\s*\(")


class Contexts:
    """What expressions can name, and what has happened so far."""

    def __init__(self, values: Mapping[str, Any], failed: bool = False, cancelled: bool = False) -> None:
        self.values = values
        self.functions: dict[str, Callable[..., Any]] = {
            "always": lambda: True,
            "success": lambda: not failed and not cancelled,
            "failure": lambda: failed,
            "cancelled": lambda: cancelled,
            "toJSON": lambda value: json.dumps(value, indent=2),
            "fromJSON": json.loads,
            "contains": _contains,
            "startsWith": lambda text, start: _text(text).lower().startswith(_text(start).lower()),
        }

    def filled(self, text: str) -> str:
        """Return a text with the values of its expressions."""
        return _INSIDE.sub(lambda found: _text(self.value(found[1])), text)

    def holds(self, condition: str | None) -> bool:
        """Return whether a step or job with this `if` runs; without a word on success it needs success."""
        text = (condition or "success()").strip()
        inside = _INSIDE.fullmatch(text)
        inner = inside[1] if inside else text
        return (bool(_STATUS.search(inner)) or self.functions["success"]()) and _true(self.value(inner))

    def value(self, text: str) -> Any:
        """Return the value of one expression."""
        reader = _Reader(text, self)
        value = reader.either()
        assert reader.at == len(reader.tokens), f"cannot read the expression {text!r}"
        return value


class _Reader:
    """Reads one expression from left to right."""

    def __init__(self, text: str, contexts: Contexts) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.at, self.contexts = 0, contexts
        place, text = 0, text.rstrip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            assert found, f"cannot read the expression {text!r}"
            self.tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            place = found.end()

    def take(self, *signs: str) -> str:
        """Return the next token if it is one of `signs`, and go on; else an empty text."""
        if self.at < len(self.tokens) and self.tokens[self.at] in [("sign", sign) for sign in signs]:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return ""

    def either(self) -> Any:
        value = self.both()
        while self.take("||"):
            other = self.both()
            value = value if _true(value) else other
        return value

    def both(self) -> Any:
        value = self.equal()
        while self.take("&&"):
            other = self.equal()
            value = other if _true(value) else value
        return value

    def equal(self) -> Any:
        value = self.single()
        while sign := self.take("==", "!="):
            other = self.single()
            alike = value.lower() == other.lower() if isinstance(value, str) and isinstance(other, str) else None
            value = ((value == other) if alike is None else alike) is (sign == "==")
        return value

    def single(self) -> Any:
        if self.take("!"):
            return not _true(self.single())
        if self.take("("):
            value = self.either()
            assert self.take(")")
            return value
        kind, word = self.tokens[self.at]
        self.at += 1
        if kind == "text":
            return word[1:-1].replace("''", "'")
        if kind == "number":
            return float(word)
        assert kind == "name", f"{word!r} stands where a value must"
        if self.take("("):
            return self.called(word)
        constants = {"true": True, "false": False, "null": None}
        return constants[word] if word in constants else self.named(word)

    def called(self, name: str) -> Any:
        arguments = []
        while not self.take(")"):
            arguments.append(self.either())
            self.take(",")
        return self.contexts.functions[name](*arguments)

    def named(self, name: str) -> Any:
        value = self.contexts.values[name]
        while sign := self.take(".", "["):
            if sign == "[":
                key = self.either()
                assert self.take("]")
            else:
                key = self.tokens[self.at][1]
                self.at += 1
            value = value.get(key) if isinstance(value, Mapping) else None
        return value


def _contains(where: Any, what: Any) -> bool:
    return what in where if isinstance(where, list) else _text(what).lower() in _text(where).lower()


def _true(value: Any) -> bool:
    return value not in (None, False, 0, "")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    assert not isinstance(value, Mapping | list), "an object stands where a text must: use toJSON"
    return str(value)
