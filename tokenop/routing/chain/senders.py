"""One sender for all targets: each is sent to with its provider's own SDK, loaded when it is first asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Lock

from tokenop.providers.base import Sender, Target, Timeouts
from tokenop.providers.model import Delta, Request, Response


class Senders:
    """Sends to each target with the sender of its provider. Safe to use from several threads; close it in the end.

    A provider whose SDK or key is missing raises NotUsableError when it is asked, so a chain goes on to the next.
    """

    def __init__(self, recordings: Path | None = None) -> None:
        """Take the folder from which `replay` answers; None is the one that ships."""
        self._recordings = recordings
        self._senders: dict[str, Sender] = {}
        self._lock = Lock()

    def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        """Return the whole answer. Raises a ProviderError."""
        return self._of(target).send(request, target, timeouts)

    def stream(self, request: Request, target: Target, timeouts: Timeouts) -> Iterator[Delta]:
        """Return the answer as it comes. Raises a ProviderError."""
        return self._of(target).stream(request, target, timeouts)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            senders, self._senders = list(self._senders.values()), {}
        for sender in senders:
            close = getattr(sender, "close", None)
            if close is not None:
                close()

    def _of(self, target: Target) -> Sender:
        from tokenop.providers.sending import sender_for

        with self._lock:
            if target.provider not in self._senders:
                self._senders[target.provider] = sender_for(target, self._recordings)
            return self._senders[target.provider]
