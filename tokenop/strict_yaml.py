"""YAML as data and places, without its traps: one document of plain values, built from the parser's events.

YAML's conveniences are its traps: aliases explode, `on` becomes true, `012` becomes ten and a repeated key silently
wins. All of these are refused with the place and the fix, all at once. Numbers with a point are `Decimal`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from tokenop.errors import Finding, FindingsError

MAX_DEPTH = 24
MAX_ENTRIES = 2_000
MAX_KEY = 100
MAX_FINDINGS = 100
RULE = "FM001"

Place = tuple[int, int]

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)\Z")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+\Z")
_LONGEST_NUMBER = 40
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
# Plain scalars that YAML 1.1, YAML 1.2 and people read differently.
_SURPRISES: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(rf"(?:{pattern})\Z", re.IGNORECASE), what, fix)
    for pattern, what, fix in (
        (r"y|n|yes|no|on|off", "is true or false to some YAML parsers", "write true or false, or quote it"),
        (r"true|false|null", "is spelled with capitals", "write it in small letters, or quote it"),
        (r"[-+]?0[0-9_]+", "is octal to YAML 1.1", "drop the leading zero, or quote it"),
        (r"[-+]?0[xob][0-9a-f_]+", "is a number in another base", "write it in decimal, or quote it"),
        (r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?", "is a base-60 number to YAML 1.1", "quote it"),
        (r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?", "is a date to some YAML parsers", "quote it"),
        (r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)e[-+]?[0-9]+", "is a number to some YAML parsers and text to others",
         "write it out, such as 1000"),
        (r"[-+]?\.(inf|nan)", "is not a finite number", "write a number, or leave the key out"),
        (r"[-+]?[0-9][0-9_]*\.?[0-9_]*|[-+]?\.[0-9][0-9_]*", "is not a plain decimal number",
         "write it as 1000 or 0.5: digits on both sides of the point, no plus sign, no underscores; or quote it"),
        (r"=", "has a meaning of its own in YAML 1.1", "quote it"),
    )
)  # fmt: skip

# Nearly all that people write is none of these: that is asked once, not once for each.
_ANY_SURPRISE = re.compile("|".join(pattern.pattern for pattern, _, _ in _SURPRISES), re.IGNORECASE)


class Span(NamedTuple):
    """Where one value stands in the text: its first character, the one after its last, and its key's first."""

    start: int
    end: int
    place: Place
    key: Place | None
    style: str | None


def finding(path: Path, place: Place, field_path: str, message: str, fix: str = "") -> Finding:
    """Return an error of the one rule about documents: they are strict YAML."""
    return Finding(str(path), place[0], field_path or "frontmatter", RULE, "error", message, place[1], fix)


def surprise(text: str) -> tuple[str, str] | None:
    """Return how parsers differ over the plain scalar `text` and what to write instead; None where all agree.

    Numbers as this module reads them, `true`, `false` and `null` are no surprise.
    """
    if len(text) > _LONGEST_NUMBER or _ANY_SURPRISE.match(text) is None:
        return None
    if text in _WORDS or _INTEGER.match(text) or _DECIMAL.match(text):
        return None
    return next(((what, fix) for pattern, what, fix in _SURPRISES if pattern.match(text)), None)


@lru_cache(maxsize=4096)
def _read_short(text: str) -> tuple[Any] | None:
    if text in _WORDS:
        return (_WORDS[text],)
    if _INTEGER.match(text):
        return (int(text),)
    if _DECIMAL.match(text):
        return (Decimal(text),)
    return None if surprise(text) else (text,)


def _read(text: str) -> tuple[Any] | None:
    """Return what the plain scalar `text` is, in a tuple; None where something is to be said about it."""
    if len(text) <= _LONGEST_NUMBER:
        return _read_short(text)
    return (text,) if text.strip("+-0123456789_.:eE") else None


@dataclass(slots=True)
class _Open:
    """A mapping or list that is being filled."""

    value: dict[str, Any] | list[Any]
    path: str
    seen: dict[str, Place]
    key: str | None = None
    key_place: Place | None = None
    expecting_key: bool = True


def quick(text: str) -> dict[str, Any] | None:
    """Return the mapping that `text` says where there is nothing to be said against it; None where `Builder` must look.

    Nearly all files are sound and nobody asks where in them a value stands: this takes half the time of a `Builder`.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        return _quick(loader)
    except yaml.YAMLError:
        return None
    finally:
        loader.dispose()


def _quick(loader: Any) -> dict[str, Any] | None:
    import yaml

    root: Any = None
    top: Any = None  # what is being filled
    key: str | None = None  # whose value comes next
    above: list[Any] = []
    documents = 0
    while (kind := (event := loader.get_event()).__class__) is not yaml.StreamEndEvent:
        if kind is yaml.ScalarEvent:
            read = (event.value,) if event.style else _read(event.value)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            top = above.pop()
            continue
        elif kind is yaml.DocumentStartEvent or not isinstance(event, yaml.NodeEvent):
            documents += kind is yaml.DocumentStartEvent
            continue
        else:
            read = _quick_start(kind.__name__)
        if read is None or event.anchor or event.tag:
            return None
        value = read[0]
        if key is None and top.__class__ is dict:
            if not isinstance(value, str) or value in top or len(value) > MAX_KEY or value == "<<":
                return None
            key = value
        elif _quick_put(top, key, value):
            root, key = (value if top is None else root), None
            if kind is not yaml.ScalarEvent:
                above.append(top)
                top = value
        else:
            return None
        if len(above) > MAX_DEPTH:
            return None
    return root if documents == 1 and isinstance(root, dict) else None


def _quick_start(kind: str) -> tuple[Any] | None:
    """Return what begins with an event that is no scalar, empty and in a tuple; None for an alias."""
    return ({},) if kind == "MappingStartEvent" else ([],) if kind == "SequenceStartEvent" else None


def _quick_put(top: Any, key: str | None, value: Any) -> bool:
    """Put a value into what is open, if anything is; return whether there is nothing to be said against it."""
    if top is None:
        return True
    if len(top) >= MAX_ENTRIES or (isinstance(value, Decimal) and key is not None and key.endswith("version")):
        return False
    if key is None:
        top.append(value)
    else:
        top[key] = value
    return True


class Builder:
    """Builds plain values from YAML's events with a stack of its own: depth and aliases cannot hurt it."""

    max_entries = MAX_ENTRIES

    def __init__(self, path: Path, text: str, offset: int) -> None:
        self.path = path
        self.text = text
        self.offset = offset
        self.spans: dict[str, Span] = {}
        self.findings: list[Finding] = []
        self.stack: list[_Open] = []
        self.root: Any = None
        self.documents = 0
        self.full = False  # too deep or too long: the rest is not read

    def build(self) -> dict[str, Any]:
        """Return the mapping.

        Raises:
            FindingsError: anything wrong, all findings at once.
        """
        import yaml

        try:
            for event in self._events():
                self._take(event)
                if self.full or len(self.findings) >= MAX_FINDINGS:
                    break
        except yaml.MarkedYAMLError as error:
            self._syntax(error)
        if not self.findings and not isinstance(self.root, dict):
            self.report((1, 1), "", "is not a mapping of keys to values", "write lines such as `id: my-template`")
        if self.findings:
            raise FindingsError(self.findings)
        root: dict[str, Any] = self.root
        return root

    def report(self, place: Place, field_path: str, message: str, fix: str) -> None:
        """Add one finding."""
        self.findings.append(finding(self.path, place, field_path, message, fix))

    def _events(self) -> Iterator[Any]:
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return yaml.parse(self.text, Loader=loader)

    def _take(self, event: Any) -> None:
        kind = type(event).__name__
        if kind in ("MappingEndEvent", "SequenceEndEvent"):
            self.stack.pop()
            return
        place = (event.start_mark.line + 1, event.start_mark.column + 1)
        if kind == "DocumentStartEvent":
            self.documents += 1
            if self.documents == 2:
                self.report(place, "", "a second YAML document starts here", "keep one document")
        elif kind == "AliasEvent":
            self.report(place, self._here(), f"alias *{event.anchor}", "write the value out")
            self._put(None, event, place, self._here())
        elif kind in ("ScalarEvent", "MappingStartEvent", "SequenceStartEvent"):
            if event.anchor:
                self.report(place, self._here(), f"anchor &{event.anchor}", "write the value out where it is used")
            if event.tag:
                self.report(place, self._here(), f"tag {event.tag}", "remove the tag")
            self._node(kind, event, place)

    def _node(self, kind: str, event: Any, place: Place) -> None:
        if self._is_key():
            self._key(kind, event, place)
            return
        path = self._here()
        if kind == "ScalarEvent":
            self._put(self._scalar(event, place, path), event, place, path)
            return
        value: dict[str, Any] | list[Any] = {} if kind == "MappingStartEvent" else []
        self._put(value, event, place, path)
        self._open(value, path, place)

    def _open(self, value: dict[str, Any] | list[Any], path: str, place: Place) -> None:
        self.stack.append(_Open(value, path, {}))
        if len(self.stack) > MAX_DEPTH:
            self.full = True
            self.report(place, path, f"is nested deeper than {MAX_DEPTH} levels", "flatten it")

    def _is_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].value, dict) and self.stack[-1].expecting_key

    def _key(self, kind: str, event: Any, place: Place) -> None:
        top = self.stack[-1]
        if kind != "ScalarEvent":
            self.report(place, top.path, "a key is a list or mapping", "use a plain word as key")
            top.key, top.key_place, top.expecting_key = "?", place, False
            # Its own content is read as a value of a throw-away container, so that the rest stays aligned.
            value: dict[str, Any] | list[Any] = {} if kind == "MappingStartEvent" else []
            self._open(value, f"{top.path}.?", place)
            return
        name = str(event.value)
        plain = not event.style
        if plain and name == "<<":
            self.report(place, top.path, "merge key <<", "write the keys out")
        elif plain and not isinstance(self._scalar(event, place, _joined(top.path, name)), str):
            self.report(place, top.path, f"key {name!r} is not text", "quote it")
        elif len(name) > MAX_KEY:
            self.report(place, top.path, f"a key of {len(name)} characters", "use a short word as key")
        elif name in top.seen:
            first = top.seen[name][0]
            self.report(
                place, _joined(top.path, name), f"key {name!r} stands twice (first on line {first})", "keep one"
            )
        top.seen.setdefault(name, place)
        top.key, top.key_place, top.expecting_key = name, place, False

    def _here(self) -> str:
        """Return the path of the value that comes next."""
        if not self.stack:
            return ""
        top = self.stack[-1]
        if isinstance(top.value, list):
            return f"{top.path}[{len(top.value)}]"
        return _joined(top.path, top.key or "")

    def _put(self, value: Any, event: Any, place: Place, path: str) -> None:
        style = getattr(event, "style", None)
        start, end = event.start_mark.index + self.offset, event.end_mark.index + self.offset
        if not self.stack:
            self.root = value
            self.spans[""] = Span(start, end, place, None, style)
            return
        top = self.stack[-1]
        if len(top.value) >= self.max_entries:
            self.full = True
            self.report(place, top.path, f"has more than {self.max_entries} entries", "shorten it")
            return
        if isinstance(top.value, list):
            self.spans[path] = Span(start, end, place, place, style)
            top.value.append(value)
            return
        if self._is_key():  # an alias stands where a key should: already reported
            top.key, top.key_place, top.expecting_key = "*", place, False
            return
        self.spans.setdefault(path, Span(start, end, place, top.key_place, style))
        top.value.setdefault(top.key or "", value)
        top.expecting_key = True

    def _scalar(self, event: Any, place: Place, path: str) -> Any:
        text: str = event.value
        if event.style:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if len(text) > _LONGEST_NUMBER:
            # The patterns below are for short texts only: on long ones they could take quadratic time.
            if not text.strip("+-0123456789_.:eE"):
                self.report(place, path, f"a number of {len(text)} characters", "write a shorter number, or quote it")
            return text
        if _INTEGER.match(text):
            return int(text)
        if _DECIMAL.match(text):
            if path.endswith("version"):
                self.report(place, path, f"version {text} is read as a number", "quote it")
            return Decimal(text)
        if found := surprise(text):
            self.report(place, path, f"{text} {found[0]}", found[1])
        return text

    def _syntax(self, error: Any) -> None:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        message = ", ".join(part for part in (error.context, error.problem) if part)
        lines = self.text.split("\n")
        tabbed = mark and mark.line < len(lines) and "\t" in lines[mark.line]
        fix = "indent with spaces, not tabs" if tabbed else "check indentation, colons and quotes here"
        self.report(place, "", message or "is not YAML", fix)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
