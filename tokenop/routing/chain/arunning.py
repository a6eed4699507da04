"""Driving a chain in an event loop: the same machine and the same rows as `running`, for a gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self, Unpack

from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import MalformedError
from tokenop.providers.model import Delta, Request, Response
from tokenop.routing.chain.model import ChainResult, GiveUp, Try, Wait
from tokenop.routing.chain.operation import Operation, Settings
from tokenop.routing.chain.running import CUT


class AsyncSender(Protocol):
    """Puts requests on the wire without blocking the loop."""

    async def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        """Return the whole answer. Raises a ProviderError; never retries by itself."""
        ...

    def stream(self, request: Request, target: Target, timeouts: Timeouts) -> AsyncIterator[Delta]:
        """Yield the answer as it comes; the last Delta is `end`. Raises a ProviderError."""
        ...


async def arun(
    targets: Sequence[Target],
    request: Request,
    send: AsyncSender,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    **settings: Unpack[Settings],
) -> ChainResult:
    """Ask the targets in turn for a whole answer, as `run` does. A call that is cancelled leaves its row."""
    operation = Operation(targets, request, settings)
    while operation.response is None:
        action = operation.next()
        if isinstance(action, GiveUp):
            operation.error = action.error
            break
        if isinstance(action, Wait):
            await sleep(action.seconds)
            continue
        asked = operation.begin(action)
        try:
            response = await send.send(asked, action.target, action.timeouts)
        except Exception as raised:  # whatever a sender raises is that attempt's end, never the call's
            operation.failed(raised)
        else:
            operation.answered(response)
        finally:
            operation.close()
    return operation.result()


class AsyncChainStream(AsyncIterator[Delta]):
    """A streamed answer, whoever gives it; like `ChainStream`. Leave its `async with`, or `aclose` it, to hang up."""

    def __init__(self, operation: Operation, deltas: AsyncGenerator[Delta]) -> None:
        """Take the operation and what drives it."""
        self._operation = operation
        self._deltas = deltas

    async def __anext__(self) -> Delta:
        """Return the next piece."""
        return await anext(self._deltas)

    async def aclose(self) -> None:
        """Hang up. What came until now is recorded, as cancelled if it was not whole."""
        await self._deltas.aclose()

    async def __aenter__(self) -> Self:
        """Return the stream itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        await self.aclose()

    @property
    def asked(self) -> Try | None:
        """Return who was asked last: once a piece has come, who answers. None where nobody was."""
        return self._operation.asked

    @property
    def model(self) -> str | None:
        """Return the model that says it answers, or the one that was asked."""
        return self._operation.model

    @property
    def result(self) -> ChainResult:
        """Return what has come of it until now."""
        return self._operation.result()


def astream(
    targets: Sequence[Target],
    request: Request,
    send: AsyncSender,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    **settings: Unpack[Settings],
) -> AsyncChainStream:
    """Ask the targets in turn for a streamed answer, as `stream` does."""
    operation = Operation(targets, request, settings)
    return AsyncChainStream(operation, _deltas(operation, send, sleep))


async def _deltas(
    operation: Operation, send: AsyncSender, sleep: Callable[[float], Awaitable[None]]
) -> AsyncGenerator[Delta]:
    while operation.response is None:
        action = operation.next()
        if isinstance(action, GiveUp):
            operation.error = action.error
            raise action.error
        if isinstance(action, Wait):
            await sleep(action.seconds)
            continue
        attempt = _attempt(operation, send, action)
        try:
            async for delta in attempt:
                yield delta
        finally:
            # `async for` alone would leave the attempt, and its row, to the garbage collector.
            await attempt.aclose()


async def _attempt(operation: Operation, send: AsyncSender, told: Try) -> AsyncGenerator[Delta]:
    asked = operation.begin(told)
    deltas: AsyncIterator[Delta] | None = None
    try:
        while operation.response is None:
            try:
                if deltas is None:
                    deltas = aiter(send.stream(asked, told.target, told.timeouts))
                ready = operation.delta(await _following(deltas))
            except Exception as raised:  # as in `arun`
                operation.failed(raised)
                return
            for delta in ready:
                yield delta
    finally:
        operation.close()
        hang_up = getattr(deltas, "aclose", None)
        if hang_up is not None:
            with suppress(Exception):  # the row is written; how a sender takes leave changes nothing
                await hang_up()


async def _following(deltas: AsyncIterator[Delta]) -> Delta:
    async for delta in deltas:
        return delta
    raise MalformedError(CUT)
