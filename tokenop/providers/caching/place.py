"""Puts a request's cache breakpoints where its stable parts end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tokenop.providers.caching import wire
from tokenop.providers.caching.boundary import MARK, split
from tokenop.providers.caching.limits import MOST_BREAKPOINTS, minimum_tokens, tokens_at_least
from tokenop.providers.caching.wire import Spot, Where
from tokenop.providers.model import Image, Message, Native, Part, Request, Text, Tool, ToolCall, ToolResult, Ttl


@dataclass(frozen=True, slots=True)
class Policy:
    """How to cache: for how long, in how many steps, from which length on (tokens; None: what the model caches)."""

    ttl: Ttl = "5m"
    breakpoints: int = MOST_BREAKPOINTS
    minimum_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """A request with its breakpoints: where they were set, and where not and why."""

    request: Request
    set_at: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """One part of a request.

    `order` counts all parts in the order of the wire: tools, system, messages. `tokens` is what the prefix up to and
    with the part has at least, `cache` how long the caller has it cached.
    """

    spot: Spot
    order: int
    tokens: int
    cache: Ttl | None
    stable: bool

    @property
    def name(self) -> str:
        where, number, index = self.spot
        return f"messages[{number}][{index}]" if where == "messages" else f"{where}[{index}]"


@dataclass(frozen=True, slots=True)
class Cut:
    """A request without its marker. In the list at `where`, the parts before `edge` are stable, the others volatile.

    `where` is None where the request has no marker; it then is as it was.
    """

    request: Request
    where: tuple[Where, int] | None = None
    edge: int = 0


def place(request: Request, policy: Policy = Policy()) -> Request:
    """Return the request with breakpoints where its stable parts end; none after the marker.

    Stable are the tools, and what stands before the marker: in the system prompt or, where that has none, in the first
    message of a user that has. The marker's own line is left out. Breakpoints that the caller has set elsewhere stay
    and count. To a model that knows no breakpoints the request is the same as before.
    """
    return explained(request, policy).request


def explained(request: Request, policy: Policy = Policy()) -> Placed:
    """Return what `place` does, with the reasons."""
    least = minimum_tokens(request.model) if policy.minimum_tokens is None else policy.minimum_tokens
    if least is None or minimum_tokens(request.model) is None:
        return Placed(request, (), (("request", f"{request.model} knows no breakpoints"),))
    found = cut(request)
    places = _places(found)
    taken = [each for each in places if each.cache is not None]
    wanted = [each for each in places if each.stable and each.cache is None]
    long = [each for each in wanted if each.tokens >= least]
    left_out = [
        (each.name, f"at least {each.tokens} tokens, and {request.model} caches from {least} on")
        for each in wanted
        if each.tokens < least
    ]
    # The longest prefix is worth most; then the shortest, which survives a change in the later ones.
    ranked = [*long[-1:], *long[:-1]]
    free = max(min(policy.breakpoints, MOST_BREAKPOINTS) - len(taken), 0)
    left_out += [(each.name, f"no more than {policy.breakpoints} breakpoints") for each in ranked[free:]]
    chosen: dict[Spot, Ttl] = {}
    named = []
    for each in sorted(ranked[:free], key=lambda place: place.order):
        ttl = _fitting(each, policy.ttl, taken)
        if ttl is None:
            left_out.append((each.name, "a breakpoint of 1h must not follow one of 5m"))
        else:
            chosen[each.spot] = ttl
            named.append(each.name)
    return Placed(marked(found.request, chosen), tuple(named), tuple(sorted(left_out)))


def _fitting(each: _Place, ttl: Ttl, taken: Sequence[_Place]) -> Ttl | None:
    """Return a time that keeps long ones before short ones, as the wire demands; None where there is none."""
    short_before = any(other.order < each.order and other.cache == "5m" for other in taken)
    long_after = any(other.order > each.order and other.cache == "1h" for other in taken)
    if short_before and long_after:
        return None
    return "5m" if short_before else "1h" if long_after else ttl


def cut(request: Request) -> Cut:
    """Cut the part that holds the first marker in two there; a marker in a later place stays as text."""
    if request.system and (found := _cut_parts(request.system)) is not None:
        parts, edge, split_at, texts = found
        said = wire.cut(request.as_sent, ("system", 0, split_at), texts)
        return Cut(_changed(request, system=parts, as_sent=said), ("system", 0), edge)
    for number, message in enumerate(request.messages):
        if message.role == "user" and (found := _cut_parts(message.parts)) is not None:
            parts, edge, split_at, texts = found
            changed = Message(message.role, parts, message.extra)
            messages = (*request.messages[:number], changed, *request.messages[number + 1 :])
            said = wire.cut(request.as_sent, ("messages", number, split_at), texts)
            return Cut(_changed(request, messages=messages, as_sent=said), ("messages", number), edge)
    return Cut(request)


def _cut_parts(parts: Sequence[Part]) -> tuple[tuple[Part, ...], int, int, list[str]] | None:
    """Return the parts without the marker, how many are stable, which one was cut, into what; None without a marker."""
    for number, part in enumerate(parts):
        if not isinstance(part, Text) or MARK not in part.text:
            continue
        found = split(part.text)
        if not found.lines:
            continue
        # What is empty but for spaces is no part: the wire refuses it.
        texts = [text for text in (found.stable, found.volatile) if text.strip()]
        halves = [Text(text, None, part.extra) for text in texts]
        later = [_cached(each, None) for each in parts[number + 1 :]]
        edge = number + bool(found.stable.strip())
        return (*parts[:number], *halves, *later), edge, number, texts
    return None


def _places(found: Cut) -> list[_Place]:
    """Return all parts of the request, in the order of the wire."""
    request = found.request
    groups: list[tuple[Where, int, Sequence[Tool | Part]]] = [
        ("tools", 0, request.tools),
        ("system", 0, request.system),
        *(("messages", number, message.parts) for number, message in enumerate(request.messages)),
    ]
    places: list[_Place] = []
    characters = 0
    for where, number, items in groups:
        for index, item in enumerate(items):
            characters += _characters(item)
            if where == "tools":
                stable = index == len(items) - 1
            else:
                stable = (where, number) == found.where and index < found.edge and isinstance(item, Text)
            spot = (where, number, index)
            places.append(_Place(spot, len(places), tokens_at_least(characters), cached_by_caller(item), stable))
    if "cache_control" in request.extra:  # the provider itself sets one at the end
        ttl = _ttl(request.extra["cache_control"])
        places.append(_Place(("messages", len(request.messages), 0), len(places), 0, ttl, stable=False))
    return places


def cached_by_caller(item: Tool | Part) -> Ttl | None:
    """Return how long the caller has an item cached, also where only the provider's own format says so."""
    if isinstance(item, Text) and not item.extra:
        return item.cache
    native = item if isinstance(item, Native) else getattr(item, "native", None)
    said = native.data if native is not None else getattr(item, "extra", {})
    inner = (cached_by_caller(part) for part in getattr(item, "parts", ()))
    return getattr(item, "cache", None) or _ttl(said.get("cache_control")) or next(filter(None, inner), None)


def _ttl(control: Any) -> Ttl | None:
    if not isinstance(control, Mapping):
        return None
    return "1h" if control.get("ttl") == "1h" else "5m"


def _characters(item: Tool | Part) -> int:
    """Return how long an item is at least, in characters."""
    if isinstance(item, Text):
        return len(item.text)
    if isinstance(item, Tool):
        return len(item.name) + len(item.description or "") + len(str(dict(item.schema)))
    return sum(_characters(part) for part in getattr(item, "parts", ()))


def _cached(item: Part, ttl: Ttl | None) -> Part:
    """Return a part that is cached for `ttl`; as it is where parts of its kind cannot be."""
    if isinstance(item, Text):
        return Text(item.text, ttl, item.extra)
    return replace(item, cache=ttl) if isinstance(item, Image | ToolCall | ToolResult) else item


def marked(request: Request, chosen: Mapping[Spot, Ttl]) -> Request:
    """Return the request with the chosen breakpoints, also in what its caller put on the wire."""
    if not chosen:
        return request
    tools, system, messages = list(request.tools), list(request.system), list(request.messages)
    for (where, number, index), ttl in chosen.items():
        if where == "tools":
            tools[index] = replace(tools[index], cache=ttl)
        elif where == "system":
            system[index] = _cached(system[index], ttl)
        else:
            message = messages[number]
            parts = (*message.parts[:index], _cached(message.parts[index], ttl), *message.parts[index + 1 :])
            messages[number] = Message(message.role, parts, message.extra)
    return _changed(
        request,
        tools=tuple(tools),
        system=tuple(system),
        messages=tuple(messages),
        as_sent=wire.marked(request.as_sent, chosen),
    )


def _changed(request: Request, **changes: object) -> Request:
    """Return what `replace` does, in half the time: a gateway does it with each call."""
    made = object.__new__(Request)
    for name in Request.__slots__:
        object.__setattr__(made, name, changes[name] if name in changes else getattr(request, name))
    return made
