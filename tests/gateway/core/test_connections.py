"""Connections to providers: what comes of them is what comes of aiohttp's session, and none is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from yarl import URL

from tests.thoroughness import examples
from tokenop.gateway import exchanges
from tokenop.gateway.connections import ConnectError, Connections, NoAddressError

WAIT = aiohttp.ClientTimeout(total=None, sock_connect=5)


@dataclass
class Server:
    """Answers each request with `pieces`, then does what `then` says: keep, close, reset."""

    pieces: list[bytes]
    then: str = "keep"
    connections: int = 0
    received: list[bytes] = field(default_factory=list)
    open: set[Any] = field(default_factory=set)
    port: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.add(writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    await self._one(reader, writer)
                    if self.then != "keep":
                        break
            if self.then == "reset":
                raw = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
        finally:
            writer.close()
            self.open.discard(writer)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-le")
        )
        self.received.append(head + await reader.readexactly(length))
        for piece in self.pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    @property
    def url(self) -> URL:
        return URL(f"http://127.0.0.1:{self.port}/v1/chat?x=1")

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        server = await asyncio.start_server(self.handle, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self
            while self.open:
                await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def session(kind: str) -> AsyncIterator[Any]:
    if kind == "aiohttp":
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as given:
            yield given
        return
    made = Connections()
    try:
        yield made
    finally:
        await made.close()


async def post(with_session: Any, url: URL | str, body: bytes = b"{}", **headers: str) -> Any:
    return await with_session.request(
        "POST", url, data=body, headers=headers, timeout=WAIT, proxy=None, allow_redirects=False
    )


async def outcome(kind: str, pieces: list[bytes], then: str) -> tuple[Any, ...]:
    """Return what a caller learns of two calls, one after the other."""
    told: list[Any] = []
    async with Server(pieces, then).running() as server, session(kind) as own:
        for _ in range(2):
            try:
                async with asyncio.timeout(10):
                    answer = await post(own, server.url)
                    told.append((answer.status, answer.headers.get("x-one")))
                    try:
                        told.append(await answer.read())
                    finally:
                        answer.release()
            except TimeoutError:
                told.append(f"{kind} waited for ever")
            except (aiohttp.ClientError, OSError):
                told.append("failed")
    return tuple(told)


@st.composite
def answers(draw: st.DrawFn) -> tuple[list[bytes], str]:
    """Draw an answer cut anywhere, right or wrong in its length, and what comes after it."""
    body = draw(st.binary(max_size=40))
    status = draw(st.sampled_from([b"200 OK", b"404 Not Found", b"302 Found", b"429 Slow"]))
    head = b"HTTP/1.1 " + status + b"\r\nx-one: a\r\n"
    kind = draw(st.sampled_from(["length", "chunked", "to-the-end", "short"]))
    if kind == "chunked":
        parts = [body[at : at + 7] for at in range(0, len(body), 7)]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        raw = head + b"transfer-encoding: chunked\r\n\r\n" + chunks
    elif kind == "to-the-end":
        raw = head + b"connection: close\r\n\r\n" + body
    else:
        raw = head + b"content-length: %d\r\n\r\n" % (len(body) + 3 * (kind == "short")) + body
    if draw(st.booleans()):
        raw = b"HTTP/1.1 100 Continue\r\n\r\n" + raw
    then = draw(st.sampled_from(["keep", "close", "reset"])) if kind in ("length", "chunked") else "close"
    cut = draw(st.integers(0, len(raw)))
    if draw(st.booleans()) and then != "keep":
        raw, cut = raw[:cut], cut // 2
    return [piece for piece in (raw[:cut], raw[cut:]) if piece], then


@settings(max_examples=examples(40, 500), deadline=None)
@given(drawn=answers())
@example(drawn=([b"HTTP/1.1 204 No Content\r\n\r\n"], "keep"))
@example(drawn=([b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"], "close"))
@example(drawn=([b"no HTTP at all\r\n\r\n"], "close"))
@example(drawn=([], "close"))
def test_two_calls_end_as_they_do_with_aiohttp(drawn: tuple[list[bytes], str]) -> None:
    pieces, then = drawn
    ours, theirs = (asyncio.run(outcome(kind, pieces, then)) for kind in ("ours", "aiohttp"))
    # What was reset may or may not have been read before.
    if then != "reset":
        assert ours == theirs


def run(what: Callable[[Server, Connections], Awaitable[None]], pieces: list[bytes], then: str = "keep") -> None:
    async def main() -> None:
        async with Server(pieces, then).running() as server, session("ours") as own:
            await what(server, own)

    asyncio.run(main())


OK = [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"]


def test_the_request_stands_on_the_wire_as_it_should() -> None:
    async def what(server: Server, own: Connections) -> None:
        (await post(own, server.url, b'{"a": 1}', **{"x-key": "k"})).release()
        head, _, body = server.received[0].partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        assert (first, body) == ("POST /v1/chat?x=1 HTTP/1.1", b'{"a": 1}')
        said = dict(line.split(": ", 1) for line in lines)
        assert len(said) == len(lines)
        assert said["host"] == f"127.0.0.1:{server.port}"
        assert (said["content-length"], said["x-key"]) == ("8", "k")

    run(what, OK)


@pytest.mark.parametrize("header", ["a\r\nx-evil: 1", "a\nb", "a\rb", "a\0b", "ключ"])
def test_a_header_that_would_begin_another_is_refused_unsaid(header: str) -> None:
    async def what(server: Server, own: Connections) -> None:
        with pytest.raises(ValueError) as raised:  # noqa: PT011 aiohttp raises the same
            await post(own, server.url, **{"x-key": header})
        assert header not in str(raised.value) or "ключ" in header
        assert not server.received

    run(what, OK)


def test_calls_one_after_the_other_share_a_connection_and_calls_at_once_do_not() -> None:
    async def what(server: Server, own: Connections) -> None:
        for _ in range(3):
            answer = await post(own, server.url)
            assert await answer.read() == b"ok"
            answer.release()
            answer.release()
        assert server.connections == 1
        several = await asyncio.gather(*(post(own, server.url) for _ in range(4)))
        assert server.connections == 4
        for answer in several:
            await answer.read()
            answer.release()

    run(what, OK)


@pytest.mark.parametrize(
    "pieces",
    [
        [OK[0] + OK[0]],
        [OK[0] + b"garbage"],
        [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"],
        [b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"],
    ],
    ids=["two answers", "garbage behind", "close", "1.0"],
)
def test_a_connection_over_which_more_came_or_that_ends_is_not_used_again(pieces: list[bytes]) -> None:
    async def what(server: Server, own: Connections) -> None:
        for number in (1, 2):
            answer = await post(own, server.url)
            assert await answer.read() == b"ok"
            answer.release()
            assert server.connections == number

    run(what, pieces)


def test_what_comes_unasked_ends_a_connection() -> None:
    async def what(server: Server, own: Connections) -> None:
        (await post(own, server.url)).release()  # nothing was read: not whole for its reader, whole for the wire
        (writer,) = server.open
        writer.write(OK[0])
        while server.open:
            await asyncio.sleep(0)
        answer = await post(own, server.url)
        assert await answer.read() == b"ok"
        answer.release()
        assert server.connections == 2

    run(what, OK)


def test_who_stops_waiting_or_reading_leaves_no_connection_to_the_next() -> None:
    async def what(server: Server, own: Connections) -> None:
        waiting = asyncio.create_task(post(own, server.url))
        while not server.received:
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        while server.open:
            await asyncio.sleep(0)
        server.pieces = [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok"]
        answer = await post(own, server.url)
        assert await answer.content.readany() == b"ok"
        assert not answer.content.is_eof()
        answer.release()
        while server.open:
            await asyncio.sleep(0)
        reading = await post(own, server.url)
        reader = asyncio.create_task(reading.read())
        await asyncio.sleep(0)
        reading.close()
        with pytest.raises(OSError, match="closed"):
            await reader
        assert server.connections == 3

    run(what, [])


def test_a_slow_reader_holds_the_other_side_back() -> None:
    size = 40 * 1024 * 1024
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size

    async def what(server: Server, own: Connections) -> None:
        answer = await post(own, server.url)
        for _ in range(500):
            await asyncio.sleep(0)
        held = sum(map(len, answer.pieces))
        assert held <= exchanges.HIGH + 1024 * 1024
        assert len(await answer.read()) == size
        answer.release()
        assert (await post(own, server.url)).status == 200
        assert server.connections == 1

    run(what, [head, *[b"x" * 1024 * 1024] * 40])


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: 1\r\n" % at for at in range(1000)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nx-long: " + b"x" * 1024 * 1024 + b"\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
    ],
    ids=["many headers", "long header", "upgrade", "two lengths", "two other lengths"],
)
def test_a_head_that_no_provider_sends_is_an_error_and_not_waited_for(head: bytes) -> None:
    async def what(server: Server, own: Connections) -> None:
        async with asyncio.timeout(10):
            with pytest.raises(ConnectionError):
                await (await post(own, server.url)).read()

    run(what, [head], "close")


def test_nobody_there_is_told_by_name() -> None:
    async def main() -> None:
        async with session("ours") as own:
            with socket.socket() as held:
                held.bind(("127.0.0.1", 0))
                port = held.getsockname()[1]
                with pytest.raises(ConnectError) as raised:
                    await post(own, URL(f"http://127.0.0.1:{port}/"))
            assert str(port) in str(raised.value)
            with pytest.raises(NoAddressError):
                await post(own, "http://")

    asyncio.run(main())


def test_what_is_no_certificate_is_a_failed_connection() -> None:
    over = asyncio.Event()

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"no TLS is spoken here\r\n")
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        over.set()

    async def main() -> None:
        server = await asyncio.start_server(plain, "127.0.0.1", 0)
        async with server, session("ours") as own:
            with pytest.raises(ConnectError):
                await post(own, URL(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"))
            await over.wait()

    asyncio.run(main())


def test_connections_that_rested_for_long_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def what(server: Server, own: Connections) -> None:
        monkeypatch.setattr("tokenop.gateway.connections.KEPT_SECONDS", 0.0)
        for number in (1, 2):
            answer = await post(own, server.url)
            await answer.read()
            answer.release()
            assert server.connections == number
        while server.open:
            await asyncio.sleep(0)

    run(what, OK)


def test_a_session_of_tls_asks_for_certificates() -> None:
    async def main() -> None:
        async with session("ours") as own:
            context = own._context()
            assert context.verify_mode is ssl.CERT_REQUIRED
            assert context.check_hostname

    asyncio.run(main())
