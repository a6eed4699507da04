"""What the SDKs of Anthropic, OpenAI and Groq have in common: one tool wrote them, on two versions of an HTTP library.

The SDK lets in, connects and encodes; what goes in is the format's body as it is, what comes out is read by the
format. So whoever sends without an SDK puts the same on the wire.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from types import ModuleType
from typing import Any

from tokenop.providers import registry
from tokenop.providers.base import Format, Target, Timeouts, WireRequest
from tokenop.providers.errors import (
    CannotCarryError,
    ConnectionFailedError,
    MalformedError,
    NotUsableError,
    ProviderError,
    TimedOutError,
)
from tokenop.providers.formats.said import clean, without
from tokenop.providers.sending.bounded import UNPACKED, refuse_packed, taken
from tokenop.providers.sending.pieced import PiecedSender
from tokenop.providers.sending.pump import Line, pumped

# (address, key) → one of the SDK's clients.
Connect = Callable[[str, str | None], Any]


class StainlessSender(PiecedSender):
    """Sends with one client for each address and key, no retries of its own, and follows no redirects."""

    def __init__(
        self, wire_format: Format, sdk: ModuleType, base: type[Exception], http: ModuleType, connect: Connect
    ) -> None:
        """Take the SDK's module, the base of its errors, the HTTP library it stands on, and what makes a client."""
        super().__init__(wire_format)
        self._sdk = sdk
        self._base = base
        self._http = http
        self._connect = connect

    def _client(self, target: Target) -> Any:
        reason = registry.usable(target, os.environ)
        if reason is not None:
            raise NotUsableError(reason)
        place = (registry.base_url(target, os.environ), registry.key(target, os.environ))
        with self._lock:
            if place not in self._clients:
                self._clients[place] = self._connect(*place)
            return self._clients[place]

    def _pieces(
        self, wire: WireRequest, target: Target, timeouts: Timeouts, begun: Callable[[], bool]
    ) -> Generator[bytes]:
        client = self._client(target)
        try:
            json.dumps(wire.body, allow_nan=False, ensure_ascii=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            # NaN, half a surrogate pair, a set.
            raise CannotCarryError(clean(f"JSON cannot carry the request: {error}")) from error
        key = registry.key(target, os.environ)
        headers: dict[str, Any] = {**wire.headers, **UNPACKED}
        headers["Authorization"] = self._sdk.Omit() if key is None else f"Bearer {key}"
        pieces = pumped(lambda line: self._read(client, wire, headers, timeouts, line), timeouts, begun)
        return self._translated(pieces, timeouts, key, stream=bool(wire.body.get("stream")))

    def _read(
        self, client: Any, wire: WireRequest, headers: dict[str, Any], timeouts: Timeouts, line: Line
    ) -> Iterator[bytes]:
        """Yield the bytes of the answer. Raises what the SDK raises."""
        # Until the headers are here nothing can be broken off, so that waiting is the HTTP library's; then `patient`
        # takes over.
        silence = min(timeouts.first_token, timeouts.total) if wire.body.get("stream") else timeouts.total
        running.total = timeouts.total
        running.line = line
        running.asked = {name: value for name, value in headers.items() if isinstance(value, str)}
        options = {
            "headers": headers,
            "timeout": self._http.Timeout(timeouts.total, connect=timeouts.connect, read=silence),
        }
        streamed = client.post(
            wire.path,
            body=dict(wire.body),
            options=options,
            cast_to=object,
            stream=True,
            stream_cls=self._sdk.Stream[object],
        )
        with contextlib.closing(streamed):
            yield from streamed.response.iter_bytes()

    def _translated(
        self, pieces: Iterator[bytes], timeouts: Timeouts, key: str | None, *, stream: bool
    ) -> Generator[bytes]:
        """Yield `pieces`, with whatever the SDK raises as one of our errors."""
        sdk, http = self._sdk, self._http
        try:
            yield from pieces
        except ProviderError:
            raise
        except sdk.APIStatusError as error:
            answer = error.response
            # The SDK's own error quotes the body, and the body may quote the key.
            headers = {name: without(value, key) for name, value in answer.headers.items()}
            body = without(self._content(answer).decode("utf-8", "replace"), key).encode()
            raise self._format.read_error(answer.status_code, headers, body) from None
        except (sdk.APITimeoutError, http.TimeoutException) as error:
            raise self._timed_out(error, timeouts, stream=stream) from error
        except (sdk.APIConnectionError, http.TransportError) as error:
            cause = error.__cause__ if isinstance(error, sdk.APIConnectionError) else error
            if isinstance(cause, ProviderError):
                raise cause from None
            raise ConnectionFailedError(said(f"the connection failed: {cause or error}", key)) from error
        except (sdk.APIError, http.DecodingError) as error:
            raise MalformedError(said(str(error), key)) from error
        except (http.InvalidURL, self._base, ValueError, TypeError) as error:
            # What the SDK refuses before it sends: a key that no header can hold, an address that is none.
            raise NotUsableError(said(str(error), key)) from error

    def _content(self, answer: Any) -> bytes:
        try:
            return bytes(answer.read())
        except (self._http.HTTPError, self._http.StreamError):
            return b""

    def _timed_out(self, error: Exception, timeouts: Timeouts, *, stream: bool) -> TimedOutError:
        cause = error.__cause__ or error
        if isinstance(cause, self._http.ConnectTimeout | self._http.PoolTimeout):
            return TimedOutError(f"no connection after {timeouts.connect:g} s", phase="connect")
        if stream and isinstance(error, self._sdk.APITimeoutError) and timeouts.first_token < timeouts.total:
            return TimedOutError(f"no first token after {timeouts.first_token:g} s", phase="first_token")
        return TimedOutError(f"no end after {timeouts.total:g} s", phase="total")


running = threading.local()
_CUSTOM_HEADERS = ("ANTHROPIC_CUSTOM_HEADERS", "GROQ_CUSTOM_HEADERS", "OPENAI_CUSTOM_HEADERS")


def plain(request: Any) -> None:
    """Take away what an SDK adds from the environment: a hook of the HTTP libraries, called before a request goes out.

    `…_CUSTOM_HEADERS` may hold a secret, which is meant for one address and not for every target's.
    """
    running.line.go_on()
    for variable in _CUSTOM_HEADERS:
        for line in os.environ.get(variable, "").splitlines():
            request.headers.pop(line.partition(":")[0].strip(), None)
    request.headers.update(running.asked)


def hooks(http: ModuleType) -> dict[str, list[Callable[[Any], None]]]:
    """Return what an HTTP library calls before a request goes out, and when the headers of its answer have come."""

    class Watched(http.SyncByteStream):  # type: ignore[misc,name-defined]  # of either version of the library
        """The body of an answer. It may take its time, can be broken off, and has an end."""

        def __init__(self, inner: Any, held: Held, status: int) -> None:
            self.inner = inner
            self.held = held
            self.status = status

        def __iter__(self) -> Iterator[bytes]:
            yield from taken(self.inner, self.status)

        def close(self) -> None:
            self.held.release(self.inner.close)

    def patient(response: Any) -> None:
        response.request.extensions["timeout"]["read"] = running.total
        refuse_packed(response.headers)
        held = Held(response, running.line)
        running.line.on_break(held.shut)
        response.stream = Watched(response.stream, held, response.status_code)

    return {"request": [plain], "response": [patient]}


@functools.cache
def trusted(http: ModuleType) -> Any:
    """Return whom an HTTP library trusts (a TLS context); reading the certificates takes longer than a short call."""
    return http.create_ssl_context()


def said(text: str, key: str | None) -> str:
    """Return `text` fit to show; an HTTP library may quote a header with the key in it."""
    return clean(without(text, key))


class Held:
    """A connection while an answer is read from it. Afterwards it may be somebody else's."""

    def __init__(self, response: Any, line: Line) -> None:
        self._response = response
        self._line = line
        self._lock = threading.Lock()

    def release(self, end: Callable[[], None]) -> None:
        """Say that nothing more is read from it; `end` gives it back to its pool.

        Where nobody waits any more, the pool may be closed by then, and would never close this one.
        """
        with self._lock:
            response, self._response = self._response, None
        end()
        stream = response.extensions.get("network_stream") if response is not None else None
        if stream is not None and self._line.broken_off:
            stream.close()

    def shut(self) -> None:
        """Wake the thread that reads from it: closing alone would leave it waiting."""
        with self._lock:
            response = self._response
            if response is None or response.is_closed:
                return
            stream = response.extensions.get("network_stream")
            connection = stream.get_extra_info("socket") if stream is not None else None
            if connection is not None:
                # Of the plain socket: a TLS socket would forget its session under the reader's hands.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
