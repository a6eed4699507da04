"""Requests of the Messages API and canonical requests, both ways.

Two things that a canonical request can say are not said here, because they say nothing to this wire: the name of an
answer's schema and whether it is strict (it always is), and the text that a tool's arguments were once parsed from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from tokenop.providers.base import Target, WireRequest
from tokenop.providers.errors import BadRequestError, CannotCarryError
from tokenop.providers.formats.anthropic import parts
from tokenop.providers.formats.anthropic.limits import most_output
from tokenop.providers.formats.anthropic.parts import NAME
from tokenop.providers.formats.fields import number, optional, typed
from tokenop.providers.formats.marks import ADVICE, advice
from tokenop.providers.model import (
    NOTHING,
    AnswerFormat,
    AsSent,
    Message,
    Native,
    Part,
    Request,
    Role,
    Text,
    Tool,
    ToolChoice,
)

Kind = Literal["auto", "none", "any", "tool"]
PATH = "/v1/messages"
# From the version after this one on, the wire takes no temperature, top_p and top_k: evals need them.
VERSION = "2023-06-01"
_WITHOUT_SAMPLING = "2026-10-21"

_ROLES = ("user", "assistant", "system")
_ALWAYS_READ = frozenset({"model", "messages", "system", "tools", "max_tokens", "stop_sequences", "stream"})
_NUMBERS = ("temperature", "top_p", "top_k")
_EMPTY_SCHEMA = {"type": "object"}
_BETA = re.compile(r"[\x21-\x7e]+\Z")
# Efforts of other wires that this one does not know.
_FOREIGN_EFFORTS = frozenset({"none", "minimal"})


def read(body: Mapping[str, Any], as_sent: AsSent | None = None) -> Request:
    """Return the request that `body` is, with `as_sent`. A field `betas`, as the SDK takes it, stands for the header.

    Raises:
        BadRequestError: a field is missing or of the wrong kind.
    """
    body = typed(body, dict, "body")
    extra = {name: value for name, value in body.items() if name not in _ALWAYS_READ and value is not None}
    for name in _NUMBERS:
        extra.pop(name, None)
    answer_format, effort = _take_output(extra)
    choice, user_id = _take_choice(extra), _take_user(extra)
    model = typed(body.get("model"), str, "model")
    messages, tools = _read_messages(body.get("messages")), _read_tools(body.get("tools"))
    system = () if body.get("system") is None else parts.read_content(body["system"], "system")
    return Request(
        model=model,
        messages=messages,
        system=system,
        tools=tools,
        tool_choice=choice,
        max_output_tokens=optional(body, "max_tokens", int),
        temperature=number(body, "temperature"),
        top_p=number(body, "top_p"),
        top_k=optional(body, "top_k", int),
        stop=_read_stop(body.get("stop_sequences")),
        answer_format=answer_format,
        reasoning_effort=effort,
        stream=optional(body, "stream", bool) or False,
        user_id=user_id,
        extra=extra or NOTHING,
        extra_format=NAME if extra or _any_extra(system, messages, tools) else None,
        as_sent=as_sent,
    )


def _any_extra(system: Sequence[Part], messages: Sequence[Message], tools: Sequence[Tool]) -> bool:
    """Return whether anything holds fields that only this wire knows."""
    return any(tool.extra for tool in tools) or any(map(_extra, system)) or any(map(_extras, messages))


def _read_stop(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    sequences = typed(value, list, "stop_sequences")
    return tuple(typed(each, str, f"stop_sequences[{n}]") for n, each in enumerate(sequences))


def _read_messages(value: Any) -> tuple[Message, ...]:
    found = []
    for position, entry in enumerate(typed(value, list, "messages")):
        where = f"messages[{position}]"
        message = typed(entry, dict, where)
        role = message.get("role")
        if role not in _ROLES:
            raise BadRequestError(f"{where}.role: must be {' or '.join(_ROLES)}")
        rest = {name: value for name, value in message.items() if name not in {"role", "content"} and value is not None}
        content = parts.read_content(message.get("content"), f"{where}.content")
        found.append(Message(cast(Role, role), content, rest or NOTHING))
    return tuple(found)


def _read_tools(value: Any) -> tuple[Tool, ...]:
    if value is None:
        return ()
    return tuple(_read_tool(entry, f"tools[{n}]") for n, entry in enumerate(typed(value, list, "tools")))


def _read_tool(entry: Any, where: str) -> Tool:
    tool = typed(entry, dict, where)
    if tool.get("type") not in (None, "custom"):
        cache, _ = parts.split_cache(tool)
        data = {name: value for name, value in tool.items() if cache is None or name != "cache_control"}
        name = tool.get("name") or tool.get("mcp_server_name") or tool["type"]
        return Tool(typed(name, str, f"{where}.name"), cache=cache, native=Native(NAME, data))
    cache, rest = parts.split_cache(tool, "type", "name", "description", "input_schema", "strict")
    schema = typed(tool.get("input_schema"), dict, f"{where}.input_schema")
    return Tool(
        name=typed(tool.get("name"), str, f"{where}.name"),
        description=optional(tool, "description", str, f"{where}."),
        schema=NOTHING if schema == _EMPTY_SCHEMA else dict(schema),
        strict=optional(tool, "strict", bool, f"{where}."),
        cache=cache,
        extra=rest,
    )


def _take_choice(extra: dict[str, Any]) -> ToolChoice | None:
    """Take the tool choice out of `extra`; leave there what is more than a canonical one can say."""
    choice = extra.get("tool_choice")
    if choice is None:
        return None
    choice = typed(choice, dict, "tool_choice")
    kind, name, single = choice.get("type"), choice.get("name"), choice.get("disable_parallel_tool_use")
    known = kind in ("auto", "none", "any", "tool") and set(choice) <= {"type", "name", "disable_parallel_tool_use"}
    if not known or (kind == "tool") != isinstance(name, str) or single not in (None, True, False):
        return None
    del extra["tool_choice"]
    return ToolChoice(cast(Kind, kind), name, None if single is None else not single)


def _take_output(extra: dict[str, Any]) -> tuple[AnswerFormat | None, str | None]:
    """Take the answer's format and the effort out of `extra["output_config"]`."""
    config = extra.get("output_config")
    if config is None:
        return None, None
    rest = {name: value for name, value in typed(config, dict, "output_config").items() if value is not None}
    effort, answer = rest.get("effort"), rest.get("format")
    found = None
    if isinstance(answer, Mapping) and set(answer) == {"type", "schema"} and answer["type"] == "json_schema":
        found = AnswerFormat("json_schema", typed(answer["schema"], dict, "output_config.format.schema"))
        del rest["format"]
    if isinstance(effort, str) and effort not in _FOREIGN_EFFORTS:
        del rest["effort"]
    else:
        effort = None
    _put_back(extra, "output_config", rest)
    return found, effort


def _take_user(extra: dict[str, Any]) -> str | None:
    metadata = extra.get("metadata")
    if not isinstance(metadata, Mapping) or not isinstance(metadata.get("user_id"), str):
        return None
    _put_back(extra, "metadata", {name: value for name, value in metadata.items() if name != "user_id"})
    return str(metadata["user_id"])


def _put_back(extra: dict[str, Any], name: str, rest: Mapping[str, Any]) -> None:
    if rest:
        extra[name] = rest
    else:
        del extra[name]


def write(request: Request, target: Target) -> WireRequest:
    """Return `request` on this wire, for `target`'s model.

    Options of the target: `max_tokens` where the request says no limit, `anthropic_version`, `betas`.

    Raises:
        CannotCarryError: it names everything that this wire cannot say.
    """
    lost: list[str] = []
    version = str(target.options.get("anthropic_version", VERSION))
    own = request.extra if request.extra_format in (None, NAME) else NOTHING
    betas = [*betas_of(target.options, lost), *betas_of(own, lost)]
    limit = request.max_output_tokens
    if limit is None:
        limit = target.options.get("max_tokens") or most_output(target.model)
    body: dict[str, Any] = {"model": target.model, "max_tokens": limit}
    if request.system:
        body["system"] = _write_system(request.system, lost)
    body["messages"] = [_write_message(message, number, lost) for number, message in enumerate(request.messages)]
    if request.tools:
        body["tools"] = [_write_tool(tool, number, lost) for number, tool in enumerate(request.tools)]
    body |= _write_settings(request, version, lost)
    for name, value in request.extra.items():
        if name != "betas" and not (name in ADVICE and request.extra_format not in (None, NAME)):
            merged = isinstance(value, Mapping) and isinstance(body.get(name), Mapping)
            body[name] = {**value, **body[name]} if merged else body.get(name, value)
    lost += _foreign(request)
    if lost:
        raise CannotCarryError("Anthropic's messages cannot say " + "; ".join(lost))
    headers = {"anthropic-version": version, "content-type": "application/json"}
    if betas:
        headers["anthropic-beta"] = ",".join(dict.fromkeys(betas))
    return WireRequest("POST", PATH, headers, body)


def betas_of(options: Mapping[str, Any], lost: list[str]) -> list[str]:
    """Return the betas that `options` names; what no header can hold is told in `lost`."""
    betas = options.get("betas") or []
    betas = [betas] if isinstance(betas, str) else betas
    if isinstance(betas, Sequence) and all(isinstance(beta, str) and _BETA.match(beta) for beta in betas):
        return list(betas)
    lost.append("betas: must be names without a space or a line's end, which a header cannot hold")
    return []


def _foreign(request: Request) -> list[str]:
    """Return what in the request only another format knows."""
    if request.extra_format is None:
        # An answer's parts come without a format; this mark is the one that another wire puts there.
        marked = [n for n, message in enumerate(request.messages) if any(map(_refusal, message.parts))]
        return [f"messages[{n}]: a refusal that is marked as one" for n in marked]
    if request.extra_format == NAME:
        return []
    theirs = request.extra_format
    lost = [f"{name} (a field of {theirs})" for name, value in request.extra.items() if not advice(name, value)]
    lost += [
        f"messages[{n}]: {', '.join(message.extra) or 'fields'} of {theirs}"
        for n, message in enumerate(request.messages)
        if _extras(message)
    ]
    lost += [f"system[{n}]: fields of {theirs}" for n, part in enumerate(request.system) if _extra(part)]
    lost += [f"tools[{n}]: {', '.join(tool.extra)} ({theirs})" for n, tool in enumerate(request.tools) if tool.extra]
    return lost


def _refusal(part: Part) -> bool:
    return isinstance(part, Text) and part.extra.get("refusal") is True


def _extra(part: Part) -> bool:
    return bool(getattr(part, "extra", None)) or any(map(_extra, getattr(part, "parts", ())))


def _extras(message: Message) -> bool:
    return bool(message.extra) or any(map(_extra, message.parts))


def _write_system(system: Sequence[Part], lost: list[str]) -> str | list[dict[str, Any]]:
    lost += [
        f"system[{number}]: a {type(part).__name__} in the system prompt"
        for number, part in enumerate(system)
        if not isinstance(part, Text | Native)
    ]
    match system:
        case (Text(text, None, extra),) if not extra:
            return text
    return parts.write_content(system, "system", lost)


def _write_message(message: Message, number: int, lost: list[str]) -> dict[str, Any]:
    content = parts.write_content(message.parts, f"messages[{number}].content", lost)
    return {"role": message.role, "content": content, **message.extra}


def _write_tool(tool: Tool, number: int, lost: list[str]) -> dict[str, Any]:
    where = f"tools[{number}]"
    if tool.native is not None:
        if tool.native.format != NAME:
            lost.append(f"{where}: the tool {tool.name!r} of {tool.native.format}")
        if tool.description is not None or tool.schema or tool.strict is not None:
            lost.append(f"{where}: a description or schema of the server's own tool {tool.name!r}")
        return {**tool.native.data, **parts.cache_field(tool.cache), **tool.extra}
    schema = dict(tool.schema or _EMPTY_SCHEMA)
    if schema.get("type") != "object":
        lost.append(f"{where}: the schema of {tool.name!r}, whose type is not object")
    described = {} if tool.description is None else {"description": tool.description}
    strict = {} if tool.strict is None else {"strict": tool.strict}
    named = {"name": tool.name, **described, "input_schema": schema}
    return {**named, **strict, **parts.cache_field(tool.cache), **tool.extra}


def _write_settings(request: Request, version: str, lost: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {name: getattr(request, name) for name in _NUMBERS if getattr(request, name) is not None}
    if version >= _WITHOUT_SAMPLING:
        lost += [f"{name} (not from version {_WITHOUT_SAMPLING} on)" for name in fields]
    if request.seed is not None:
        lost.append("seed")
    if request.stop:
        fields["stop_sequences"] = list(request.stop)
    if request.tool_choice is not None:
        fields["tool_choice"] = _write_choice(request.tool_choice, lost)
    if request.user_id is not None:
        fields["metadata"] = {"user_id": request.user_id}
    if config := _write_output(request, lost):
        fields["output_config"] = config
    if request.stream:
        fields["stream"] = True
    return fields


def _write_choice(choice: ToolChoice, lost: list[str]) -> dict[str, Any]:
    if (choice.kind == "tool") != (choice.name is not None):
        lost.append(f"tool_choice: {choice.kind!r} {'without' if choice.name is None else 'with'} the name of a tool")
    if choice.kind == "none" and choice.parallel is not None:
        lost.append("tool_choice: whether calls may be parallel where none may be made")
    named = {} if choice.name is None else {"name": choice.name}
    parallel = {} if choice.parallel is None else {"disable_parallel_tool_use": not choice.parallel}
    return {"type": choice.kind, **named, **parallel}


def _write_output(request: Request, lost: list[str]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if request.reasoning_effort is not None:
        config["effort"] = request.reasoning_effort
        if request.reasoning_effort in _FOREIGN_EFFORTS:
            lost.append(f"reasoning_effort {request.reasoning_effort!r}")
    answer = request.answer_format
    if answer is not None and answer.description is not None:
        lost.append("answer_format: what its schema is for (description)")
    if answer is not None and answer.kind == "json_schema" and answer.schema is not None:
        config["format"] = {"type": "json_schema", "schema": dict(answer.schema)}
    elif answer is not None:
        lost.append("answer_format: JSON without a schema")
    return config
