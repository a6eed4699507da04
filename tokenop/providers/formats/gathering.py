"""The pieces of a streamed answer out of its events, and the bytes that each of them came in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from tokenop.providers.errors import ProviderError
from tokenop.providers.formats.sse import Event
from tokenop.providers.model import Delta

# What an event adds to the part at an index, where it does nothing else.
Grown = tuple[Literal["text", "thinking", "tool_call"], int, str]


class Carrier:
    """Puts the bytes that came onto the pieces that they became: all of them, once, in order."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def take(self, raw: bytes) -> None:
        """Take the bytes of an event. They go with the next piece."""
        self._waiting.append(raw)

    def drop(self) -> None:
        """Leave out what was taken last: the caller did not ask for it."""
        self._waiting.pop()

    def loaded(self, delta: Delta) -> Delta:
        """Return `delta`, just made, with the bytes that wait for it."""
        if self._waiting:
            # Nobody has seen it yet, and a copy would cost ten times as much, for every piece of every stream.
            object.__setattr__(delta, "raw", self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting))
            self._waiting.clear()
        return delta

    def left(self) -> bytes:
        """Return the bytes that went with no piece."""
        return b"".join(self._waiting)


def gathered(
    events: Iterator[Event],
    quick: Callable[[Event], Grown | None],
    slow: Callable[[Event], Iterator[Delta]],
    carrier: Carrier | None,
) -> Iterator[Delta]:
    """Yield the pieces that `events` are. What came at once and belongs together is one piece: that costs least.

    Args:
        events: those that one read completed.
        quick: says what an event adds, where that is all; None where it must be looked at more closely.
        slow: yields the pieces of any other event.
        carrier: puts the bytes onto the pieces; None: nobody wants them.

    Raises:
        ProviderError: what `events` and `slow` raise, after all that came before it.
    """
    held: list[Grown] = []
    try:
        for event in events:
            grown = quick(event)
            if held and (grown is None or grown[0] != held[0][0] or grown[1] != held[0][1]):
                yield _joined(held, carrier)
            if carrier is not None:
                carrier.take(event.raw)
            if grown is not None:
                held.append(grown)
                continue
            for delta in slow(event):
                yield delta if carrier is None else carrier.loaded(delta)
    except ProviderError:
        if held:
            yield _joined(held, carrier)
        raise
    if held:
        yield _joined(held, carrier)


def _joined(held: list[Grown], carrier: Carrier | None) -> Delta:
    """Return the piece that `held` is, and empty it."""
    kind, index, words = held[0]
    delta = Delta(kind, index, words if len(held) == 1 else "".join(one[2] for one in held))
    held.clear()
    return delta if carrier is None else carrier.loaded(delta)
