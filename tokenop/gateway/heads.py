"""What uvicorn makes of a request's head, and must not: memory without bounds, and a body lost to an upgrade."""

from __future__ import annotations

import re

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Of what is no body: a request's line and headers, what stands between the pieces of a body, trailers. uvicorn keeps
# all of it, at twenty times its size, before anybody is asked.
LONGEST = 128 * 1024
_REFUSED = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 33\r\n\r\nthe request's head is over 128 kB"
)
_UPGRADE = re.compile(rb"(?i)\r\n(?=upgrade:)")


class BoundedHeads(HttpToolsProtocol):
    """Hangs up on whoever sends more than anybody needs in one go without it being a body; passes upgrades over."""

    _since = 0
    _heading = True

    def data_received(self, data: bytes) -> None:
        """Count what comes until some of it is a body, or the request is whole."""
        self._since += len(data)
        super().data_received(_without_upgrade(data) if self._heading else data)
        if self._since > LONGEST and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(_REFUSED)
            self.transport.close()

    def on_headers_complete(self) -> None:
        """Take note that a head is whole."""
        self._heading = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._since = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take note that a request is whole."""
        self._since = 0
        self._heading = True
        super().on_message_complete()


def _without_upgrade(data: bytes) -> bytes:
    """Return the beginning of a request without its wish for another protocol, which may be passed over (RFC 9110).

    The JDK's client and curl --http2 wish for HTTP/2 with each request; the parser reads no body after such a wish.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        end = len(data)
    if data.find(b"pgrade:", 0, end) < 0:
        return data
    return _UPGRADE.sub(b"\r\nx-", data[:end]) + data[end:]
