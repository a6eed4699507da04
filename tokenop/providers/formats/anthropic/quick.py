"""The event that nearly all of a stream consists of, a piece of a block, read without looking around."""

from __future__ import annotations

import msgspec


class TextDelta(msgspec.Struct, tag="text_delta", forbid_unknown_fields=True):
    """A piece of text."""

    text: str


class ThinkingDelta(msgspec.Struct, tag="thinking_delta", forbid_unknown_fields=True):
    """A piece of what was thought."""

    thinking: str


class InputDelta(msgspec.Struct, tag="input_json_delta", forbid_unknown_fields=True):
    """A piece of a call's arguments."""

    partial_json: str


class BlockDelta(msgspec.Struct, tag="content_block_delta", forbid_unknown_fields=True):
    """A piece of the block at `index`."""

    index: int
    delta: TextDelta | ThinkingDelta | InputDelta


_DECODER = msgspec.json.Decoder(BlockDelta)


def read(data: str) -> BlockDelta | None:
    """Return the event that `data` is; None where it is any other."""
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
