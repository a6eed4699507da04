"""Markdown with YAML frontmatter (and plain YAML), read strictly, every value with its line and column."""

from __future__ import annotations

import hashlib
import re
import stat
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from tokenop.errors import FindingsError, InputError
from tokenop.strict_yaml import MAX_FINDINGS, Builder, Place, Span, finding, quick

__all__ = ["MAX_BYTES", "MAX_FINDINGS", "Document", "Place", "load", "load_yaml", "parse", "parse_yaml"]

MAX_BYTES = 256 * 1024

_BOUNDARY = re.compile(r"^---[ \t]*$", re.MULTILINE)
# What YAML forbids, and what it counts as a line break while editors do not (U+0085, U+2028, U+2029): with those, no
# position could be trusted. A carriage return alone is the same trap.
_FORBIDDEN = re.compile(
    "[^\\t\\n\\r\\x20-\\x7e\\xa0-\\u2027\\u202a-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]|\\r(?!\\n)"
)
_USUAL = bytes((*range(0x20, 0x7F), 0x09, 0x0A))


@dataclass(frozen=True)
class Document:
    """A document that was read without errors. `body_line` is the line on which `body` starts.

    `front` holds the offsets in `text` between which the YAML stands.
    """

    path: Path
    meta: dict[str, Any]
    body: str
    body_line: int
    sha256: str
    text: str = field(repr=False)
    front: tuple[int, int] = (0, 0)

    @cached_property
    def spans(self) -> dict[str, Span]:
        """Return where each value stands, by its path; worked out when somebody asks."""
        if not self.front[1]:
            return {}
        builder = Builder(self.path, self.text[slice(*self.front)], self.front[0])
        builder.build()
        return builder.spans

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
        for part in _parts(field_path):
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


@lru_cache(maxsize=4096)
def _parts(field_path: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^.\[\]]+", field_path))


def load(path: Path) -> Document:
    """Return the markdown file at `path` with its frontmatter.

    Raises:
        FindingsError: anything wrong in it, all findings at once.
        InputError: it cannot be read at all.
    """
    return parse(path, _bytes(path))


def parse(path: Path, raw: bytes) -> Document:
    """Return the markdown file that holds `raw`; `path` is what findings name, and is not read.

    Raises:
        FindingsError: anything wrong in it, all findings at once.
    """
    import frontmatter

    text = _text(path, raw)
    if not _BOUNDARY.match(text):
        fix = "start the file with a line ---, then YAML, then a line ---"
        raise FindingsError([finding(path, (1, 1), "", "there is no frontmatter", fix)])
    handler = _strict_handler()(path, text)
    meta, body = frontmatter.parse(text, handler=handler)
    if handler.front is None:
        fix = "close the frontmatter with a line ---"
        raise FindingsError([finding(path, (1, 1), "", "the frontmatter is not closed", fix)])
    body_at = len(text.rstrip()) - len(body)
    sha256 = hashlib.sha256(raw).hexdigest()
    return Document(path, meta, body, _place(text, body_at)[0], sha256, text, handler.front)


@lru_cache(maxsize=1)
def _strict_handler() -> Any:
    from frontmatter.default_handlers import BaseHandler

    class Strict(BaseHandler):
        """Hand the YAML of the frontmatter to the builder; python-frontmatter finds its bounds."""

        FM_BOUNDARY = _BOUNDARY
        START_DELIMITER = END_DELIMITER = "---"

        def __init__(self, path: Path, text: str) -> None:
            super().__init__()
            self.path, self.text = path, text
            self.front: tuple[int, int] | None = None

        def load(self, fm: str) -> dict[str, Any]:
            # `fm` begins with the line break after the first `---`: its own line numbers are the file's.
            start = self.text.index(fm)
            self.front = start, start + len(fm)
            return quick(fm) or Builder(self.path, fm, start).build()

    return Strict


def load_yaml(path: Path) -> Document:
    """Return the YAML file at `path`, read as strictly; `body` is empty.

    Raises:
        FindingsError: anything wrong in it, all findings at once.
        InputError: it cannot be read at all.
    """
    raw = _bytes(path)
    text = _text(path, raw)
    meta = quick(text) or Builder(path, text, 0).build()
    last = text.count("\n") + 1
    return Document(path, meta, "", last, hashlib.sha256(raw).hexdigest(), text, (0, len(text)))


def parse_yaml(text: str, path: Path) -> dict[str, Any]:
    """Return the mapping that the YAML `text` says, read as strictly; `path` is what findings name.

    Raises:
        FindingsError: anything wrong in it, all findings at once; lines count from the start of `text`.
    """
    return quick(text) or Builder(path, text, 0).build()


def _bytes(path: Path) -> bytes:
    """Return the first bytes of a regular file: one more than a document may have."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f"{path}: is not a regular file")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def _text(path: Path, raw: bytes) -> str:
    """Return the text of a document, line ends as line feeds."""
    if len(raw) > MAX_BYTES:
        raise FindingsError([finding(path, (1, 1), "", f"is larger than {MAX_BYTES // 1024} KB", "shorten it")])
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        message = "starts with a byte order mark"
        raise FindingsError([finding(path, (1, 1), "", message, "save it as UTF-8 without BOM")])
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        raise FindingsError([finding(path, _place(before, len(before)), "", message, "save it as UTF-8")]) from error
    # Without printable ASCII next to nothing is left to look at; only where that is strange all is looked at.
    rest = raw.replace(b"\r\n", b"").translate(None, _USUAL).decode("utf-8")
    strange = [
        finding(path, _place(text, match.start()), "", f"character U+{ord(match[0]):04X} is not allowed", "remove it")
        for match, _ in zip(
            _FORBIDDEN.finditer(text if _FORBIDDEN.search(rest) else ""), range(MAX_FINDINGS), strict=False
        )
    ]
    if strange:
        raise FindingsError(strange)
    return text.replace("\r\n", "\n")


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
