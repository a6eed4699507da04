"""How much of an answer's body is taken: no more than any model answers, nothing packed, and of an error the beginning.

A few packed bytes may unpack to gigabytes before anybody can count them. So answers are asked for as they are, and one
that comes packed all the same is not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tokenop.providers.errors import MalformedError

# More than any model answers; whoever sends without end is not read until memory is full.
LARGEST = 64 * 1024 * 1024
LARGEST_ERROR = 64 * 1024
UNPACKED: Mapping[str, str] = {"accept-encoding": "identity"}


def refuse_packed(headers: Mapping[str, str]) -> None:
    """Raise MalformedError where `headers` (their names in any case) say that the answer is packed."""
    said = headers.get("content-encoding") or "identity"
    if said.strip().lower() != "identity":
        raise MalformedError("the answer is packed (content-encoding), although it was asked for as it is")


def too_large() -> MalformedError:
    """Return the error over an answer that is larger than `LARGEST`."""
    return MalformedError(f"the answer is larger than {LARGEST // 1024 // 1024} MB")


def taken(pieces: Iterable[bytes], status: int) -> Iterator[bytes]:
    """Yield `pieces`; of an answer whose status is an error the first `LARGEST_ERROR` bytes alone.

    Raises:
        MalformedError: an answer is larger than `LARGEST`.
    """
    left = LARGEST if status < 300 else LARGEST_ERROR
    for piece in pieces:
        if len(piece) > left:
            if status < 300:
                raise too_large()
            yield piece[:left]
            return
        left -= len(piece)
        yield piece
