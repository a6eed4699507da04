"""Requests whose head never ends: uvicorn keeps all of it in memory, twenty times its size, before anybody is asked."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Of what is no body: a request's line and headers, what stands between the pieces of a body, trailers.
LONGEST = 128 * 1024
_REFUSED = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 33\r\n\r\nthe request's head is over 128 kB"
)


class BoundedHeads(HttpToolsProtocol):
    """Hangs up on whoever sends more than anybody needs in one go without it being a body."""

    _since = 0

    def data_received(self, data: bytes) -> None:
        """Count what comes until some of it is a body, or the request is whole."""
        self._since += len(data)
        super().data_received(data)
        if self._since > LONGEST and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(_REFUSED)
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._since = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take note that a request is whole."""
        self._since = 0
        super().on_message_complete()
