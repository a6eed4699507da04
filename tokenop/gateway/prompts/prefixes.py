"""The prefixes of a request that a provider could cache, each with a key that equal prefixes share.

Keys are made with Python's own hash of texts, which is keyed by the process and never leaves it.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, NamedTuple

import msgspec

from tokenop.gateway.prompts.sights import Prefix
from tokenop.providers.caching.boundary import MARK
from tokenop.providers.caching.limits import tokens_at_least
from tokenop.providers.caching.place import Cut, cached_by_caller
from tokenop.providers.caching.wire import Spot
from tokenop.providers.model import Image, Message, Native, Part, Request, Text, Thinking, ToolCall, ToolResult

# Of a longer text its length and three pieces count: what a key is for is an estimate, and time is bounded.
_LONGEST = 65_536
_PIECE = 16_384


class Candidate(NamedTuple):
    """The end of one prefix.

    `place` is where the config, or the author's marker, has it. `characters` is its length, `before` a shorter prefix
    that it continues and that was seen. `after_volatile`: it holds what an author says will change.
    """

    place: str
    spot: Spot
    key: int
    characters: int
    before: Prefix | None = None
    after_volatile: bool = False


class Scan(NamedTuple):
    """What one quick look at all parts says: how long they are at least, whether one is cached, or may hold a marker.

    The tools' length is not in `characters`.
    """

    characters: int
    cached: bool
    marker: bool


def scan(request: Request) -> Scan:
    """Look at all parts of a request once."""
    characters, marker = 0, False
    cached = "cache_control" in request.extra or any(map(cached_by_caller, request.tools))
    for parts in (request.system, *[message.parts for message in request.messages]):
        for part in parts:
            if type(part) is Text:
                text = part.text
                characters += len(text)
                marker = marker or MARK in text
                cached = cached or part.cache is not None or bool(part.extra and cached_by_caller(part))
            else:
                characters += _length(part)
                cached = cached or cached_by_caller(part) is not None
    return Scan(characters, cached, marker)


def long_enough(request: Request, scanned: Scan, least: int) -> bool:
    """Return whether a request surely has `least` tokens."""
    if tokens_at_least(scanned.characters) >= least:
        return True
    return bool(request.tools) and tokens_at_least(scanned.characters + len(_tools(request))) >= least


def candidates(cut: Cut, places: Set[str], start: int, known: Mapping[int, Prefix]) -> list[Candidate]:
    """Return the prefixes that end where `places` say, and at the marker, in the order of the wire.

    Args:
        cut: the request, its marker taken out.
        places: `tools`, `system`, `last_static_message`, `last_message`.
        start: what the keys depend on beside the request: whose cache it is.
        known: prefixes that were seen.
    """
    request, found = cut.request, list[Candidate]()
    key, characters = start, 0
    if request.tools:
        tools = _tools(request)
        key, characters = hash((key, tools)), len(tools)
        if "tools" in places:
            found.append(Candidate("tools", ("tools", 0, len(request.tools) - 1), key, characters))
    volatile = False
    edge = cut.edge if cut.where == ("system", 0) else -1
    for index, part in enumerate(request.system):
        key, characters = hash((key, _digest(part))), characters + _length(part)
        if edge > index and isinstance(part, Text):
            place = "marker" if index == edge - 1 else "block"
            found.append(Candidate(place, ("system", 0, index), key, characters))
    if edge >= 0:
        volatile = edge < len(request.system)
    elif request.system and "system" in places and (spot := _last(request.system, "system")):
        found.append(Candidate("system", spot, key, characters))
    found += _of_messages(cut, places, key, characters, volatile, known)
    return found


def _of_messages(
    cut: Cut, places: Set[str], key: int, characters: int, volatile: bool, known: Mapping[int, Prefix]
) -> list[Candidate]:
    messages, found = cut.request.messages, list[Candidate]()
    before: Prefix | None = None
    for number, message in enumerate(messages):
        edge = cut.edge if cut.where == ("messages", number) else -1
        for index, part in enumerate(message.parts):
            key, characters = hash((key, message.role, _digest(part))), characters + _length(part)
            if index < edge and isinstance(part, Text):
                place = "marker" if index == edge - 1 else "block"
                found.append(Candidate(place, ("messages", number, index), key, characters))
        volatile = volatile or -1 < edge < len(message.parts)
        left = len(messages) - 1 - number
        if left:
            before = known.get(key, before)
        wanted = "last_message" if not left else "last_static_message" if left == 1 else ""
        if wanted in places and (spot := _last_of(message, number)):
            since = before if not left else None
            found.append(Candidate(wanted, spot, key, characters, since, volatile))
    return found


def _last(parts: tuple[Part, ...], where: str) -> Spot | None:
    """Return the last part that can carry a breakpoint; None where none can."""
    for index in range(len(parts) - 1, -1, -1):
        part = parts[index]
        # The wire refuses one on an empty text and on thoughts.
        if (isinstance(part, Text) and part.text.strip()) or isinstance(part, Image | ToolCall | ToolResult):
            return ("system" if where == "system" else "messages", 0, index)
    return None


def _last_of(message: Message, number: int) -> Spot | None:
    found = _last(message.parts, "messages")
    return found and ("messages", number, found[2])


def _digest(part: Part) -> int:
    if isinstance(part, Text):
        return _hash(part.text)
    if isinstance(part, ToolResult):
        return hash((part.call_id, *map(_digest, part.parts)))
    if isinstance(part, ToolCall):
        return hash((part.id, part.name, _encoded(part.arguments or {})))
    if isinstance(part, Image):
        return hash((part.media_type, _hash(part.data or part.url or "")))
    if isinstance(part, Thinking):
        return hash((_hash(part.text), part.signature, part.redacted))
    return hash(_encoded(part.data))


def _hash(text: str) -> int:
    length = len(text)
    if length <= _LONGEST:
        return hash(text)
    middle = length // 2
    return hash((length, text[:_PIECE], text[middle : middle + _PIECE], text[-_PIECE:]))


def _length(part: Part) -> int:
    """Return how many characters a part has at least; 0 where nobody can tell."""
    if isinstance(part, Text):
        return len(part.text)
    if isinstance(part, ToolResult):
        return sum(map(_length, part.parts))
    if isinstance(part, ToolCall):
        return len(part.name) + len(_encoded(part.arguments or {}))
    return len(part.text) if isinstance(part, Thinking) else 0


def _tools(request: Request) -> bytes:
    """Return the tools as bytes that equal ones share."""
    said = request.as_sent.body.get("tools") if request.as_sent is not None else None
    return _encoded(said or [(tool.name, tool.description, tool.schema, _data(tool.native)) for tool in request.tools])


def _data(native: Native | None) -> Mapping[str, Any] | None:
    return None if native is None else native.data


def _encoded(value: Any) -> bytes:
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return repr(value).encode("utf-8", "replace")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)
