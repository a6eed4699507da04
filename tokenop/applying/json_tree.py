"""JSON of people as a tree with positions."""

from __future__ import annotations

import json
import re
from decimal import Decimal

from tokenop.applying.tree import MAX_DEPTH, Entry, Node, refuse

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_LONGEST = 40  # characters of a number that is read as one; a longer one is equal only to the same text
_WORDS: dict[str, tuple[str, object]] = {"true": ("boolean", True), "false": ("boolean", False), "null": ("null", None)}
_DECODER = json.JSONDecoder()
FIX = "mend it first; comments and trailing commas are no JSON, so write the change in by hand there"


def parse(text: str, name: str) -> Node | None:
    """Return the object that `text` holds, None where it is empty.

    Raises:
        FindingsError: it is no JSON, or no object; `name` is what findings call the file.
    """
    if not text.strip():
        return None
    reader = _Reader(text, name)
    root = reader.value(reader.skip(0), 0)
    if reader.skip(root.end) != len(text):
        raise refuse(name, text, root.end, "is not JSON: there is more after its end", FIX)
    if root.kind != "mapping":
        raise refuse(name, text, root.start, "is not an object of keys and values", "write the change in by hand")
    return root


class _Reader:
    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name

    def skip(self, at: int) -> int:
        found = _SPACE.match(self.text, at)
        return found.end() if found else at

    def no(self, at: int, message: str) -> Exception:
        return refuse(self.name, self.text, at, f"is not JSON: {message}", FIX)

    def value(self, at: int, depth: int) -> Node:
        """Read the value that starts at `at`."""
        if depth > MAX_DEPTH:
            raise self.no(at, f"nested deeper than {MAX_DEPTH} levels")
        first = self.text[at : at + 1]
        if first in ("{", "["):
            return self._collection(at, depth)
        if first == '"':
            text, end = self._string(at)
            return Node("scalar", at, end, value=("text", text), style='"')
        if number := _NUMBER.match(self.text, at):
            if number[2] or len(number[0]) > _LONGEST:
                return Node("scalar", at, number.end(), value=("odd", number[0]))
            said: tuple[str, object] = ("number", Decimal(number[0])) if number[1] else ("integer", int(number[0]))
            return Node("scalar", at, number.end(), value=said)
        for word, value in _WORDS.items():
            if self.text.startswith(word, at):
                return Node("scalar", at, at + len(word), value=value)
        raise self.no(at, "a value is expected here")

    def _collection(self, at: int, depth: int) -> Node:
        mapping = self.text[at] == "{"
        node = Node("mapping" if mapping else "list", at, at, flow=True)
        closing = "}" if mapping else "]"
        seen: set[str] = set()
        here = self.skip(at + 1)
        while self.text[here : here + 1] != closing or node.entries:
            key, start, after = None, here, here
            if mapping:
                key, after, here = self._key(here, seen)
            child = self.value(here, depth + 1)
            node.add(Entry(key, start, after, child))
            here = self.skip(child.end)
            if self.text[here : here + 1] == closing:
                break
            if self.text[here : here + 1] != ",":
                raise self.no(here, f"a comma or {closing} is expected here")
            here = self.skip(here + 1)
        node.end = here + 1
        return node

    def _key(self, at: int, seen: set[str]) -> tuple[str, int, int]:
        if self.text[at : at + 1] != '"':
            raise self.no(at, "a key in double quotes is expected here")
        key, after = self._string(at)
        if key in seen:
            raise self.no(at, f"key {key!r} stands twice")
        seen.add(key)
        colon = self.skip(after)
        if self.text[colon : colon + 1] != ":":
            raise self.no(colon, "a colon is expected here")
        return key, after, self.skip(colon + 1)

    def _string(self, at: int) -> tuple[str, int]:
        try:
            text, end = _DECODER.raw_decode(self.text, at)
        except json.JSONDecodeError as error:
            raise self.no(error.pos, error.msg.lower()) from error
        return str(text), end
