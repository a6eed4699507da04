"""Hashes of prompts for the log, so that caching can be judged from it without a prompt in it.

They are keyed with a secret of this installation: nobody who has a log alone can try whether a prompt is in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tokenop.errors import InputError
from tokenop.providers.model import Image, Part, Request, Text, Thinking, ToolCall, ToolResult

# Bytes of a block: about 1,024 tokens, below which no provider caches.
BLOCK = 4096
# A longer prompt has no hashes: they would take longer than a call may.
LONGEST = 1 << 20
_KEY_FILE = "prompt-hash.key"
_BYTES = 32
_ENCODE = msgspec.json.Encoder(enc_hook=dict).encode


class Hasher:
    """Hashes prompts under one secret."""

    def __init__(self, secret: bytes) -> None:
        """Take a secret of 16 to 64 bytes."""
        # SHA-256 is the quickest where processors have it built in: a third of what BLAKE2b takes. The key comes first
        # and but a part of a digest is told, so nobody can go on from one.
        self._empty = hashlib.sha256(secret.ljust(64, b"\0"))

    def hashes(self, request: Request) -> dict[str, Any]:
        """Return `prompt_hash` and `prefix_hashes` of a request, as an event has them; nothing for a very long prompt.

        Two prompts have equal hashes where tools, system and messages are equal. The model and how it is asked to
        answer do not count. Marks for a prompt cache do not either.
        """
        text = "\x1e".join(_pieces(request))
        if len(text) > LONGEST:
            return {}
        data = text.encode("utf-8", "surrogatepass")
        if len(data) > LONGEST:
            return {}
        running, found = self._empty.copy(), []
        for start in range(0, len(data), BLOCK):
            running.update(data[start : start + BLOCK])
            found.append(running.hexdigest()[:16])
        return {"prompt_hash": running.hexdigest()[:32], "prefix_hashes": found} if found else {}


def hasher(state: Path) -> Hasher:
    """Return the hasher of the installation whose state folder is `state`; its secret is made where there is none.

    Raises:
        InputError: the secret cannot be read or written.
    """
    path = state / _KEY_FILE
    try:
        with contextlib.suppress(FileNotFoundError):
            return Hasher(_checked(path))
        state.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{_KEY_FILE}.{secrets.token_hex(4)}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # of several processes, all take the secret of the first
            os.link(new, path)
        new.unlink()
        return Hasher(_checked(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read or written: {error.strerror or error}") from error


def _checked(path: Path) -> bytes:
    secret = path.read_bytes()
    if len(secret) != _BYTES:
        raise InputError(f"{path}: is not the {_BYTES} bytes that were written; remove it for a new one")
    return secret


def _pieces(request: Request) -> Iterator[str]:
    for tool in request.tools:
        yield "tool"
        yield _json([tool.name, tool.description, tool.schema, tool.strict, tool.native and tool.native.data])
    if request.system:
        yield "system"
        yield from _parts(request.system)
    for message in request.messages:
        yield message.role
        yield from _parts(message.parts)


def _parts(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        if part.__class__ is Text:
            yield part.text
        else:
            yield from _other(part)


def _other(part: Part) -> Iterator[str]:
    if isinstance(part, Image):
        yield f"image\x1f{part.media_type}\x1f{part.url}"
        yield part.data or ""
    elif isinstance(part, Thinking):
        yield f"thinking\x1f{part.text}\x1f{part.signature}\x1f{part.redacted}"
    elif isinstance(part, ToolCall):
        said = part.raw if part.arguments is None else _json(part.arguments)
        yield f"call\x1f{part.id}\x1f{part.name}\x1f{said}"
    elif isinstance(part, ToolResult):
        yield f"result\x1f{part.call_id}\x1f{part.is_error}"
        yield from _parts(part.parts)
    elif isinstance(part, Text):
        yield part.text
    else:
        yield f"native\x1f{part.format}\x1f{_json(part.data)}"


def _json(value: Any) -> str:
    return _ENCODE(value).decode()
