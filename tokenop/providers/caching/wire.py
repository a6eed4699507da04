"""Breakpoints in a request as its caller put it on Anthropic's wire, so that what only that wire says goes on as well.

Nothing that is given is changed: what differs is copied, and all else is shared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tokenop.providers.formats.anthropic.parts import NAME, cache_field
from tokenop.providers.model import AsSent, Ttl

Where = Literal["tools", "system", "messages"]
# A part of a request: where, the number of the message (0 elsewhere), and its own number there.
Spot = tuple[Where, int, int]
_CONTROL = "cache_control"


def cut(said: AsSent | None, spot: Spot, texts: Sequence[str]) -> AsSent | None:
    """Return the request with the text at `spot` in the place of which `texts` stand; none after it is cached.

    None where there is no body of this wire, or where it is not the one that was read.
    """
    if said is None or said.format != NAME:
        return None
    where, number, index = spot
    body = dict(said.body)
    blocks = _blocks(body, where, number)
    if blocks is None or index >= len(blocks):
        return None
    own = _uncached(blocks[index])
    later = [_uncached(block) for block in blocks[index + 1 :]]
    _put(body, where, number, [*blocks[:index], *({**own, "text": text} for text in texts), *later])
    return AsSent(NAME, body)


def marked(said: AsSent | None, chosen: Mapping[Spot, Ttl]) -> AsSent | None:
    """Return the request with the chosen breakpoints; None as `cut` does."""
    if said is None or said.format != NAME:
        return None
    body = dict(said.body)
    for (where, number, index), ttl in chosen.items():
        blocks = _blocks(body, where, number)
        if blocks is None or index >= len(blocks):
            return None
        blocks[index] = {**blocks[index], **cache_field(ttl)}
        _put(body, where, number, blocks)
    return AsSent(NAME, body)


def _blocks(body: Mapping[str, Any], where: Where, number: int) -> list[dict[str, Any]] | None:
    """Return a copy of the list of blocks in one place; a plain text is one block."""
    found: Any = body.get(where)
    if where == "messages":
        if not isinstance(found, list) or number >= len(found) or not isinstance(found[number], Mapping):
            return None
        found = found[number].get("content")
    if isinstance(found, str):
        return [{"type": "text", "text": found}]
    return list(found) if isinstance(found, list) else None


def _put(body: dict[str, Any], where: Where, number: int, blocks: list[dict[str, Any]]) -> None:
    if where != "messages":
        body[where] = blocks
        return
    messages = list(body["messages"])
    messages[number] = {**messages[number], "content": blocks}
    body["messages"] = messages


def _uncached(block: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in block.items() if name != _CONTROL} if _CONTROL in block else block
