"""Other people's YAML as a tree with positions: what can be edited in place, and a refusal with its line for the rest.

Templates are held to strict YAML (`tokenop.strict_yaml`). A user's own file is taken as it is: `on`, dates and the
like stay what they are. Only what no edit of the text could respect is refused: anchors, tags, several documents.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from tokenop.applying.tree import MAX_DEPTH, Entry, Node, refuse
from tokenop.strict_yaml import surprise

_WORDS: dict[str, tuple[str, object]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), ("null", None)),
    **dict.fromkeys(("true", "True", "TRUE"), ("boolean", True)),
    **dict.fromkeys(("false", "False", "FALSE"), ("boolean", False)),
}
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,39})(\.[0-9]{1,40})?\Z")
# YAML counts these as line breaks, editors do not: no position could be trusted.
_BREAKS = re.compile("\r(?!\n)|[\x85\u2028\u2029]")

BY_HAND = "write the change in by hand: `tokenop templates info` shows what the template writes"


def parse(text: str, name: str) -> Node | None:
    """Return the mapping that `text` holds, None where it holds nothing but comments.

    Raises:
        FindingsError: it is no YAML, or YAML that cannot be edited in place; `name` is what findings call the file.
    """
    import yaml

    if strange := _BREAKS.search(text):
        message = f"character U+{ord(strange[0]):04X} breaks lines for some programs and not for others"
        raise refuse(name, text, strange.start(), message, "remove it")
    builder = _Builder(text, name)
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise refuse(name, text, mark.index if mark else 0, f"is not YAML: {said}", "mend it first") from error
    except yaml.reader.ReaderError as error:
        raise refuse(name, text, 0, f"is not YAML: {error.reason}", "mend it first") from error
    root = builder.root
    if root is not None and root.kind != "mapping" and not root.empty:
        raise refuse(name, text, root.start, "is not a mapping of keys to values", BY_HAND)
    return root if root is not None and root.kind == "mapping" else None


class _Builder:
    """Builds the tree from the parser's events with a stack of its own."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.root: Node | None = None
        self.stack: list[Node] = []
        self.keys: list[tuple[str, int, int] | None] = []
        self.documents = 0

    def take(self, event: Any) -> None:
        """Take one event."""
        kind = type(event).__name__
        at = event.start_mark.index
        if kind == "DocumentStartEvent":
            self.documents += 1
            if self.documents > 1:
                raise self._no(at, "a second YAML document starts here")
        elif kind == "AliasEvent":
            raise self._no(at, f"alias *{event.anchor}: what is written here would change in two places")
        elif kind in ("ScalarEvent", "MappingStartEvent", "SequenceStartEvent"):
            if event.anchor:
                raise self._no(at, f"anchor &{event.anchor}: what is written here would change in two places")
            if event.tag:
                raise self._no(at, f"tag {event.tag}: its meaning is not known here")
            self._node(kind, event)
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            self._close(event)

    def _no(self, at: int, message: str) -> Exception:
        return refuse(self.name, self.text, at, message, BY_HAND)

    def _node(self, kind: str, event: Any) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        if self.stack and self.stack[-1].kind == "mapping" and self.keys[-1] is None:
            if kind != "ScalarEvent":
                raise self._no(start, "a key is a list or mapping")
            self._key(event, start, end)
            return
        if kind == "ScalarEvent":
            self._put(Node("scalar", start, self._end(event, start, end), value=resolved(event.value, event.style),
                           style=event.style or ""))  # fmt: skip
            return
        node = Node("mapping" if kind == "MappingStartEvent" else "list", start, end, flow=bool(event.flow_style))
        self._put(node)
        self.stack.append(node)
        self.keys.append(None)
        if len(self.stack) > MAX_DEPTH:
            raise self._no(start, f"is nested deeper than {MAX_DEPTH} levels")

    def _key(self, event: Any, start: int, end: int) -> None:
        key, top = str(event.value), self.stack[-1]
        if key == "<<" and not event.style:
            raise self._no(start, "merge key <<: keys come from elsewhere")
        if key in top.index:
            raise self._no(start, f"key {key!r} stands twice")
        self.keys[-1] = (key, start, end)

    def _put(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        top, key = self.stack[-1], self.keys[-1]
        if key is None:
            top.add(Entry(None, node.start, node.start, node))
        else:
            top.add(Entry(*key, node))
            self.keys[-1] = None

    def _close(self, event: Any) -> None:
        node = self.stack.pop()
        self.keys.pop()
        # The end of a mapping or list without brackets is where the next thing starts: its last value ends it.
        node.end = event.end_mark.index if node.flow else node.entries[-1].node.end if node.entries else node.start

    def _end(self, event: Any, start: int, end: int) -> int:
        """Return where a scalar's text ends: blank lines after a block of text are part of it only where kept (`+`)."""
        if event.style not in ("|", ">"):
            return end
        whole = self.text[start:end]
        if "+" in whole.split("\n", 1)[0].split("#", 1)[0]:
            return end - len(whole) + len(whole.removesuffix("\n").removesuffix("\r"))
        return start + len(whole.rstrip())


def resolved(text: str, style: str | None) -> tuple[str, object]:
    """Return type and value of a scalar."""
    if style:
        return ("text", text)
    if text in _WORDS:
        return _WORDS[text]
    if found := _NUMBER.match(text):
        return ("number", Decimal(text)) if found[2] else ("integer", int(text))
    # What parsers read differently is equal only to the same plain text.
    return ("odd" if surprise(text) else "text", text)
