"""Anthropic's content blocks and the parts of a canonical message.

What says nothing on this wire is not kept: `ttl` 5m is the default, `is_error` false and `caller` direct as well, and
so are fields that are null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from tokenop.providers.formats.fields import optional, typed
from tokenop.providers.model import NOTHING, Image, Native, Part, Text, Thinking, ToolCall, ToolResult, Ttl

NAME = "anthropic-messages"
_DIRECT = {"type": "direct"}


def read_content(content: Any, where: str) -> tuple[Part, ...]:
    """Return the parts of a `content` or `system` field: a text, or a list of blocks."""
    if isinstance(content, str):
        return (Text(content),)
    blocks = typed(content, list, where)
    return tuple(read_block(typed(block, dict, f"{where}[{n}]"), f"{where}[{n}]") for n, block in enumerate(blocks))


def read_block(block: Mapping[str, Any], where: str) -> Part:
    """Return the part that a block is; `Native` where only this wire knows it."""
    read = _READERS.get(typed(block.get("type"), str, f"{where}.type"))
    part = read(block, where) if read else None
    return Native(NAME, dict(block)) if part is None else part


def _rest(block: Mapping[str, Any], *known: str) -> Mapping[str, Any]:
    """Return the fields of `block` beside those in `known` that say something; NOTHING where there are none."""
    rest = {name: value for name, value in block.items() if name not in known and value is not None}
    return rest or NOTHING


def split_cache(block: Mapping[str, Any], *known: str) -> tuple[Ttl | None, Mapping[str, Any]]:
    """Return how long a block is cached, and what else it says beside the fields in `known`.

    A `cache_control` that says more than a time stays with the rest.
    """
    control = block.get("cache_control")
    if isinstance(control, Mapping) and control.get("type") == "ephemeral" and set(control) <= {"type", "ttl"}:
        ttl = control.get("ttl", "5m")
        if ttl in ("5m", "1h"):
            return cast(Ttl, ttl), _rest(block, *known, "cache_control")
    return None, _rest(block, *known)


def cache_field(cache: Ttl | None) -> dict[str, Any]:
    """Return the fields of a block that is cached for `cache`; none where it is not."""
    if cache is None:
        return {}
    return {"cache_control": {"type": "ephemeral"} if cache == "5m" else {"type": "ephemeral", "ttl": cache}}


def _text(block: Mapping[str, Any], where: str) -> Part:
    # A stream begins a text that it may cite for with an empty list.
    cache, rest = split_cache(block, "type", "text", *(() if block.get("citations") else ("citations",)))
    return Text(typed(block.get("text"), str, f"{where}.text"), cache, rest)


def _image(block: Mapping[str, Any], where: str) -> Part | None:
    source = typed(block.get("source"), dict, f"{where}.source")
    cache, rest = split_cache(block, "type", "source")
    kind, fields = source.get("type"), {name: source[name] for name in source if name != "type"}
    if not all(isinstance(value, str) for value in fields.values()):
        return None
    if kind == "base64" and set(fields) == {"media_type", "data"}:
        return Image(media_type=fields["media_type"], data=fields["data"], cache=cache, extra=rest)
    if kind == "url" and set(fields) == {"url"}:
        return Image(url=fields["url"], cache=cache, extra=rest)
    return None


def _thinking(block: Mapping[str, Any], where: str) -> Part | None:
    if _rest(block, "type", "thinking", "signature"):
        return None
    # An empty signature is how an answer of another wire's model is said here.
    signature = optional(block, "signature", str, f"{where}.") or None
    return Thinking(typed(block.get("thinking"), str, f"{where}.thinking"), signature)


def _redacted(block: Mapping[str, Any], where: str) -> Part | None:
    if _rest(block, "type", "data"):
        return None
    return Thinking("", redacted=typed(block.get("data"), str, f"{where}.data"))


def _tool_use(block: Mapping[str, Any], where: str) -> Part:
    known = ("type", "id", "name", "input", *(("caller",) if block.get("caller") == _DIRECT else ()))
    cache, rest = split_cache(block, *known)
    arguments = typed(block.get("input"), dict, f"{where}.input")
    call_id, name = typed(block.get("id"), str, f"{where}.id"), typed(block.get("name"), str, f"{where}.name")
    return ToolCall(call_id, name, dict(arguments), cache=cache, extra=rest)


def _tool_result(block: Mapping[str, Any], where: str) -> Part:
    cache, rest = split_cache(block, "type", "tool_use_id", "content", "is_error")
    content, is_error = block.get("content"), optional(block, "is_error", bool, f"{where}.") or False
    parts = () if content is None else read_content(content, f"{where}.content")
    return ToolResult(typed(block.get("tool_use_id"), str, f"{where}.tool_use_id"), parts, is_error, cache, rest)


_READERS: Mapping[str, Callable[[Mapping[str, Any], str], Part | None]] = {
    "text": _text,
    "image": _image,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}


def write_content(parts: Sequence[Part], where: str, lost: list[str]) -> list[dict[str, Any]]:
    """Return the blocks of `parts`. What this wire cannot say is named in `lost`, with its place."""
    return [write_part(part, f"{where}[{number}]", lost) for number, part in enumerate(parts)]


def write_part(part: Part, where: str, lost: list[str]) -> dict[str, Any]:
    """Return the block that says `part`."""
    match part:
        case Text(text, cache, extra):
            return {"type": "text", "text": text, **cache_field(cache), **extra}
        case Image():
            return _write_image(part, where, lost)
        case Thinking():
            return _write_thinking(part, where, lost)
        case ToolCall():
            if part.arguments is None:
                lost.append(f"{where}: the arguments of the call of {part.name!r}, which are no JSON object")
            call = {"type": "tool_use", "id": part.id, "name": part.name, "input": dict(part.arguments or {})}
            return {**call, **cache_field(part.cache), **part.extra}
        case ToolResult():
            return _write_result(part, where, lost)
        case Native(format_name, data):
            if format_name != NAME:
                lost.append(f"{where}: a part of {format_name} ({data.get('type') or 'of no type'})")
            return dict(data)


def _write_image(image: Image, where: str, lost: list[str]) -> dict[str, Any]:
    if (image.data is None) == (image.url is None):
        lost.append(f"{where}: an image must have either data or a url")
    if image.url is not None:
        source: dict[str, Any] = {"type": "url", "url": image.url}
        if image.media_type is not None:
            lost.append(f"{where}: the media type of an image that is given by its url")
    else:
        source = {"type": "base64", "media_type": image.media_type, "data": image.data}
        if image.media_type is None:
            lost.append(f"{where}: an image without its media type")
    return {"type": "image", "source": source, **cache_field(image.cache), **image.extra}


def _write_thinking(part: Thinking, where: str, lost: list[str]) -> dict[str, Any]:
    if part.redacted is not None:
        if part.text or part.signature is not None:
            lost.append(f"{where}: thinking that is redacted and yet has words or a signature")
        return {"type": "redacted_thinking", "data": part.redacted}
    signature = {} if part.signature is None else {"signature": part.signature}
    return {"type": "thinking", "thinking": part.text, **signature}


def _write_result(result: ToolResult, where: str, lost: list[str]) -> dict[str, Any]:
    for number, part in enumerate(result.parts):
        if not isinstance(part, Text | Image | Native):
            lost.append(f"{where}.content[{number}]: a {type(part).__name__} within the result of a tool")
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": result.call_id}
    match result.parts:
        case ():
            pass
        case (Text(text, None, extra),) if not extra:
            block["content"] = text
        case _:
            block["content"] = write_content(result.parts, f"{where}.content", lost)
    if result.is_error:
        block["is_error"] = True
    return {**block, **cache_field(result.cache), **result.extra}
