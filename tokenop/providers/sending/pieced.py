"""What senders have in common that get an answer as pieces of bytes, whichever SDK brings them."""

from __future__ import annotations

import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Hashable, Iterator
from dataclasses import replace
from typing import Any

from tokenop.providers.base import Format, Target, Timeouts, WireRequest
from tokenop.providers.errors import ProviderError
from tokenop.providers.model import Delta, Request, Response

_CONTENT = frozenset({"text", "thinking", "tool_call", "native"})


class PiecedSender(ABC):
    """Writes requests and reads answers in one format, with clients that are kept for the next call."""

    def __init__(self, wire_format: Format) -> None:
        self._format = wire_format
        self._clients: dict[Hashable, Any] = {}
        self._lock = threading.Lock()

    @abstractmethod
    def _pieces(
        self, wire: WireRequest, target: Target, timeouts: Timeouts, begun: Callable[[], bool]
    ) -> Generator[bytes]:
        """Yield the bytes of the answer. `begun` says whether the first token has come. Raises a ProviderError."""

    def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        """Return the whole answer. Raises a ProviderError; never retries by itself."""
        try:
            wire = self._format.write_request(replace(request, stream=False), target)
            return self._format.read_response(b"".join(self._pieces(wire, target, timeouts, lambda: True)))
        except ProviderError as error:
            error.after_first_token = False  # nothing was passed on
            raise error.of(target.provider, target.model) from error.__cause__

    def stream(self, request: Request, target: Target, timeouts: Timeouts) -> Iterator[Delta]:
        """Yield the answer as it comes; the last Delta is `end`. Raises a ProviderError."""
        begun = ended = False
        try:
            wire = self._format.write_request(replace(request, stream=True), target)
            reader = self._format.reader()
            with contextlib.closing(self._pieces(wire, target, timeouts, lambda: begun)) as pieces:
                # Read to the end of the bytes, not of the answer alone, so that the connection can be used again.
                for piece in pieces:
                    for delta in reader.feed(piece):
                        begun = begun or delta.kind in _CONTENT
                        ended = ended or delta.kind == "end"
                        yield delta
            if not ended:
                response = reader.end()
                yield Delta("end", usage=response.usage, response=response)
        except ProviderError as error:
            if ended:
                return
            error.after_first_token = begun
            raise error.of(target.provider, target.model) from error.__cause__

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()
