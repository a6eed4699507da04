"""The chunk that nearly all of a stream consists of, a piece of text and nothing else, read without looking around."""

from __future__ import annotations

from typing import Literal

import msgspec


class _Words(msgspec.Struct, forbid_unknown_fields=True):
    content: str
    role: Literal["assistant"] | None = None
    refusal: None = None
    tool_calls: None = None
    reasoning: None = None
    reasoning_content: None = None


class _Choice(msgspec.Struct, forbid_unknown_fields=True):
    delta: _Words
    index: Literal[0] = 0
    finish_reason: None = None
    logprobs: None = None
    stop_reason: None = None
    matched_stop: None = None


class Chunk(msgspec.Struct, forbid_unknown_fields=True):
    """A chunk of one piece of text. Its other fields say the same in every chunk of a stream, or nothing."""

    choices: tuple[_Choice]
    id: str | None = None
    object: str | None = None
    created: int | None = None
    model: str | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    usage: None = None
    x_groq: None = None
    obfuscation: str | None = None


_DECODER = msgspec.json.Decoder(Chunk)


def read(data: str) -> Chunk | None:
    """Return the chunk that `data` is; None where it is, or says, anything else."""
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
