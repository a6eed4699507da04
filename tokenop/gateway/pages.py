"""Pages in browsers that may call: a browser lets their scripts ask and read only where the answer says so (CORS)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tokenop.gateway.headers import encoded
from tokenop.gateway.reading import Message, Receive, Scope, Send
from tokenop.gateway.replying import Reply

Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

_SHOWN = b", ".join(
    b"x-tokenop-" + name
    for name in (b"operation", b"cache", b"tier", b"provider", b"model", b"attempt", b"cost-usd", b"warning")
)
_REMEMBERED = b"600"  # seconds


def readable(app: Asgi, welcomes: Callable[[str], bool]) -> Asgi:
    """Return `app`, whose answers pages may read that `welcomes` names; their browsers ask beforehand, with OPTIONS."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        origin = _said(scope, b"origin") if scope["type"] == "http" else None
        if origin is None or not welcomes(origin.decode("latin-1")):
            await app(scope, receive, send)
            return
        headers = [(b"access-control-allow-origin", origin), (b"vary", b"origin")]
        if scope["method"] == "OPTIONS" and _said(scope, b"access-control-request-method") is not None:
            await Reply(send).whole(204, [*headers, *_allowed(scope)], b"")
            return

        async def shown(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [*headers, (b"access-control-expose-headers", _SHOWN)]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await app(scope, receive, shown)

    return wrapped


def _allowed(scope: Scope) -> list[tuple[bytes, bytes]]:
    wanted = _said(scope, b"access-control-request-headers") or b""
    said = [
        (b"access-control-allow-methods", b"GET, POST"),
        (b"access-control-allow-headers", encoded(wanted.decode("latin-1"), 4000)),
        (b"access-control-max-age", _REMEMBERED),
    ]
    if _said(scope, b"access-control-request-private-network") is not None:
        said.append((b"access-control-allow-private-network", b"true"))
    return said


def _said(scope: Scope, wanted: bytes) -> bytes | None:
    for name, value in scope["headers"]:
        if name == wanted:
            found: bytes = value
            return found
    return None
