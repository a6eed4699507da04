"""What a caller's wire must be able to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tokenop.gateway.model import Wire
from tokenop.providers.model import Delta, Request, Response

JSON: Mapping[str, str] = {"content-type": "application/json"}


class StreamWriter(Protocol):
    """Writes one streamed answer, whoever gives it: bytes of the same wire untouched, others translated.

    Which it is shows with the first piece. Nothing is written that a later piece would have to take back.
    """

    def write(self, delta: Delta) -> bytes:
        """Return the bytes that pass on `delta`; none where this wire says it later.

        Raises:
            CannotCarryError: a part that only another wire knows.
        """
        ...

    def fail(self, error: Exception) -> bytes:
        """Return the bytes that tell a caller that the answer broke off; the last ones of the stream."""
        ...

    def comment(self, text: str) -> bytes:
        """Return `text`, one line, as a comment that no client reads as part of the answer."""
        ...


class CallerWire(Protocol):
    """How callers of one wire are read and answered. Holds nothing of any call."""

    name: Wire

    def read(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Request:
        """Return the request that `body` is, kept as it was sent in `as_sent`; `headers` have lower-case names.

        Raises:
            BadRequestError: names the field that is wrong.
        """
        ...

    def body(self, response: Response, answered_format: str | None = None, *, created: int = 0) -> bytes:
        """Return the body that says `response`: untouched where it came in this wire, else translated.

        Args:
            response: the whole answer.
            answered_format: the wire that it came in, where that is known.
            created: seconds since 1970, where the answer does not say when it was made.

        Raises:
            CannotCarryError: names what this wire cannot say.
        """
        ...

    def stream(self, request: Request, *, created: int = 0) -> StreamWriter:
        """Return a writer of one streamed answer to `request`, as `read` gave it."""
        ...

    def error(self, error: Exception) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body that tell a caller of `error` as this wire does; never a secret."""
        ...


def comment(text: str) -> bytes:
    """Return a comment of an event stream."""
    return f": {' '.join(text.split())}\n\n".encode()
