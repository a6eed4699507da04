"""One connection to a provider, and the answer that comes over it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Protocol, cast

import httptools

# Beyond so many bytes that nobody took yet nothing more is read, until there are few.
HIGH, LOW = 256 * 1024, 64 * 1024
MOST_HEADERS, LONGEST_HEADERS = 500, 256 * 1024
Key = tuple[bool, str, int]


class BrokenOffError(ConnectionError):
    """A connection that ended before its answer did."""


class Pool(Protocol):
    """Who keeps connections."""

    def began(self, connection: Connection) -> None:
        """Take note of a connection."""
        ...

    def ended(self, connection: Connection) -> None:
        """Take note that a connection is no more."""
        ...

    def rest(self, connection: Connection) -> None:
        """Keep a connection for the next call."""
        ...


class Connection(asyncio.Protocol):
    """A connection, and the one exchange at a time that goes over it."""

    def __init__(self, key: Key, pool: Pool) -> None:
        self.key = key
        self.since = 0.0
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: Answer | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._headers: dict[str, str] = {}
        self._headers_size = 0
        self._keeps = False

    @property
    def usable(self) -> bool:
        """Return whether it rests and can be asked."""
        transport = self._transport
        return self._answer is None and transport is not None and not transport.is_closing()

    async def ask(self, head: bytes, body: bytes) -> Answer:
        """Send a request; return its answer when its headers have come. Whoever does not wait to the end closes it.

        Raises:
            OSError: the connection broke, or what came is no answer.
        """
        transport = self._transport
        assert transport is not None
        answer = self._answer = Answer(self)
        if len(body) < LOW:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
        while not answer.status:
            await self.wait(answer)
        return answer

    async def wait(self, answer: Answer) -> None:
        """Return when something came. Raises OSError where the connection broke."""
        answer.check()
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None
        if not answer.pieces:
            answer.check()

    def close(self) -> None:
        """Hang up; who waits is told."""
        if self._transport is not None:
            self._transport.abort()
        self._fail(BrokenOffError("the connection was closed"))

    def let_go(self, answer: Answer) -> None:
        """Take note that nobody reads `answer` any more: keep the connection where all of it had come."""
        if answer is not self._answer:
            return
        if (
            answer.whole
            and not answer.held
            and self._keeps
            and self._transport is not None
            and not self._transport.is_closing()
        ):
            self._answer = None
            self._pool.rest(self)
        else:
            self.close()

    def hold_back(self, on: bool) -> None:
        """Read no more, or again."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            if on:
                transport.pause_reading()
            else:
                transport.resume_reading()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        answer = self._answer
        if answer is not None and not answer.whole and answer.error is None:
            answer.error = error
            self._wake()

    # ---- what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by their class
        self._pool.began(self)

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        answer = self._answer
        if answer is None or answer.whole:
            self.close()  # more than was asked for: what follows could be taken for another's answer
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(BrokenOffError(f"the answer is no HTTP: {type(error).__name__}"))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits that nothing more comes."""
        self._pool.ended(self)
        self._tell_lost(exc)
        # Parser and answer know the connection: it must not know them, where all three are to be free at once.
        del self._parser
        self._answer = None

    def _tell_lost(self, exc: Exception | None) -> None:
        answer = self._answer
        if answer is None or answer.whole:
            return
        if answer.status and answer.to_the_end and exc is None:
            answer.whole = True
            self._wake()
        elif exc is not None:
            self._fail(exc if isinstance(exc, OSError) else BrokenOffError(type(exc).__name__))
        elif answer.status:
            self._fail(BrokenOffError("the answer broke off before its end"))
        else:
            self._fail(BrokenOffError("the server hung up without an answer"))

    # ---- what the parser tells

    def on_message_begin(self) -> None:
        """Begin to read the head of an answer."""
        if self._answer is None or self._answer.whole:
            raise httptools.HttpParserError("a second answer")
        self._headers, self._headers_size = {}, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; several of one name are one, with commas."""
        self._headers_size += len(name) + len(value)
        if self._headers_size > LONGEST_HEADERS or len(self._headers) >= MOST_HEADERS:
            raise httptools.HttpParserError("too many headers")
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        known = self._headers.get(key)
        self._headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        """Say what kind of answer it is."""
        status = self._parser.get_status_code()
        if status < 200:
            return  # only a sign of life: the answer follows
        answer = self._answer
        assert answer is not None
        headers = self._headers
        answer.headers = headers
        chunked = "transfer-encoding" in headers
        answer.to_the_end = not chunked and "content-length" not in headers and status not in (204, 304)
        self._keeps = self._parser.should_keep_alive() and not answer.to_the_end
        answer.status = status
        self._wake()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        answer = self._answer
        assert answer is not None
        answer.add(body)
        self._wake()

    def on_message_complete(self) -> None:
        """Say that all has come."""
        answer = self._answer
        if answer is not None and answer.status:
            answer.whole = True
            self._wake()


class Answer:
    """An answer whose headers have come. It is its own `content`: what is read of aiohttp's answers is here."""

    __slots__ = ("_connection", "_size", "error", "headers", "held", "pieces", "status", "to_the_end", "whole")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.held = False
        self._size = 0
        self.pieces: deque[bytes] = deque()
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.to_the_end = False
        self.whole = False
        self.error: Exception | None = None

    @property
    def content(self) -> Answer:
        """Return what the body is read from."""
        return self

    @property
    def content_length(self) -> int | None:
        """Return the length of the body, None where the answer does not say."""
        said = self.headers.get("content-length", "")
        return int(said) if said.isdecimal() and len(said) < 20 else None

    def check(self) -> None:
        """Raise what ended the connection, where something did: anew each time, so that it holds nothing of before."""
        if self.error is not None:
            raise type(self.error)(*self.error.args)

    def is_eof(self) -> bool:
        """Return whether all of the body has come, read or not."""
        return self.whole

    def add(self, piece: bytes) -> None:
        """Take a piece of the body."""
        self.pieces.append(piece)
        self._size += len(piece)
        if self._size > HIGH and not self.held:
            self.held = True
            self._connection.hold_back(True)

    async def readany(self) -> bytes:
        """Return what has come of the body; nothing at its end. Raises OSError where it broke off."""
        while not self.pieces:
            if self.whole:
                return b""
            await self._connection.wait(self)
        return self._taken()

    async def read(self) -> bytes:
        """Return all that is left of the body. Raises OSError where it broke off."""
        if not self.whole:
            pieces = []
            while piece := await self.readany():
                pieces.append(piece)
            return b"".join(pieces)
        return self._taken()

    def _taken(self) -> bytes:
        pieces = self.pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._size = 0
        if self.held:
            self.held = False
            self._connection.hold_back(False)
        return data

    def release(self) -> None:
        """Say that nobody reads any more; what was read to its end leaves its connection to the next call."""
        self._connection.let_go(self)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
