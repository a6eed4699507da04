"""Hashes of prompts for the log, so that caching can be judged from it without a prompt in it.

They are keyed with a secret of this installation: nobody who has a log alone can try whether a prompt is in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from tokenop.errors import InputError
from tokenop.providers.model import Image, Part, Request, Text, ToolCall, ToolResult

# Bytes of a block: about 1,024 tokens, below which no provider caches.
BLOCK = 4096
# A longer prompt has no hashes: they would take longer than a call may.
LONGEST = 1 << 20
_KEY_FILE = "prompt-hash.key"
_BYTES = 32
_BETWEEN, _MARK = "\x1e", "\x1d"
_ROLES = {role: f"{_MARK}{role}" for role in ("system", "user", "assistant")}


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
        text = _canonical(request)
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


def _canonical(request: Request) -> str:
    """Return a prompt as one text: equal texts are equal prompts."""
    pieces: list[str] = []
    marks = 0
    for tool in request.tools:
        pieces.append(_marked(["tool", tool.name, tool.description, tool.schema, tool.strict, tool.native]))
        marks += 1
    if request.system:
        pieces.append(_ROLES["system"])
        marks += 1 + _add(request.system, pieces)
    for message in request.messages:
        pieces.append(_ROLES[message.role])
        marks += 1 + _add(message.parts, pieces)
    text = _BETWEEN.join(pieces)
    if text.count(_BETWEEN) < len(pieces) and text.count(_MARK) == marks:
        return text
    # A prompt with our own signs in it: written so that none can be taken for one.
    turns = [[message.role, *_named(message.parts)] for message in request.messages]
    tools = [replace(tool, cache=None) for tool in request.tools]
    return _marked(["odd", tools, _named(request.system), turns])


def _named(parts: Sequence[Part]) -> list[Any]:
    return [[type(part).__name__, _unmarked(part)] for part in parts]


def _add(parts: Sequence[Part], pieces: list[str]) -> int:
    """Append the pieces of a turn; return how many of them are marked."""
    marks = 0
    for part in parts:
        if part.__class__ is Text:
            pieces.append(part.text)
        else:
            pieces.append(_marked([type(part).__name__, _unmarked(part)]))
            marks += 1
    return marks


def _unmarked(part: Part) -> Part:
    """Return a part without marks for a prompt cache, which move on with each turn."""
    if isinstance(part, ToolResult):
        return replace(part, cache=None, parts=tuple(map(_unmarked, part.parts)))
    if isinstance(part, Text | Image | ToolCall) and part.cache:
        return replace(part, cache=None)
    return part


def _marked(value: Any) -> str:
    return _MARK + _ENCODE(value).decode()  # JSON escapes the signs


def _plain(value: Any) -> Any:
    """Return what msgspec cannot write by itself: mappings of any kind."""
    return dict(value)


_ENCODE = msgspec.json.Encoder(enc_hook=_plain).encode
