"""YAML and JSON of people as trees with positions, so that a merge edits their text and leaves the rest alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from tokenop.errors import Finding, FindingsError

RULE = "APPLY"
MAX_DEPTH = 60

Kind = Literal["mapping", "list", "scalar"]


@dataclass(slots=True)
class Entry:
    """One key with its value, or one item of a list (`key` is None). `start` and `after` bound the key's text."""

    key: str | None
    start: int
    after: int
    node: Node


@dataclass(slots=True)
class Node:
    """One value: where its text starts and ends, and what is in it.

    `flow` says that a mapping or list is written in brackets. `value` of a scalar is (type, value), so that 1, true
    and "1" differ; `style` is its quote, `|` or `>`, empty where it is plain.
    """

    kind: Kind
    start: int
    end: int
    flow: bool = False
    value: tuple[str, object] = ("null", None)
    style: str = ""
    entries: list[Entry] = field(default_factory=list)
    index: dict[str, Entry] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Add an entry at the end."""
        self.entries.append(entry)
        if entry.key is not None:
            self.index[entry.key] = entry

    @property
    def empty(self) -> bool:
        """Return whether there is nothing to lose in it: null, or a mapping or list without entries."""
        return not self.entries and (self.kind != "scalar" or self.value[0] == "null")

    def scalars(self) -> Iterator[Node]:
        """Yield every scalar value in the order of the text."""
        if self.kind == "scalar":
            yield self
        for entry in self.entries:
            yield from entry.node.scalars()

    def keys(self) -> Iterator[Entry]:
        """Yield every entry with a key, at any depth."""
        for entry in self.entries:
            if entry.key is not None:
                yield entry
            yield from entry.node.keys()


def data(node: Node | None) -> Any:
    """Return what a node says: dicts, lists and (type, value) of scalars. Order of keys does not count."""
    if node is None:
        return ("null", None)
    if node.kind == "mapping":
        return {entry.key: data(entry.node) for entry in node.entries}
    if node.kind == "list":
        return [data(entry.node) for entry in node.entries]
    return node.value


def missing(mine: list[Any], theirs: list[Any]) -> list[Any]:
    """Return the items of `theirs` that `mine` does not hold, each once."""
    added: list[Any] = []
    for item in theirs:
        if item not in mine and item not in added:
            added.append(item)
    return added


def refuse(name: str, text: str, at: int, message: str, fix: str, where: str = "file") -> FindingsError:
    """Return the error that says what stands in the way, at character `at` of the file `name`."""
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    return FindingsError([Finding(name, line, where, RULE, "error", message, column, fix)])


def column(text: str, at: int) -> int:
    """Return how many characters stand before `at` on its line."""
    return at - (text.rfind("\n", 0, at) + 1)


def line_break(text: str) -> str:
    """Return what ends most lines of a text: a line feed, or a pair of return and line feed."""
    return "\r\n" if 2 * text.count("\r\n") > text.count("\n") else "\n"


def line_end(text: str, at: int) -> int:
    """Return where the line of `at` ends, before its line break, be it a line feed or a pair with a return."""
    end = text.find("\n", at)
    if end < 0:
        return len(text)
    return end - 1 if end > at and text[end - 1] == "\r" else end
