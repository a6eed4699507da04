"""Sends without an SDK, over plain aiohttp: several times as fast under load as every SDK.

Puts the same on the wire as the SDKs do; a test compares the two.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec

from tokenop.providers import registry
from tokenop.providers.base import Format, Target, Timeouts, WireRequest
from tokenop.providers.errors import (
    CannotCarryError,
    ConnectionFailedError,
    NotUsableError,
    ProviderError,
    TimedOutError,
)
from tokenop.providers.formats import FORMATS
from tokenop.providers.formats.said import clean, without
from tokenop.providers.model import AsSent, Delta, Request, Response
from tokenop.providers.sending import bounded
from tokenop.providers.sending.bounded import UNPACKED, refuse_packed

if TYPE_CHECKING:
    import aiohttp

_CONTENT = frozenset({"text", "thinking", "tool_call", "native"})


def auth_headers(target: Target, env: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that let a request in; none where the target needs no key."""
    key = registry.key(target, env)
    # Anthropic's API takes the key under x-api-key as well; its SDK says it as everybody does.
    return {"authorization": f"Bearer {key}"} if key else {}


class AiohttpSender:
    """Sends from one event loop, with one pool of connections. Use it as `async with AiohttpSender() as sender`.

    A `session` that is given is used and left open; it should neither keep cookies nor raise for status.
    """

    def __init__(self, session: aiohttp.ClientSession | None = None, env: Mapping[str, str] | None = None) -> None:
        self._given = session
        self._session = session
        self._env = os.environ if env is None else env

    async def __aenter__(self) -> AiohttpSender:
        """Open the connections' pool."""
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(limit=0), auto_decompress=False
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what was opened."""
        if self._session is not None and self._given is None:
            await self._session.close()
            self._session = None

    async def send(
        self, request: Request, target: Target, timeouts: Timeouts, caller: AsSent | None = None
    ) -> Response:
        """Return the whole answer; `raw` where it came in the wire of `caller`. Raises a ProviderError."""
        del caller
        try:
            wire_format = self._format(target)
            wire = wire_format.write_request(replace(request, stream=False), target)
            pieces = []
            async for piece in self._pieces(wire_format, wire, target, _Clock(timeouts, first=False)):
                pieces.append(piece)  # noqa: PERF401 the iterator is asynchronous
            return wire_format.read_response(b"".join(pieces))
        except ProviderError as error:
            error.after_first_token = False  # nothing was passed on
            raise error.of(target.provider, target.model) from error.__cause__

    async def stream(
        self, request: Request, target: Target, timeouts: Timeouts, caller: AsSent | None = None
    ) -> AsyncGenerator[Delta]:
        """Yield the answer as it comes; the last Delta is `end`. Raises a ProviderError."""
        del caller
        clock = _Clock(timeouts, first=True)
        try:
            wire_format = self._format(target)
            wire = wire_format.write_request(replace(request, stream=True), target)
            reader = wire_format.reader()
            async with contextlib.aclosing(self._pieces(wire_format, wire, target, clock)) as pieces:
                async for piece in pieces:
                    for delta in reader.feed(piece):
                        clock.begun = clock.begun or delta.kind in _CONTENT
                        yield delta
                        if delta.kind == "end":
                            return
            response = reader.end()
            yield Delta("end", usage=response.usage, response=response)
        except ProviderError as error:
            error.after_first_token = clock.begun
            raise error.of(target.provider, target.model) from error.__cause__

    def _format(self, target: Target) -> Format:
        reason = registry.usable(target, self._env, sdk=False)
        if reason is not None:
            raise NotUsableError(reason)
        return FORMATS[registry.PROVIDERS[target.provider].format]

    async def _pieces(
        self, wire_format: Format, wire: WireRequest, target: Target, clock: _Clock
    ) -> AsyncGenerator[bytes]:
        import aiohttp

        if self._session is None:
            raise NotUsableError("the sender is not open: use it as a context manager")
        try:
            body = msgspec.json.encode(wire.body, enc_hook=_plain)
        except (TypeError, ValueError) as error:
            raise CannotCarryError(clean(f"JSON cannot carry the request: {error}")) from error
        url = registry.base_url(target, self._env) + wire.path
        asked = self._session.request(
            wire.method,
            url,
            data=body,
            headers={"accept": "application/json", **wire.headers, **UNPACKED, **auth_headers(target, self._env)},
            allow_redirects=False,
            proxy=_proxy(url),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=clock.timeouts.connect),
        )
        try:
            async with clock.limit():
                answer = await asked
        except (aiohttp.ClientError, OSError) as error:
            raise _failed(error, clock) from error
        except ValueError as error:
            # What no header can hold; the words may quote it.
            raise NotUsableError("the request cannot be sent: a header holds what none can") from error
        key = registry.key(target, self._env)
        async with contextlib.aclosing(_body(answer, wire_format, clock, key)) as pieces:
            async for piece in pieces:
                yield piece


async def _body(
    answer: aiohttp.ClientResponse, wire_format: Format, clock: _Clock, key: str | None
) -> AsyncGenerator[bytes]:
    import aiohttp

    good = 200 <= answer.status < 300
    held: list[bytes] = []
    size, most = 0, bounded.LARGEST if good else bounded.LARGEST_ERROR
    try:
        refuse_packed(answer.headers)
        while True:
            try:
                async with clock.limit():
                    piece = await answer.content.readany()
            except (aiohttp.ClientError, OSError) as error:
                if good:
                    raise _failed(error, clock) from error
                break
            if not piece:
                break
            size += len(piece)
            if size > most:
                if good:
                    raise bounded.too_large()
                break
            if good:
                yield piece
            else:
                held.append(piece)
        if not good:
            headers = {name: without(value, key) for name, value in answer.headers.items()}
            body = without(b"".join(held).decode("utf-8", "replace"), key).encode()
            raise wire_format.read_error(answer.status, headers, body)
    finally:
        # Back into the pool where all was read, else closed.
        answer.release()


class _Clock:
    """How long is left: to the first token, then to the end."""

    def __init__(self, timeouts: Timeouts, *, first: bool) -> None:
        self.timeouts = timeouts
        self.begun = not first
        self.started = asyncio.get_running_loop().time()

    @contextlib.asynccontextmanager
    async def limit(self) -> AsyncIterator[None]:
        """Break off what runs inside when the time is up. Raises TimedOutError."""
        left = self.timeouts.total if self.begun else min(self.timeouts.total, self.timeouts.first_token)
        outer = asyncio.timeout_at(self.started + left)
        try:
            async with outer:
                yield
        except TimeoutError as error:
            if not outer.expired():
                raise
            if self.begun or self.timeouts.total <= self.timeouts.first_token:
                raise TimedOutError(f"no end after {self.timeouts.total:g} s", phase="total") from error
            raise TimedOutError(f"no first token after {self.timeouts.first_token:g} s", phase="first_token") from error


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names for `url`, None where it names none.

    aiohttp would look it up itself, but then also send what `~/.netrc` holds for an address.
    """
    address = urlsplit(url)
    if proxy_bypass(address.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(address.scheme) or proxies.get("all")


def _failed(error: Exception, clock: _Clock) -> ProviderError:
    import aiohttp

    if isinstance(error, aiohttp.InvalidURL):
        return NotUsableError("the base URL is no address")
    if isinstance(error, TimeoutError):
        return TimedOutError(f"no connection after {clock.timeouts.connect:g} s", phase="connect")
    return ConnectionFailedError(clean(f"the connection failed: {error}"))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
