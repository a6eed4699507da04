"""What goes out, as the server wants it said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tokenop.gateway.reading import Send

Raw = Iterable[tuple[bytes, bytes]]
Whole = tuple[int, Mapping[str, str], bytes]
JSON = (b"content-type", b"application/json")
EVENTS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # nginx would hold a stream back
)


class Reply:
    """One answer on its way out. `started` once the status is said: then nothing but the body can tell of trouble."""

    __slots__ = ("_send", "ended", "started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False
        self.ended = False

    async def whole(self, status: int, headers: Raw, body: bytes) -> None:
        """Send all of an answer."""
        self.started = True
        said = [*headers, (b"content-length", b"%d" % len(body))]
        await self._send({"type": "http.response.start", "status": status, "headers": said})
        await self.last(body)

    async def error(self, answer: Whole, further: Raw = ()) -> None:
        """Send what a wire says of an error."""
        status, headers, body = answer
        await self.whole(
            status, [*((n.encode(), v.encode("latin-1", "replace")) for n, v in headers.items()), *further], body
        )

    async def begin(self, headers: Raw) -> None:
        """Begin a stream of events."""
        self.started = True
        await self._send({"type": "http.response.start", "status": 200, "headers": [*EVENTS, *headers]})

    async def piece(self, data: bytes) -> None:
        """Send a piece, no sooner than the caller takes it."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def last(self, data: bytes) -> None:
        """Send the last piece."""
        await self._send({"type": "http.response.body", "body": data, "more_body": False})
        self.ended = True
