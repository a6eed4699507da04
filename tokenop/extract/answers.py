"""Reading the body of an answer, however long it claims to be and whatever it unpacks to."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from tokenop.extract import hiding
from tokenop.extract.failures import Asked, MalformedError, TooLargeError, UnreachableError
from tokenop.extract.retry import Transient

_STEP = 1024 * 1024


def body(
    chunks: Iterable[bytes],
    headers: Mapping[str, str],
    largest: int,
    deadline: float,
    clock: Callable[[], float],
    asked: Asked,
) -> bytes:
    """Return the whole body, unpacked: at most `largest` bytes, read before `clock()` reaches `deadline`.

    Memory never holds more than `largest` and one step of 1 MB: a gzip bomb is unpacked that far and no further.

    Raises:
        TooLargeError: it is larger.
        MalformedError: it is packed in a way that nobody asked for.
        Transient: it broke off, or drips too slowly.
    """
    packing = headers.get("content-encoding", "identity").strip().lower()
    if packing not in ("identity", "", "gzip", "x-gzip"):
        raise MalformedError(f"{asked}: answered in an encoding that was not asked for")
    unpack = zlib.decompressobj(wbits=31) if "gzip" in packing else None
    found = bytearray()
    for chunk in chunks:
        if clock() > deadline:
            raise Transient(UnreachableError(f"{asked}: the answer drips too slowly"))
        for part in _unpacked(unpack, chunk, asked):
            found += part
            if len(found) > largest:
                raise TooLargeError(f"{asked}: the answer is larger than {largest // (1024 * 1024)} MB")
    if unpack is not None and found and not unpack.eof:
        raise Transient(UnreachableError(f"{asked}: the answer breaks off"))
    return bytes(found)


def is_json(body: bytes) -> bool:
    """Tell whether `body` is one JSON value."""
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return True


def excerpt(body: bytes, secrets: Collection[str]) -> str:
    """Return what an error answer says, in one short line, without any of `secrets`."""
    try:
        said = _message(json.loads(body))
    except (ValueError, RecursionError):
        return ""
    said = hiding.scrub(said, hiding.spellings(secrets))
    said = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in said)).strip()
    return said if len(said) <= 300 else said[:299] + "…"


def _unpacked(unpack: zlib._Decompress | None, chunk: bytes, asked: Asked) -> Iterable[bytes]:
    if unpack is None:
        yield chunk
        return
    try:
        while chunk and not unpack.eof:
            yield unpack.decompress(chunk, _STEP)
            chunk = unpack.unconsumed_tail
    except zlib.error:
        raise Transient(UnreachableError(f"{asked}: the answer cannot be unpacked")) from None


def _message(value: object) -> str:
    """Return the text under one of the keys that APIs put their message in."""
    for _ in range(3):
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, dict):
            value = next((value[key] for key in ("message", "detail", "error", "msg") if value.get(key)), "")
    return value if isinstance(value, str) else ""
