"""Server-sent events out of bytes that may be cut anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tokenop.providers.errors import MalformedError

# No provider sends lines near this long; whoever does is not waited for until memory is full.
LONGEST_EVENT = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
# An empty line. Where a return is the last that has come, a line feed may follow: an empty line more says nothing.
_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")


@dataclass(slots=True)
class Event:
    """One event: its `event:` (`message` where the wire names none), and its `data:` lines joined by line feeds.

    `raw` are the bytes since the event before: its own and those of comments.
    """

    name: str
    data: str
    raw: bytes = field(default=b"", compare=False, repr=False)


def _ends(data: bytes) -> Iterator[int]:
    """Yield the places behind the empty lines of `data`."""
    if b"\r" in data:
        yield from (found.end() for found in _END.finditer(data))
        return
    end = data.find(b"\n\n") + 2
    while end > 1:
        yield end
        end = data.find(b"\n\n", end) + 2


class EventParser:
    """Gathers events from pieces of bytes. Comments and empty events are left out, as the standard says."""

    def __init__(self, longest: int = LONGEST_EVENT) -> None:
        self._longest = longest
        self._pieces: list[bytes] = []
        self._size = 0
        self._tail = b""
        self._skipped: list[bytes] = []
        self._first = True

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield the events that `data` completes; all of them are to be taken.

        Raises:
            MalformedError: a line is no UTF-8, or an event is longer than `longest` bytes.
        """
        if self._pieces:
            # Of what came before only the end can be part of an empty line.
            seen = self._tail + data
            ended = b"\n\n" in seen or (b"\r" in seen and _END.search(seen) is not None)
            self._pieces.append(data)
            if not ended:
                self._keep(data)
                return
            data = b"".join(self._pieces)
            self._pieces.clear()
        start = 0
        for end in _ends(data):
            if end - start > self._longest + 2:
                raise self._too_long()
            event = self._event(data[start:end])
            start = end
            if event is not None:
                yield event
        self._size = 0
        rest = data[start:]
        if rest:
            self._pieces.append(rest)
            self._keep(rest)

    def end(self) -> Iterator[Event]:
        """Yield the last event where only its closing empty line is missing. Call once, when no bytes are left.

        The standard throws such an event away; providers that close the connection early have still said it.
        """
        rest = b"".join(self._pieces)
        self._pieces.clear()
        event = self._event(rest) if rest else None
        if event is not None:
            yield event

    def left(self) -> bytes:
        """Return the bytes that came and are in no event."""
        return b"".join([*self._skipped, *self._pieces])

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        self._tail = (self._tail + data)[-3:] if len(data) < 3 else data[-3:]
        if self._size > self._longest:
            raise self._too_long()

    def _too_long(self) -> MalformedError:
        return MalformedError(f"the stream holds an event of more than {self._longest} bytes")

    def _event(self, block: bytes) -> Event | None:
        """Return the event that `block` is, with the empty line at its end; None where it holds comments alone."""
        said = block
        if self._first:
            self._first = False
            said = said.removeprefix(_BOM)
        try:
            text = said.decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedError("the stream holds bytes that are no UTF-8") from error
        if text.startswith("data: ") and text.find("\n") == len(text) - 2 and not self._skipped and "\r" not in text:
            # By far the most events are one line.
            return Event("message", text[6:-2], block)
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        name, data = "message", ""
        lines = 0
        for line in text.split("\n"):
            label, _, value = line.partition(":")
            if label == "data":
                value = value.removeprefix(" ")
                data = f"{data}\n{value}" if lines else value
                lines += 1
            elif label == "event":
                name = value.removeprefix(" ") or "message"
        if not lines:
            self._skipped.append(block)
            return None
        if self._skipped:
            block = b"".join([*self._skipped, block])
            self._skipped.clear()
        return Event(name, data, block)
