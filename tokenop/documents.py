"""Markdown with YAML frontmatter (and plain YAML), read strictly, every value with its line and column.

YAML's conveniences are its traps: aliases explode, `on` becomes true, `012` becomes ten and a repeated key silently
wins. All of these are refused with the place and the fix, all at once. Numbers with a point are `Decimal`.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from tokenop.errors import Finding, FindingsError, InputError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 24
MAX_FINDINGS = 100
RULE = "FM001"

Place = tuple[int, int]

_BOUNDARY = re.compile(r"^---[ \t]*$", re.MULTILINE)
# What YAML forbids, and what it counts as a line break while editors do not (U+0085, U+2028, U+2029): with those, no
# position could be trusted. A carriage return alone is the same trap.
_FORBIDDEN = re.compile(
    "[^\\t\\n\\r\\x20-\\x7e\\xa0-\\u2027\\u202a-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]|\\r(?!\\n)"
)
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


@dataclass(frozen=True, slots=True)
class Span:
    """Where one value stands in the text: its first character, the one after its last, and its key's first."""

    start: int
    end: int
    place: Place
    key: Place | None
    style: str | None


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was read without errors. `body_line` is the line on which `body` starts."""

    path: Path
    meta: dict[str, Any]
    body: str
    body_line: int
    sha256: str
    text: str = field(repr=False)
    spans: dict[str, Span] = field(repr=False)

    def line(self, field_path: str) -> Place:
        """Return line and column of the value at `field_path`, such as `economics.levers[0].where`.

        A path that is absent gets the place of its nearest ancestor.
        """
        span = self._nearest(field_path)
        return span.place if span else (1, 1)

    def key_line(self, field_path: str) -> Place:
        """Return line and column of the key (or list item) at `field_path`; of its nearest ancestor where absent."""
        span = self._nearest(field_path)
        return (span.key or span.place) if span else (1, 1)

    def locate(self, field_path: str, offset: int) -> Place:
        """Return line and column of character `offset` (from 0) of the text value at `field_path`.

        Quotes, escapes and folded lines are accounted for by walking value and source together.
        """
        span = self.spans.get(field_path)
        value = self.value(field_path)
        if span is None or not isinstance(value, str):
            return self.line(field_path)
        at = _aligned(self.text, span, value, offset)
        return _place(self.text, at)

    def value(self, field_path: str) -> object:
        """Return the value at `field_path`, None where it is absent."""
        found: Any = self.meta
        for part in re.findall(r"[^.\[\]]+", field_path):
            if isinstance(found, dict):
                found = found.get(part)
            elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
                found = found[int(part)]
            else:
                return None
        return found

    def _nearest(self, field_path: str) -> Span | None:
        path = field_path
        while path and path not in self.spans:
            path = re.sub(r"(\.|^)[^.\[\]]*\Z|\[[^\]]*\]\Z", "", path)
        return self.spans.get(path)


def load(path: Path) -> Document:
    """Return the markdown file at `path` with its frontmatter.

    Raises:
        FindingsError: anything wrong in it, all findings at once.
        InputError: it cannot be read at all.
    """
    import frontmatter
    from frontmatter.default_handlers import BaseHandler

    raw, text = _read(path)
    if not _BOUNDARY.match(text):
        fix = "start the file with a line ---, then YAML, then a line ---"
        raise FindingsError([_finding(path, (1, 1), "", "there is no frontmatter", fix)])

    class Strict(BaseHandler):
        """Hand the YAML of the frontmatter to the builder below; python-frontmatter finds its bounds."""

        FM_BOUNDARY = _BOUNDARY
        START_DELIMITER = END_DELIMITER = "---"
        builder: _Builder | None = None

        def load(self, fm: str) -> dict[str, Any]:
            # `fm` begins with the line break after the first `---`: its own line numbers are the file's.
            self.builder = _Builder(path, fm, text.index(fm))
            return self.builder.build()

    handler = Strict()
    meta, body = frontmatter.parse(text, handler=handler)
    if handler.builder is None:
        fix = "close the frontmatter with a line ---"
        raise FindingsError([_finding(path, (1, 1), "", "the frontmatter is not closed", fix)])
    body_at = len(text.rstrip()) - len(body)
    return Document(
        path, meta, body, _place(text, body_at)[0], hashlib.sha256(raw).hexdigest(), text, handler.builder.spans
    )


def load_yaml(path: Path) -> Document:
    """Return the YAML file at `path`, read as strictly; `body` is empty.

    Raises:
        FindingsError: anything wrong in it, all findings at once.
        InputError: it cannot be read at all.
    """
    raw, text = _read(path)
    builder = _Builder(path, text, 0)
    meta = builder.build()
    last = text.count("\n") + 1
    return Document(path, meta, "", last, hashlib.sha256(raw).hexdigest(), text, builder.spans)


def parse_yaml(text: str, path: Path) -> dict[str, Any]:
    """Return the mapping that the YAML `text` says, read as strictly; `path` is what findings name.

    Raises:
        FindingsError: anything wrong in it, all findings at once; lines count from the start of `text`.
    """
    return _Builder(path, text, 0).build()


def _read(path: Path) -> tuple[bytes, str]:
    """Return bytes and text of a regular file of bounded size, line ends as line feeds."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f"{path}: is not a regular file")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(raw) > MAX_BYTES:
        raise FindingsError([_finding(path, (1, 1), "", f"is larger than {MAX_BYTES // 1024} KB", "shorten it")])
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        message = "starts with a byte order mark"
        raise FindingsError([_finding(path, (1, 1), "", message, "save it as UTF-8 without BOM")])
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        raise FindingsError([_finding(path, _place(before, len(before)), "", message, "save it as UTF-8")]) from error
    strange = [
        _finding(path, _place(text, match.start()), "", f"character U+{ord(match[0]):04X} is not allowed", "remove it")
        for match, _ in zip(_FORBIDDEN.finditer(text), range(MAX_FINDINGS), strict=False)
    ]
    if strange:
        raise FindingsError(strange)
    return raw, text.replace("\r\n", "\n")


def _place(text: str, index: int) -> Place:
    """Return line and column, from 1, of the character at `index`."""
    return text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1


def _aligned(text: str, span: Span, value: str, offset: int) -> int:
    """Return the index in `text` of character `offset` of `value`, whose source is `span`."""
    at = span.start
    if span.style in ("|", ">"):
        at = text.find("\n", at) + 1
    elif span.style in ("'", '"'):
        at += 1
    for character in value[: offset + 1]:
        if character.isspace():
            continue
        while at < span.end and text[at] != character:
            at += 1
        at += 1
    ahead = value[offset : offset + 1]
    behind = 0 if not ahead or ahead.isspace() else 1
    return min(max(at - behind, span.start), max(span.end - 1, span.start))


def _finding(path: Path, place: Place, field_path: str, message: str, fix: str = "") -> Finding:
    return Finding(str(path), place[0], field_path or "frontmatter", RULE, "error", message, place[1], fix)


@dataclass(slots=True)
class _Open:
    """A mapping or list that is being filled."""

    value: dict[str, Any] | list[Any]
    path: str
    seen: dict[str, Place]
    key: str | None = None
    key_place: Place | None = None
    expecting_key: bool = True


class _Builder:
    """Builds plain values from YAML's events with a stack of its own: depth and aliases cannot hurt it."""

    def __init__(self, path: Path, text: str, offset: int) -> None:
        self.path = path
        self.text = text
        self.offset = offset
        self.spans: dict[str, Span] = {}
        self.findings: list[Finding] = []
        self.stack: list[_Open] = []
        self.root: Any = None
        self.documents = 0

    def build(self) -> dict[str, Any]:
        """Return the mapping.

        Raises:
            FindingsError: anything wrong, all findings at once.
        """
        import yaml

        try:
            for event in self._events():
                self._take(event)
                if len(self.stack) > MAX_DEPTH or len(self.findings) >= MAX_FINDINGS:
                    break
        except yaml.MarkedYAMLError as error:
            self._syntax(error)
        if len(self.stack) > MAX_DEPTH:
            self.report(self.stack[-1].key_place or (1, 1), "", f"is nested deeper than {MAX_DEPTH} levels", "flatten")
        if not self.findings and not isinstance(self.root, dict):
            self.report((1, 1), "", "is not a mapping of keys to values", "write lines such as `id: my-template`")
        if self.findings:
            raise FindingsError(self.findings)
        root: dict[str, Any] = self.root
        return root

    def report(self, place: Place, field_path: str, message: str, fix: str) -> None:
        """Add one finding."""
        self.findings.append(_finding(self.path, place, field_path, message, fix))

    def _events(self) -> Iterator[Any]:
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return yaml.parse(self.text, Loader=loader)

    def _take(self, event: Any) -> None:
        kind = type(event).__name__
        place = (event.start_mark.line + 1, event.start_mark.column + 1)
        if kind == "DocumentStartEvent":
            self.documents += 1
            if self.documents == 2:
                self.report(place, "", "a second YAML document starts here", "keep one document")
        elif kind == "AliasEvent":
            self.report(place, self._here(), f"alias *{event.anchor}", "write the value out")
            self._put(None, event, place)
        elif kind in ("ScalarEvent", "MappingStartEvent", "SequenceStartEvent"):
            if event.anchor:
                self.report(place, self._here(), f"anchor &{event.anchor}", "write the value out where it is used")
            if event.tag:
                self.report(place, self._here(), f"tag {event.tag}", "remove the tag")
            self._node(kind, event, place)
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            self.stack.pop()

    def _node(self, kind: str, event: Any, place: Place) -> None:
        if self._is_key():
            self._key(kind, event, place)
            return
        if kind == "ScalarEvent":
            self._put(self._scalar(event, place, self._here()), event, place)
            return
        value: dict[str, Any] | list[Any] = {} if kind == "MappingStartEvent" else []
        path = self._here()
        self._put(value, event, place)
        self.stack.append(_Open(value, path, {}, key_place=place))

    def _is_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].value, dict) and self.stack[-1].expecting_key

    def _key(self, kind: str, event: Any, place: Place) -> None:
        top = self.stack[-1]
        if kind != "ScalarEvent":
            self.report(place, top.path, "a key is a list or mapping", "use a plain word as key")
            top.key, top.key_place, top.expecting_key = "?", place, False
            # Its own content is read as a value of a throw-away container, so that the rest stays aligned.
            value: dict[str, Any] | list[Any] = {} if kind == "MappingStartEvent" else []
            self.stack.append(_Open(value, f"{top.path}.?", {}, key_place=place))
            return
        name = str(event.value)
        plain = not event.style
        if plain and name == "<<":
            self.report(place, top.path, "merge key <<", "write the keys out")
        elif plain and not isinstance(self._scalar(event, place, _joined(top.path, name)), str):
            self.report(place, top.path, f"key {name!r} is not text", "quote it")
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

    def _put(self, value: Any, event: Any, place: Place) -> None:
        path = self._here()
        style = getattr(event, "style", None)
        start, end = event.start_mark.index + self.offset, event.end_mark.index + self.offset
        if not self.stack:
            self.root = value
            self.spans[""] = Span(start, end, place, None, style)
            return
        top = self.stack[-1]
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
        for pattern, what, fix in _SURPRISES:
            if pattern.match(text):
                self.report(place, path, f"{text} {what}", fix)
                break
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
