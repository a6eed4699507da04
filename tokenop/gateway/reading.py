"""What comes in: the bytes of a body, its headers, and the JSON in it. All of it is anybody's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

import msgspec

from tokenop.gateway.model import RefusedCallError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]

LARGEST_BODY = 32 * 1024 * 1024
BODY_SECONDS = 120.0
MOST_HEADERS = 200


class CallerGoneError(Exception):
    """The caller hung up before all of the request had come: there is nobody to tell."""


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers with lower-case names; of several with one name the last.

    Raises:
        RefusedCallError: there are more than anybody needs (431).
    """
    raw: Iterable[tuple[bytes, bytes]] = scope["headers"]
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
    if len(headers) > MOST_HEADERS:
        raise RefusedCallError(f"more than {MOST_HEADERS} headers", status=431, kind="too_many_headers")
    return headers


async def body_of(receive: Receive, headers: Mapping[str, str]) -> bytes:
    """Return the whole body.

    Raises:
        RefusedCallError: it is larger than 32 MB (413), packed (415), or does not come in time (408).
        CallerGoneError: the caller hung up.
    """
    if headers.get("content-encoding", "identity").lower() not in {"identity", ""}:
        raise RefusedCallError("a packed body is not read: send it as it is", status=415, kind="packed_body")
    said = headers.get("content-length", "")
    if said.isdecimal() and (len(said) > 12 or int(said) > LARGEST_BODY):
        raise _too_large()
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        first: bytes = message.get("body", b"")
        if len(first) > LARGEST_BODY:
            raise _too_large()
        return first
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _rest(message, receive)
    except TimeoutError as error:
        late = f"the request did not come within {BODY_SECONDS:g} s"
        raise RefusedCallError(late, status=408, kind="slow_body") from error


async def _rest(message: Message, receive: Receive) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise CallerGoneError
        piece = message.get("body", b"")
        size += len(piece)
        if size > LARGEST_BODY:
            raise _too_large()
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)
        message = await receive()


def _too_large() -> RefusedCallError:
    largest = f"the request is larger than {LARGEST_BODY // 1024 // 1024} MB"
    return RefusedCallError(largest, status=413, kind="too_large")


def object_of(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that `raw` is.

    Raises:
        RefusedCallError: it is none (400).
    """
    if not raw:
        raise RefusedCallError("the body is empty: send a JSON object", status=400, kind="invalid_json")
    try:
        body = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise RefusedCallError(f"the body is no JSON: {error}", status=400, kind="invalid_json") from error
    except (UnicodeError, RecursionError) as error:
        said = "bytes that are no UTF-8" if isinstance(error, UnicodeError) else "too many brackets within each other"
        raise RefusedCallError(f"the body is no JSON: {said}", status=400, kind="invalid_json") from error
    if not isinstance(body, dict):
        raise RefusedCallError("the body must be a JSON object", status=400, kind="invalid_json")
    return body
