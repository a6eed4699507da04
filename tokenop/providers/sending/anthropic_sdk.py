"""Sends to Anthropic with the official SDK.

The SDK lets in, connects and encodes; what goes in is the format's body as it is, what comes out is read by the
format. So the gateway, which has no SDK, puts the same on the wire.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

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
from tokenop.providers.formats.anthropic import FORMAT
from tokenop.providers.formats.said import clean
from tokenop.providers.model import Delta, Request, Response
from tokenop.providers.sending.pump import Line, pumped

if TYPE_CHECKING:
    import anthropic


class AnthropicSender:
    """Sends with `anthropic.Anthropic`: one client for each address and key, no retries of its own."""

    def __init__(self) -> None:
        self._clients: dict[tuple[str, str], anthropic.Anthropic] = {}
        self._lock = threading.Lock()

    def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        """Return the whole answer. Raises a ProviderError; never retries by itself."""
        try:
            wire = FORMAT.write_request(replace(request, stream=False), target)
            return FORMAT.read_response(b"".join(self._pieces(wire, target, timeouts, lambda: True)))
        except ProviderError as error:
            error.after_first_token = False  # nothing was passed on
            raise error.of(target.provider, target.model) from error.__cause__

    def stream(self, request: Request, target: Target, timeouts: Timeouts) -> Iterator[Delta]:
        """Yield the answer as it comes; the last Delta is `end`. Raises a ProviderError."""
        reader = FORMAT.reader()
        try:
            wire = FORMAT.write_request(replace(request, stream=True), target)
            ended = False
            with contextlib.closing(self._pieces(wire, target, timeouts, lambda: reader.begun)) as pieces:
                for piece in pieces:
                    for delta in reader.feed(piece):
                        ended = ended or delta.kind == "end"
                        yield delta
            if not ended:
                response = reader.end()
                yield Delta("end", usage=response.usage, response=response)
        except ProviderError as error:
            error.after_first_token = reader.begun
            raise error.of(target.provider, target.model) from error.__cause__

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()

    def _client(self, target: Target) -> anthropic.Anthropic:
        import anthropic

        key = registry.key(target, os.environ)
        if key is None and registry.key_env(target) is not None:
            raise NotUsableError(f"{registry.key_env(target)} is not set")
        # An address of the target's own may need no key; the SDK wants one all the same.
        place = (registry.base_url(target, os.environ), key or "none")
        with self._lock:
            if place not in self._clients:
                self._clients[place] = anthropic.Anthropic(api_key=place[1], base_url=place[0], max_retries=0)
            return self._clients[place]

    def _pieces(
        self, wire: WireRequest, target: Target, timeouts: Timeouts, begun: Callable[[], bool]
    ) -> Generator[bytes]:
        client = self._client(target)
        return _translated(pumped(lambda line: _read(client, wire, timeouts, line), timeouts, begun), timeouts)


def sender() -> AnthropicSender:
    """Return a sender to Anthropic. Raises NotUsableError where the SDK is not installed."""
    try:
        import anthropic  # noqa: F401
    except ImportError as error:
        raise NotUsableError("the package anthropic is not installed: pip install 'tokenop[anthropic]'") from error
    return AnthropicSender()


def _read(client: anthropic.Anthropic, wire: WireRequest, timeouts: Timeouts, line: Line) -> Iterator[bytes]:
    """Yield the bytes of the answer. Raises what the SDK raises."""
    import anthropic

    streamed = client.post(
        wire.path,
        body=dict(wire.body),
        options={
            "headers": dict(wire.headers),
            "timeout": anthropic.Timeout(timeouts.total, connect=timeouts.connect),
        },
        cast_to=object,
        stream=True,
        stream_cls=anthropic.Stream[object],
    )
    with contextlib.closing(streamed):
        line.on_break(lambda: _shut(streamed.response))
        yield from streamed.response.iter_bytes()


def _shut(response: Any) -> None:
    """Wake the thread that reads from `response`: closing alone would leave it waiting."""
    stream = response.extensions.get("network_stream")
    connection = stream.get_extra_info("socket") if stream is not None and not response.is_closed else None
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)


def _translated(pieces: Iterator[bytes], timeouts: Timeouts) -> Generator[bytes]:
    """Yield `pieces`, with whatever the SDK raises as one of our errors."""
    import anthropic
    import httpx2

    try:
        yield from pieces
    except ProviderError:
        raise
    except anthropic.APIStatusError as error:
        answer = error.response
        raise FORMAT.read_error(answer.status_code, answer.headers, _content(answer)) from error
    except (anthropic.APITimeoutError, httpx2.TimeoutException) as error:
        raise _timed_out(error, timeouts) from error
    except (anthropic.APIConnectionError, httpx2.TransportError) as error:
        cause = error.__cause__ if isinstance(error, anthropic.APIConnectionError) else error
        raise ConnectionFailedError(clean(f"the connection failed: {cause or error}")) from error
    except (anthropic.APIError, httpx2.DecodingError) as error:
        raise MalformedError(clean(str(error))) from error
    except anthropic.AnthropicError as error:
        raise NotUsableError(clean(str(error))) from error
    except (ValueError, TypeError) as error:
        # NaN, half a surrogate pair: what JSON in UTF-8 cannot hold.
        raise CannotCarryError(clean(f"JSON cannot carry the request: {error}")) from error


def _content(answer: Any) -> bytes:
    import httpx2

    try:
        return bytes(answer.read())
    except (httpx2.HTTPError, httpx2.StreamError):
        return b""


def _timed_out(error: Exception, timeouts: Timeouts) -> TimedOutError:
    import httpx2

    cause = error.__cause__ or error
    if isinstance(cause, httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return TimedOutError(f"no connection after {timeouts.connect:g} s", phase="connect")
    return TimedOutError(f"no end after {timeouts.total:g} s", phase="total")
