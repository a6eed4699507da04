"""Server-sent events out of bytes that may be cut anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tokenop.providers.errors import MalformedError

# No provider sends lines near this long; whoever does is not waited for until memory is full.
LONGEST_EVENT = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its `event:` (`message` where the wire names none), and its `data:` lines joined by line feeds."""

    name: str
    data: str


class EventParser:
    """Gathers events from pieces of bytes. Comments and empty events are left out, as the standard says."""

    def __init__(self, longest: int = LONGEST_EVENT) -> None:
        self._longest = longest
        self._pieces: list[bytes] = []
        self._size = 0
        self._after_return = False
        self._first_line = True
        self._name = ""
        self._data: list[str] = []

    @property
    def pending(self) -> bool:
        """Return whether part of an event waits for its end."""
        return bool(self._data or self._pieces)

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield the events that `data` completes; all of them are to be taken.

        Raises:
            MalformedError: a line is no UTF-8, or an event is longer than `longest` bytes.
        """
        if self._after_return and data:
            data = data.removeprefix(b"\n")
            self._after_return = False
        if b"\r" in data:
            self._after_return = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._grow(len(line))
            whole = b"".join([*self._pieces, line])
            self._pieces.clear()
            event = self._line(whole)
            if event is not None:
                yield event
        if rest:
            self._grow(len(rest))
            self._pieces.append(rest)

    def end(self) -> Iterator[Event]:
        """Yield the last event where only its closing empty line is missing. Call once, when no bytes are left.

        The standard throws such an event away; providers that close the connection early have still said it.
        """
        yield from self.feed(b"\n")
        yield from self.feed(b"\n")

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._longest:
            raise MalformedError(f"the stream holds an event of more than {self._longest} bytes")

    def _line(self, line: bytes) -> Event | None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            event = Event(self._name or "message", "\n".join(self._data)) if self._data else None
            self._name, self._data, self._size = "", [], 0
            return event
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedError("the stream holds bytes that are no UTF-8") from error
        field, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        return None
