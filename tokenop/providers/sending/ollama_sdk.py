"""Sends to Ollama's own API with the official SDK.

The SDK's types leave out parts of a tool's schema, and take a picture's data for the name of a file where such a file
exists. So the SDK connects, streams and checks the answer's form, and what goes out is the format's body.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from tokenop.providers import registry
from tokenop.providers.base import Target, Timeouts, WireRequest
from tokenop.providers.errors import (
    CannotCarryError,
    ConnectionFailedError,
    MalformedError,
    NotUsableError,
    ProviderError,
    TimedOutError,
)
from tokenop.providers.formats.ollama_chat import FORMAT
from tokenop.providers.formats.said import clean, without
from tokenop.providers.sending.bounded import UNPACKED, refuse_packed, taken
from tokenop.providers.sending.pieced import PiecedSender
from tokenop.providers.sending.pump import Line, pumped
from tokenop.providers.sending.stainless import Held, trusted

if TYPE_CHECKING:
    import httpx
    import ollama

# What the SDK raises over an answer that is no object, or not in its form.
_NOT_THE_FORM = (ValueError, TypeError, AttributeError)


@dataclass(slots=True)
class _Call:
    """One call on its way through the SDK: what goes out, and what came back so far."""

    body: bytes
    key: str | None = field(repr=False)
    stream: bool
    timeouts: Timeouts
    line: Line
    came: list[bytes] = field(default_factory=list)
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)


class OllamaSender(PiecedSender):
    """Sends with one client for each address, no retries of its own, and follows no redirects."""

    def __init__(self) -> None:
        super().__init__(FORMAT)
        self._running = threading.local()

    def _client(self, target: Target) -> ollama.Client:
        import ollama

        reason = registry.usable(target, os.environ)
        if reason is not None:
            raise NotUsableError(reason)
        address = registry.base_url(target, os.environ)
        with self._lock:
            if address not in self._clients:
                self._clients[address] = ollama.Client(
                    host=address, follow_redirects=False, transport=_transport(self._running)
                )
            client: ollama.Client = self._clients[address]
            return client

    def _pieces(
        self, wire: WireRequest, target: Target, timeouts: Timeouts, begun: Callable[[], bool]
    ) -> Generator[bytes]:
        client = self._client(target)
        try:
            body = msgspec.json.encode(wire.body)
        except (TypeError, ValueError) as error:
            raise CannotCarryError(clean(f"JSON cannot carry the request: {error}")) from error
        key = registry.key(target, os.environ)

        def read(line: Line) -> Iterator[bytes]:
            call = self._running.call = _Call(body, key, bool(wire.body["stream"]), timeouts, line)
            return _read(client, call, str(wire.body["model"]))

        return _translated(pumped(read, timeouts, begun), timeouts, stream=bool(wire.body["stream"]))


def sender() -> OllamaSender:
    """Return a sender to Ollama. Raises NotUsableError where the SDK is not installed."""
    try:
        import ollama  # noqa: F401
    except ImportError as error:
        raise NotUsableError("the package ollama is not installed: pip install 'tokenop[ollama]'") from error
    return OllamaSender()


def _read(client: ollama.Client, call: _Call, model: str) -> Iterator[bytes]:
    """Yield the bytes of the answer as the SDK reads them. Raises what the SDK raises."""
    import ollama

    try:
        if call.stream:
            for _ in client.chat(model=model, messages=[], stream=True):
                yield from _taken(call)
        else:
            client.chat(model=model, messages=[])
    except ollama.ResponseError:
        if call.status < 400 and not 300 <= call.status < 400:
            # The stream itself tells an error; the reader says which.
            yield from _taken(call)
            raise
        # The SDK's own error quotes the body, and the body may quote the key.
        headers = {name: without(value, call.key) for name, value in call.headers.items()}
        body = without(b"".join(call.came).decode("utf-8", "replace"), call.key).encode()
        raise FORMAT.read_error(call.status, headers, body) from None
    except _NOT_THE_FORM:
        # What the SDK cannot read our reader cannot either, and says why.
        yield from _taken(call)
        raise
    yield from _taken(call)


def _taken(call: _Call) -> list[bytes]:
    came, call.came = call.came, []
    return came


def _transport(running: threading.local) -> httpx.BaseTransport:
    """Return what stands between the SDK and the network: sends the call's own body and keeps what comes back."""
    import httpx

    class Stream(httpx.SyncByteStream):
        def __init__(self, inner: httpx.SyncByteStream, call: _Call, held: Held) -> None:
            self.inner = inner
            self.call = call
            self.held = held

        def __iter__(self) -> Iterator[bytes]:
            for piece in taken(self.inner, self.call.status):
                self.call.came.append(piece)
                yield piece

        def close(self) -> None:
            self.held.release(self.inner.close)

    class Transport(httpx.BaseTransport):
        def __init__(self) -> None:
            self.inner = httpx.HTTPTransport(verify=trusted(httpx))

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            call: _Call = running.call
            call.line.go_on()
            dropped = {"content-length", "authorization", "accept-encoding"}
            headers = {name: value for name, value in request.headers.items() if name not in dropped}
            # Bytes are kept as they come, so they must not come packed.
            headers |= UNPACKED
            if call.key:
                headers["authorization"] = f"Bearer {call.key}"
            waits = httpx.Timeout(call.timeouts.total, connect=call.timeouts.connect).as_dict()
            if call.stream:
                waits["read"] = min(call.timeouts.first_token, call.timeouts.total)
            own = httpx.Request(
                request.method, request.url, headers=headers, content=call.body, extensions={"timeout": waits}
            )
            answer = self.inner.handle_request(own)
            call.status = answer.status_code
            call.headers = dict(answer.headers)
            # Now that the headers are here, the rest may take its time: whoever waits can break it off.
            waits["read"] = call.timeouts.total
            refuse_packed(answer.headers)
            held = Held(answer, call.line)
            call.line.on_break(held.shut)
            assert isinstance(answer.stream, httpx.SyncByteStream)
            answer.stream = Stream(answer.stream, call, held)
            return answer

        def close(self) -> None:
            self.inner.close()

    return Transport()


def _translated(pieces: Iterator[bytes], timeouts: Timeouts, *, stream: bool) -> Generator[bytes]:
    """Yield `pieces`, with whatever the SDK raises as one of our errors."""
    import httpx
    import ollama

    try:
        yield from pieces
    except ProviderError:
        raise
    except httpx.ConnectTimeout as error:
        raise TimedOutError(f"no connection after {timeouts.connect:g} s", phase="connect") from error
    except httpx.TimeoutException as error:
        if stream and timeouts.first_token < timeouts.total:
            raise TimedOutError(f"no first token after {timeouts.first_token:g} s", phase="first_token") from error
        raise TimedOutError(f"no end after {timeouts.total:g} s", phase="total") from error
    except (httpx.TransportError, ConnectionError) as error:
        raise ConnectionFailedError(clean(f"the connection failed: {error}")) from error
    except (ollama.ResponseError, *_NOT_THE_FORM) as error:
        raise MalformedError(f"the answer is not in the form of Ollama's API: {type(error).__name__}") from error
