"""Puts a request's cache breakpoints where its stable parts end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tokenop.providers.caching.boundary import split
from tokenop.providers.caching.limits import MOST_BREAKPOINTS, minimum_tokens, tokens_at_least
from tokenop.providers.model import Image, Native, Part, Request, Text, Tool, ToolCall, ToolResult, Ttl


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
    """One part of a request: `where` is `tools`, `system` or `messages[n]`, `index` its number there.

    `order` counts all parts in the order of the wire: tools, system, messages. `tokens` is what the prefix up to and
    with the part has at least, `cache` how long the caller has it cached.
    """

    where: str
    index: int
    order: int
    tokens: int
    cache: Ttl | None
    stable: bool

    @property
    def name(self) -> str:
        return f"{self.where}[{self.index}]"


@dataclass(frozen=True, slots=True)
class _Cut:
    """A request without its marker. In `where`, the parts before `edge` are stable and the others volatile."""

    request: Request
    where: str = ""
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
    cut = _cut(request)
    places = _places(cut)
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
    chosen: dict[str, Ttl] = {}
    for each in sorted(ranked[:free], key=lambda place: place.order):
        ttl = _fitting(each, policy.ttl, taken)
        if ttl is None:
            left_out.append((each.name, "a breakpoint of 1h must not follow one of 5m"))
        else:
            chosen[each.name] = ttl
    return Placed(_marked(cut.request, chosen), tuple(chosen), tuple(sorted(left_out)))


def _fitting(each: _Place, ttl: Ttl, taken: Sequence[_Place]) -> Ttl | None:
    """Return a time that keeps long ones before short ones, as the wire demands; None where there is none."""
    short_before = any(other.order < each.order and other.cache == "5m" for other in taken)
    long_after = any(other.order > each.order and other.cache == "1h" for other in taken)
    if short_before and long_after:
        return None
    return "5m" if short_before else "1h" if long_after else ttl


def _cut(request: Request) -> _Cut:
    """Cut the part that holds the first marker in two there; a marker in a later place stays as text."""
    found = _cut_parts(request.system)
    if found is not None:
        return _Cut(replace(request, system=found[0]), "system", found[1])
    for number, message in enumerate(request.messages):
        found = _cut_parts(message.parts) if message.role == "user" else None
        if found is not None:
            changed = replace(message, parts=found[0])
            messages = (*request.messages[:number], changed, *request.messages[number + 1 :])
            return _Cut(replace(request, messages=messages), f"messages[{number}]", found[1])
    return _Cut(request)


def _cut_parts(parts: Sequence[Part]) -> tuple[tuple[Part, ...], int] | None:
    """Return the parts without the marker, and how many of them are stable; None where there is no marker."""
    for number, part in enumerate(parts):
        if not isinstance(part, Text):
            continue
        found = split(part.text)
        if not found.lines:
            continue
        # What is empty but for spaces is no part: the wire refuses it.
        stable, volatile = (
            [replace(part, text=text, cache=None)] if text.strip() else [] for text in (found.stable, found.volatile)
        )
        later = [_cached(each, None) for each in parts[number + 1 :]]
        return (*parts[:number], *stable, *volatile, *later), number + len(stable)
    return None


def _places(cut: _Cut) -> list[_Place]:
    """Return all parts of the request, in the order of the wire."""
    request = cut.request
    groups: list[tuple[str, Sequence[Tool | Part]]] = [("tools", request.tools), ("system", request.system)]
    groups += [(f"messages[{number}]", message.parts) for number, message in enumerate(request.messages)]
    found: list[_Place] = []
    characters = 0
    for where, items in groups:
        for index, item in enumerate(items):
            characters += _characters(item)
            if where == "tools":
                stable = index == len(items) - 1
            else:
                stable = where == cut.where and index < cut.edge and isinstance(item, Text)
            found.append(_Place(where, index, len(found), tokens_at_least(characters), _cache(item), stable))
    if "cache_control" in request.extra:  # the provider itself sets one at the end
        found.append(_Place("request", 0, len(found), 0, _ttl(request.extra["cache_control"]), stable=False))
    return found


def _cache(item: Tool | Part) -> Ttl | None:
    """Return how long the caller has an item cached, also where only the provider's own format says so."""
    native = item if isinstance(item, Native) else getattr(item, "native", None)
    said = native.data if native is not None else getattr(item, "extra", {})
    inner = (_cache(part) for part in getattr(item, "parts", ()))
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
    return replace(item, cache=ttl) if isinstance(item, Text | Image | ToolCall | ToolResult) else item


def _marked(request: Request, chosen: Mapping[str, Ttl]) -> Request:
    """Return the request with the chosen breakpoints."""

    def marked(where: str, items: Sequence[Part]) -> tuple[Part, ...]:
        ttls = (chosen.get(f"{where}[{index}]") for index in range(len(items)))
        return tuple(item if ttl is None else _cached(item, ttl) for item, ttl in zip(items, ttls, strict=True))

    tools = tuple(
        replace(tool, cache=chosen.get(f"tools[{index}]", tool.cache)) for index, tool in enumerate(request.tools)
    )
    messages = tuple(
        replace(message, parts=marked(f"messages[{number}]", message.parts))
        for number, message in enumerate(request.messages)
    )
    return replace(request, tools=tools, system=marked("system", request.system), messages=messages)
