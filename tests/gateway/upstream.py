"""A provider on this machine whose every byte a test decides: what it sends, when it stalls, how it breaks off.

A script is asked what to do with each request and yields steps: bytes go out as they are, at once; `STALL` waits until
the other side hangs up, `RESET` breaks the connection off, `CLOSE` ends it. Who hung up before the end of a script is
in `gone`.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.routing.chain.faulty import OPENAI, STREAMS, WHOLE, _openai_stream
from tests.wire import Exchange


class Act(enum.Enum):
    """What is done where no bytes are sent."""

    STALL = "stall"
    RESET = "reset"
    CLOSE = "close"


STALL, RESET, CLOSE = Act.STALL, Act.RESET, Act.CLOSE
Step = bytes | Act


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came. `wire` is the first part of its path; `body` is None where it was no JSON."""

    number: int
    path: str
    headers: Mapping[str, str]
    raw: bytes
    body: Any

    @property
    def wire(self) -> str:
        return self.path.split("/")[1]

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def streaming(self) -> bool:
        return bool(self.body.get("stream", self.wire == "ollama"))


Script = Callable[[Asked], Iterable[Step]]


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Return the beginning of an answer."""
    lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def whole(body: bytes | Mapping[str, Any], status: int = 200, **headers: str) -> list[Step]:
    """Return the steps of a whole answer; `_` in the names of `headers` is `-` on the wire."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return [head(status, {**named, "content-length": str(len(raw))}) + raw]


def failed(status: int, **headers: str) -> list[Step]:
    """Return the steps of an error."""
    said = {"type": "error", "error": {"type": "some_error", "message": "as scripted"}}
    return whole(said, status, **headers)


def chunk(piece: bytes) -> bytes:
    """Return a piece of a body whose length is not said beforehand."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def streamed(pieces: Sequence[bytes], kind: str = "text/event-stream") -> list[Step]:
    """Return the steps of a streamed answer: its head, one for each piece, its end."""
    begun = head(200, {"content-type": kind, "transfer-encoding": "chunked"})
    return [begun, *(chunk(piece) for piece in pieces), b"0\r\n\r\n"]


def hello(asked: Asked) -> list[Step]:
    """Return "Hello there" in the wire that was asked, whole or streamed: 12 tokens in, 5 out."""
    if asked.path.endswith("/embeddings"):
        vectors = [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}]
        usage = {"prompt_tokens": 3, "total_tokens": 3}
        return whole({"object": "list", "model": asked.model, "data": vectors, "usage": usage})
    if asked.path.endswith("/count_tokens"):
        return whole({"input_tokens": 12})
    if asked.streaming:
        return streamed(STREAMS.get(asked.wire, _openai_stream)())
    return whole(WHOLE.get(asked.wire, OPENAI))


def replayed(exchange: Exchange, piece: int = 200) -> list[Step]:
    """Return a recorded answer, cut into pieces of so many bytes where it is a stream."""
    body = exchange.response_body
    if not exchange.is_stream:
        kind = exchange.response_headers.get("content-type", "application/json")
        return whole(body, exchange.status, content_type=kind)
    return streamed([body[at : at + piece] for at in range(0, len(body), piece)])


@dataclass(slots=True)
class Upstream:
    """A running upstream. `scripts` is by model; a model that is not there does what `otherwise` says."""

    port: int
    otherwise: Script = hello
    scripts: dict[str, Script] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    open: set[Any] = field(default_factory=set)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def until(self, holds: Callable[[], bool], seconds: float = 10.0) -> None:
        """Wait for what connections do. Raises AssertionError where it does not come."""
        with self.changed:
            assert self.changed.wait_for(holds, seconds), "the upstream never saw it"

    def steps(self, asked: Asked) -> Iterable[Step]:
        """Return what is done with a request."""
        named = self.scripts.get(asked.body.get("model", "")) if isinstance(asked.body, dict) else None
        return (named or self.otherwise)(asked)


class _Connection(asyncio.Protocol):
    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.held = b""
        self.lost = asyncio.Event()
        self.room = asyncio.Event()
        self.room.set()
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._note(lambda: self.upstream.open.add(self))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        self.room.set()
        self._note(lambda: self.upstream.open.discard(self))

    def pause_writing(self) -> None:
        self.room.clear()

    def resume_writing(self) -> None:
        self.room.set()

    def data_received(self, data: bytes) -> None:
        self.held += data
        self._next()

    def _next(self) -> None:
        start = self.held.find(b"\r\n\r\n")
        if start < 0 or (self.task is not None and not self.task.done()):
            return
        first, *lines = self.held[:start].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        end = start + 4 + int(headers.get("content-length", 0))
        if len(self.held) < end:
            return
        raw, self.held = self.held[start + 4 : end], self.held[end:]
        asked = Asked(len(self.upstream.asked), first.split()[1], headers, raw, _json(raw))
        self._note(lambda: self.upstream.asked.append(asked))
        self.task = asyncio.get_running_loop().create_task(self._answer(asked))

    async def _answer(self, asked: Asked) -> None:
        for step in self.upstream.steps(asked):
            if step is STALL:
                await self.lost.wait()
            elif step is RESET:
                # Closed so, the connection ends with a reset and not with a farewell.
                raw = self.transport.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.transport.abort()
                return
            elif step is CLOSE:
                self.transport.close()
                return
            else:
                assert isinstance(step, bytes)
                await self.room.wait()
                if not self.lost.is_set():
                    self.transport.write(step)
                await asyncio.sleep(0)  # each step is a packet of its own
            if self.lost.is_set():
                self._note(lambda: self.upstream.gone.append(asked.number))
                return
        asyncio.get_running_loop().call_soon(self._next)

    def _note(self, change: Callable[[], Any]) -> None:
        with self.upstream.changed:
            change()
            self.upstream.changed.notify_all()


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


@contextlib.contextmanager
def serving(port: int = 0) -> Iterator[Upstream]:
    """Run an upstream in a thread of its own, at a port of this machine."""
    loop = asyncio.new_event_loop()
    upstream = Upstream(0)
    server = loop.run_until_complete(loop.create_server(lambda: _Connection(upstream), "127.0.0.1", port))
    upstream.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield upstream
    finally:
        asyncio.run_coroutine_threadsafe(_over(server, upstream), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _over(server: asyncio.Server, upstream: Upstream) -> None:
    server.close()
    for connection in list(upstream.open):
        connection.transport.abort()
        if connection.task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                connection.task.cancel()
                await connection.task
    await asyncio.sleep(0)
