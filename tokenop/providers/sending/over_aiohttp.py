"""Sends without an SDK, over plain aiohttp: several times as fast under load as every SDK.

Puts the same on the wire as the SDKs do; a test compares the two. What a caller put on the same wire goes on as it was
put there, and what is answered comes with its bytes, for a gateway to hand back.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec

from tokenop.providers.base import Target, Timeouts, WireRequest
from tokenop.providers.errors import (
    CannotCarryError,
    ConnectionFailedError,
    MalformedError,
    NotUsableError,
    ProviderError,
    TimedOutError,
)
from tokenop.providers.formats import openai_embeddings
from tokenop.providers.formats.fields import object_of, tokens
from tokenop.providers.formats.said import clean, without
from tokenop.providers.model import AsSent, Delta, Request, Response
from tokenop.providers.sending import bounded
from tokenop.providers.sending.bounded import refuse_packed
from tokenop.providers.sending.places import Place, Places, auth_headers

if TYPE_CHECKING:
    import aiohttp

__all__ = ["AiohttpSender", "auth_headers"]

_CONTENT = frozenset({"text", "thinking", "tool_call", "native"})
# aiohttp warns of bodies that are larger and in one piece; it writes a file piece by piece.
_LARGE = 1024 * 1024
# Connections are kept a little shorter than servers usually do, so that few are gone when they are needed.
_KEEP_ALIVE, _NAMES_KEPT = 30.0, 60
# How long, in seconds, and for how many bytes a stream whose answer is whole is read on, to keep its connection.
_LEAVE, _LEAVE_BYTES = 2.0, 64 * 1024
_DEEPEST = 20  # errors that caused each other


class AiohttpSender:
    """Sends from one event loop, with one pool of connections. Use it as `async with AiohttpSender() as sender`.

    Address and key of a target are looked up in `env` when the target is first asked.
    """

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._places = Places(os.environ if env is None else env)
        self._leaving: set[asyncio.Task[None]] = set()
        self._waits: dict[float, aiohttp.ClientTimeout] = {}

    async def __aenter__(self) -> AiohttpSender:
        """Open the connections' pool."""
        import aiohttp

        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=0, ttl_dns_cache=_NAMES_KEPT, keepalive_timeout=_KEEP_ALIVE, use_dns_cache=True
            )
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), connector=connector, auto_decompress=False
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what was opened."""
        for task in self._leaving:
            task.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def leaving(self) -> int:
        """Return how many streams, whose answers are whole, are still read to the end of their bytes."""
        return len(self._leaving)

    async def send(
        self, request: Request, target: Target, timeouts: Timeouts, caller: AsSent | None = None
    ) -> Response:
        """Return the whole answer; never retries by itself.

        Args:
            request: what is asked; as its caller sent it where `as_sent` is set and in the target's wire.
            target: whom to ask.
            timeouts: how long to wait.
            caller: what the caller sent, where that is known otherwise; an answer in the same wire has its `raw`.

        Raises:
            ProviderError: there is no answer.
        """
        caller = caller or request.as_sent
        try:
            place = self._places.of(target)
            if caller is not None and caller.format == openai_embeddings.NAME:
                body = await self._whole(place, openai_embeddings.write_request(caller, target), timeouts)
                return openai_embeddings.read_response(body)
            body = await self._whole(place, place.written(request, stream=False), timeouts)
            response = place.format.read_response(body)
            same = caller is not None and caller.format == place.format.name
            return response.with_raw(body) if same else response
        except ProviderError as error:
            error.after_first_token = False  # nothing was passed on
            raise error.of(target.provider, target.model) from error.__cause__

    async def count(self, request: Request, target: Target, timeouts: Timeouts) -> int:
        """Return how many tokens Anthropic counts in `request`. Raises a ProviderError."""
        from tokenop.providers.formats.anthropic import FORMAT

        try:
            place = self._places.of(target)
            answer = object_of(await self._whole(place, FORMAT.write_count(request, target), timeouts))
            counted = tokens(answer, "input_tokens")
            if counted is None:
                raise MalformedError("input_tokens: must be a number of tokens")
            return counted
        except ProviderError as error:
            raise error.of(target.provider, target.model) from error.__cause__

    async def stream(
        self, request: Request, target: Target, timeouts: Timeouts, caller: AsSent | None = None
    ) -> AsyncGenerator[Delta]:
        """Yield the answer as it comes; the last Delta is `end`. Arguments as in `send`. Raises a ProviderError."""
        caller = caller or request.as_sent
        limit = _Limit(timeouts)
        ended = False
        answer: aiohttp.ClientResponse | None = None
        try:
            place = self._places.of(target)
            reader = place.reader(caller)
            answer = await self._answer(place, place.written(request, stream=True), timeouts, limit)
            limit.watch(answer)
            size, most = 0, bounded.LARGEST
            while piece := await _piece(answer, limit):
                size += len(piece)
                if size > most:
                    raise bounded.too_large()
                for delta in reader.feed(piece):
                    kind = delta.kind
                    if not limit.begun and kind in _CONTENT:
                        limit.begin()
                    elif kind == "end":
                        ended = True
                    yield delta
                    if ended:
                        return
            response = reader.end()
            ended = True
            yield Delta("end", usage=response.usage, response=response, raw=reader.left() or None)
        except ProviderError as error:
            error.after_first_token = limit.begun
            raise error.of(target.provider, target.model) from error.__cause__
        finally:
            limit.off()
            if answer is not None:
                self._let_go(answer, whole=ended)

    async def _whole(self, place: Place, wire: WireRequest, timeouts: Timeouts) -> bytes:
        limit = asyncio.timeout(timeouts.total)
        try:
            async with limit:
                answer = await self._asked(place, wire, timeouts)
                try:
                    if not 200 <= answer.status < 300:
                        raise await _failure(place, answer)
                    return await _all(answer)
                finally:
                    # Back into the pool where all was read, else closed.
                    answer.release()
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise TimedOutError(f"no end after {timeouts.total:g} s", phase="total") from error

    async def _answer(
        self, place: Place, wire: WireRequest, timeouts: Timeouts, limit: _Limit
    ) -> aiohttp.ClientResponse:
        """Return an answer whose headers have come and are good."""
        until = asyncio.timeout_at(limit.until)
        try:
            async with until:
                answer = await self._asked(place, wire, timeouts)
                if 200 <= answer.status < 300:
                    return answer
                try:
                    raise await _failure(place, answer)
                finally:
                    answer.release()
        except TimeoutError as error:
            if not until.expired():
                raise
            raise limit.error() from error

    async def _asked(self, place: Place, wire: WireRequest, timeouts: Timeouts) -> aiohttp.ClientResponse:
        import aiohttp

        if self._session is None:
            raise NotUsableError("the sender is not open: use it as a context manager")
        try:
            body = msgspec.json.encode(wire.body, enc_hook=_plain)
        except (TypeError, ValueError) as error:
            raise CannotCarryError(clean(f"JSON cannot carry the request: {error}")) from error
        try:
            answer = await self._session.request(
                wire.method,
                place.url(wire.path),
                data=body if len(body) <= _LARGE else io.BytesIO(body),
                headers=place.headers(wire.headers),
                allow_redirects=False,
                proxy=place.proxy,
                timeout=self._wait(timeouts.connect),
            )
        except (aiohttp.ClientError, OSError) as error:
            raise _failed(error, timeouts) from _bare(error)
        except ValueError as error:
            # What no header can hold; the words may quote it.
            raise NotUsableError("the request cannot be sent: a header holds what none can") from error
        try:
            refuse_packed(answer.headers)
        except MalformedError:
            answer.release()
            raise
        return answer

    def _wait(self, connect: float) -> aiohttp.ClientTimeout:
        known = self._waits.get(connect)
        if known is None:
            import aiohttp

            known = self._waits[connect] = aiohttp.ClientTimeout(total=None, sock_connect=connect)
        return known

    def _let_go(self, answer: aiohttp.ClientResponse, *, whole: bool) -> None:
        """Give the connection back: whole answers are read to the end of their bytes first, which may still come."""
        if not whole or answer.content.is_eof():
            answer.release()
            return
        task = asyncio.create_task(_read_on(answer))
        self._leaving.add(task)

        def left(done: asyncio.Task[None]) -> None:
            # Not in the task itself: one that is cancelled before it began runs none of its lines.
            self._leaving.discard(done)
            answer.release()

        task.add_done_callback(left)


class _Limit:
    """How long a stream may take: to its first token, then to its end. One timer at a time."""

    __slots__ = ("_answer", "_loop", "_timeouts", "_timer", "begun", "expired", "until")

    def __init__(self, timeouts: Timeouts) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeouts = timeouts
        self._timer: asyncio.TimerHandle | None = None
        self._answer: aiohttp.ClientResponse | None = None
        self.begun = False
        self.expired = False
        self.until = self._loop.time() + min(timeouts.total, timeouts.first_token)

    def watch(self, answer: aiohttp.ClientResponse) -> None:
        """Close `answer` when the time is up, so that whoever reads from it is woken."""
        self._answer = answer
        self._timer = self._loop.call_at(self.until, self._fire)

    def begin(self) -> None:
        """Say that the first token has come."""
        self.begun = True
        timer = self._timer
        if timer is None or self.expired or self._timeouts.total <= self._timeouts.first_token:
            return
        timer.cancel()
        self.until += self._timeouts.total - self._timeouts.first_token
        self._timer = self._loop.call_at(self.until, self._fire)

    def _fire(self) -> None:
        answer = self._answer
        # What has come to its end waits for a slow reader alone.
        if answer is not None and not answer.content.is_eof():
            self.expired = True
            answer.close()

    def off(self) -> None:
        """Watch no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def error(self) -> TimedOutError:
        """Return the error over the time that is up."""
        timeouts = self._timeouts
        if self.begun or timeouts.total <= timeouts.first_token:
            return TimedOutError(f"no end after {timeouts.total:g} s", phase="total")
        return TimedOutError(f"no first token after {timeouts.first_token:g} s", phase="first_token")


async def _piece(answer: aiohttp.ClientResponse, limit: _Limit) -> bytes:
    """Return the next bytes; none at the end."""
    import aiohttp

    try:
        return await answer.content.readany()
    except (aiohttp.ClientError, OSError) as error:
        if limit.expired:
            raise limit.error() from error
        raise ConnectionFailedError(clean(f"the connection failed: {error}")) from _bare(error)


async def _all(answer: aiohttp.ClientResponse) -> bytes:
    """Return the whole body. Raises MalformedError where it is larger than `bounded.LARGEST`."""
    import aiohttp

    length = answer.content_length
    try:
        if length is not None and length <= bounded.LARGEST:
            return await answer.read()
        pieces, size = [], 0
        while piece := await answer.content.readany():
            pieces.append(piece)
            size += len(piece)
            if size > bounded.LARGEST:
                raise bounded.too_large()
    except (aiohttp.ClientError, OSError) as error:
        raise ConnectionFailedError(clean(f"the connection failed: {error}")) from _bare(error)
    return b"".join(pieces)


async def _failure(place: Place, answer: aiohttp.ClientResponse) -> ProviderError:
    """Return the error that an answer tells, from the first bytes of its body; without the key."""
    import aiohttp

    held, size = [], 0
    with contextlib.suppress(aiohttp.ClientError, OSError):
        while size <= bounded.LARGEST_ERROR and (piece := await answer.content.readany()):
            held.append(piece[: bounded.LARGEST_ERROR - size])
            size += len(piece)
    headers = {name: without(value, place.key) for name, value in answer.headers.items()}
    body = without(b"".join(held).decode("utf-8", "replace"), place.key).encode()
    return place.format.read_error(answer.status, headers, body)


async def _read_on(answer: aiohttp.ClientResponse) -> None:
    import aiohttp

    left = _LEAVE_BYTES
    try:
        async with asyncio.timeout(_LEAVE):
            while left > 0 and (piece := await answer.content.readany()):
                left -= len(piece)
    except (aiohttp.ClientError, OSError):  # TimeoutError is one
        pass


def _failed(error: Exception, timeouts: Timeouts) -> ProviderError:
    import aiohttp

    if isinstance(error, aiohttp.InvalidURL):
        return NotUsableError("the base URL is no address")
    if isinstance(error, TimeoutError):
        return TimedOutError(f"no connection after {timeouts.connect:g} s", phase="connect")
    return ConnectionFailedError(clean(f"the connection failed: {error}"))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


def _bare(error: BaseException) -> BaseException:
    """Return an error of aiohttp's without its frames: they hold the request, and aiohttp's errors hold each other."""
    told: BaseException | None = error
    for _ in range(_DEEPEST):
        if told is None:
            break
        told.__traceback__ = None
        told = told.__cause__ or told.__context__
    return error
