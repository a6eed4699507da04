"""Driving a chain in a thread: ask, wait, ask the next, until there is an answer or nobody is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self, Unpack

from tokenop.providers.base import Sender, Target, WholeSender
from tokenop.providers.errors import MalformedError
from tokenop.providers.model import Delta, Request
from tokenop.routing.chain.model import ChainResult, GiveUp, Try, Wait
from tokenop.routing.chain.operation import Operation, Settings

CUT = "the stream stopped before its end"


def run(
    targets: Sequence[Target],
    request: Request,
    send: WholeSender,
    *,
    sleep: Callable[[float], None] = time.sleep,
    **settings: Unpack[Settings],
) -> ChainResult:
    """Ask the targets in turn for a whole answer. Never raises a ProviderError: it is in the result.

    Args:
        targets: the chain of a decision.
        request: what is asked; each target is asked for its own model.
        send: puts it on the wire.
        sleep: how to wait, in seconds.
        settings: see `Settings`.
    """
    operation = Operation(targets, request, settings)
    while operation.response is None:
        action = operation.next()
        if isinstance(action, GiveUp):
            operation.error = action.error
            break
        if isinstance(action, Wait):
            sleep(action.seconds)
            continue
        asked = operation.begin(action)
        try:
            response = send.send(asked, action.target, action.timeouts)
        except Exception as raised:  # whatever a sender raises is that attempt's end, never the call's
            operation.failed(raised)
        else:
            operation.answered(response)
        finally:
            operation.close()
    return operation.result()


class ChainStream(Iterator[Delta]):
    """A streamed answer, whoever gives it. Iterate over it; close it, or leave its `with`, to hang up.

    Where all fail, the iteration raises the ProviderError that says it best. `result` holds all attempts at any time.
    Where the policy allows another try after the first token, a second `start` voids all that came before it.
    """

    def __init__(self, operation: Operation, deltas: Generator[Delta]) -> None:
        """Take the operation and what drives it."""
        self._operation = operation
        self._deltas = deltas

    def __next__(self) -> Delta:
        """Return the next piece."""
        return next(self._deltas)

    def close(self) -> None:
        """Hang up. What came until now is recorded, as cancelled if it was not whole."""
        self._deltas.close()

    def __enter__(self) -> Self:
        """Return the stream itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        self.close()

    @property
    def result(self) -> ChainResult:
        """Return what has come of it until now."""
        return self._operation.result()


def stream(
    targets: Sequence[Target],
    request: Request,
    send: Sender,
    *,
    sleep: Callable[[float], None] = time.sleep,
    **settings: Unpack[Settings],
) -> ChainStream:
    """Ask the targets in turn for a streamed answer; arguments as in `run`.

    Nothing is passed on before the first token, so a provider that fails until then is never seen by the caller.
    """
    operation = Operation(targets, request, settings)
    return ChainStream(operation, _deltas(operation, send, sleep))


def _deltas(operation: Operation, send: Sender, sleep: Callable[[float], None]) -> Generator[Delta]:
    while operation.response is None:
        action = operation.next()
        if isinstance(action, GiveUp):
            operation.error = action.error
            raise action.error
        if isinstance(action, Wait):
            sleep(action.seconds)
        else:
            yield from _attempt(operation, send, action)


def _attempt(operation: Operation, send: Sender, told: Try) -> Generator[Delta]:
    asked = operation.begin(told)
    deltas: Iterator[Delta] | None = None
    try:
        while operation.response is None:
            try:
                if deltas is None:
                    deltas = iter(send.stream(asked, told.target, told.timeouts))
                ready = operation.delta(_following(deltas))
            except Exception as raised:  # as in `run`
                operation.failed(raised)
                return
            yield from ready
    finally:
        operation.close()
        hang_up = getattr(deltas, "close", None)
        if hang_up is not None:
            with suppress(Exception):  # the row is written; how a sender takes leave changes nothing
                hang_up()


def _following(deltas: Iterator[Delta]) -> Delta:
    for delta in deltas:
        return delta
    raise MalformedError(CUT)
