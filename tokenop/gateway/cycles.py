"""Whole answers in one write: uvicorn looks at each header by itself, and those of the gateway are known to be well."""

from __future__ import annotations

from collections.abc import Sequence

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle


class Cycle(RequestResponseCycle):
    """One request and its answer, as uvicorn has them, with a short way for an answer that is there as a whole."""

    def answer(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bool:
        """Send a whole answer, and return True; return False where that must go uvicorn's own way.

        Args:
            status: the HTTP status.
            headers: with the length of the body among them.
            body: all of it.
        """
        if self.response_started or self.disconnected or self.flow.write_paused or self.scope["method"] == "HEAD":
            return False
        lines = [name + b": " + value + b"\r\n" for name, value in (*self.default_headers, *headers)]
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
            return False  # a header that would begin another is for uvicorn to refuse
        closing = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(b"".join((STATUS_LINE[status], head, closing, body)))
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
        return True
