"""A body of chat completions as a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from tokenop.providers.errors import BadRequestError
from tokenop.providers.formats.fields import arguments_of, compact, number, optional, typed
from tokenop.providers.formats.marks import TOOL_ERROR
from tokenop.providers.formats.openai_chat.marks import NAME
from tokenop.providers.model import (
    NOTHING,
    AnswerFormat,
    AsSent,
    Image,
    Message,
    Native,
    Part,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

_READ = frozenset(
    {
        "model",
        "messages",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "top_k",
        "seed",
        "stop",
        "response_format",
        "reasoning_effort",
        "stream",
        "stream_options",
        "user",
        "n",
    }
)
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,")


def read(body: Mapping[str, Any], as_sent: AsSent | None = None) -> Request:
    """Return the request that `body` is, with `as_sent`; fields that are null are not said.

    Raises:
        BadRequestError: names the field that is wrong.
    """
    body = typed(body, dict, "body")
    if optional(body, "n", int) not in {None, 1}:
        raise BadRequestError("n: more than one answer to a request cannot be told apart")
    system, messages = _messages(typed(body.get("messages"), list, "messages"))
    tools = tuple(_tool(tool, f"tools[{at}]") for at, tool in enumerate(optional(body, "tools", list) or ()))
    extra = {name: value for name, value in body.items() if name not in _READ and value is not None}
    limit = optional(body, "max_completion_tokens", int)
    return Request(
        model=optional(body, "model", str) or "",
        messages=messages,
        system=system,
        tools=tools,
        tool_choice=_choice(body),
        max_output_tokens=limit if limit is not None else optional(body, "max_tokens", int),
        temperature=number(body, "temperature"),
        top_p=number(body, "top_p"),
        top_k=optional(body, "top_k", int),
        seed=optional(body, "seed", int),
        stop=_stop(body.get("stop")),
        answer_format=_answer_format(body.get("response_format")),
        reasoning_effort=optional(body, "reasoning_effort", str),
        stream=bool(optional(body, "stream", bool)),
        user_id=optional(body, "user", str),
        extra=extra or NOTHING,
        extra_format=NAME if extra or _has_extra(system, messages, tools) else None,
        as_sent=as_sent,
    )


def _has_extra(system: tuple[Part, ...], messages: tuple[Message, ...], tools: tuple[Tool, ...]) -> bool:
    """Return whether anything holds fields that only this wire knows."""
    if any(tool.extra for tool in tools) or any(message.extra for message in messages):
        return True
    for parts in (system, *(message.parts for message in messages)):
        for part in parts:
            if getattr(part, "extra", None):
                return True
            if isinstance(part, ToolResult) and any(getattr(inner, "extra", None) for inner in part.parts):
                return True
    return False


def _messages(raw: list[Any]) -> tuple[tuple[Part, ...], tuple[Message, ...]]:
    system: tuple[Part, ...] = ()
    messages: list[Message] = []
    for at, item in enumerate(raw):
        where = f"messages[{at}]"
        message = typed(item, dict, where)
        role = message.get("role")
        if not isinstance(role, str):
            role = typed(role, str, f"{where}.role")
        if role in {"system", "developer"}:
            read_message = _plain(message, "system", where)
            if at == 0 and not read_message.extra:
                system = read_message.parts
                continue
            messages.append(read_message)
        elif role == "user":
            read_message = _plain(message, "user", where)
            if messages and not read_message.extra and _only_results(messages[-1]):
                read_message = Message("user", messages.pop().parts + read_message.parts)
            messages.append(read_message)
        elif role == "assistant":
            messages.append(_assistant(message, where))
        elif role == "tool":
            result = _result(message, where)
            if messages and _only_results(messages[-1]):
                messages[-1] = Message("user", (*messages[-1].parts, result))
            else:
                messages.append(Message("user", (result,)))
        else:
            raise BadRequestError(f"{where}.role: {role!r} is none of system, developer, user, assistant, tool")
    return system, tuple(messages)


def _only_results(message: Message) -> bool:
    return bool(message.parts) and all(isinstance(part, ToolResult) for part in message.parts)


def _plain(message: dict[str, Any], role: Literal["system", "user"], where: str) -> Message:
    return Message(role, _content(message.get("content"), f"{where}.content"), _rest(message, "role", "content"))


def _rest(item: Mapping[str, Any], *known: str) -> Mapping[str, Any]:
    if len(item) <= len(known) and item.keys() <= set(known):
        return NOTHING
    return {name: value for name, value in item.items() if name not in known and value is not None} or NOTHING


def _content(content: Any, where: str) -> tuple[Part, ...]:
    if content is None or content == "":
        return ()
    if isinstance(content, str):
        return (Text(content),)
    parts = typed(content, list, where)
    return tuple(_part(typed(part, dict, f"{where}[{at}]"), f"{where}[{at}]") for at, part in enumerate(parts))


def _part(part: dict[str, Any], where: str) -> Part:
    kind = typed(part.get("type"), str, f"{where}.type")
    if kind == "text":
        return Text(typed(part.get("text"), str, f"{where}.text"), extra=_rest(part, "type", "text"))
    if kind == "refusal":
        return Text(typed(part.get("refusal"), str, f"{where}.refusal"), extra={"refusal": True})
    if kind != "image_url":
        return Native(NAME, part)
    image = typed(part.get("image_url"), dict, f"{where}.image_url")
    url = typed(image.get("url"), str, f"{where}.image_url.url")
    if image.keys() - {"url", "detail"}:
        return Native(NAME, part)
    extra = {**_rest(part, "type", "image_url"), **_rest(image, "url")} or NOTHING
    inline = _DATA_URL.match(url)
    if inline is None:
        return Image(url=url, extra=extra)
    return Image(media_type=inline[1], data=url[inline.end() :], extra=extra)


def _assistant(message: dict[str, Any], where: str) -> Message:
    parts: list[Part] = []
    thought = optional(message, "reasoning", str, f"{where}.")
    if thought is None:
        thought = optional(message, "reasoning_content", str, f"{where}.")
    if thought:
        parts.append(Thinking(thought))
    parts += _content(message.get("content"), f"{where}.content")
    refusal = optional(message, "refusal", str, f"{where}.")
    if refusal:
        parts.append(Text(refusal, extra={"refusal": True}))
    if message.get("function_call") is not None:
        raise BadRequestError(f"{where}.function_call: was replaced by tool_calls")
    calls = optional(message, "tool_calls", list, f"{where}.") or []
    parts += [_call(call, f"{where}.tool_calls[{at}]") for at, call in enumerate(calls)]
    known = ("role", "content", "reasoning", "reasoning_content", "refusal", "tool_calls")
    return Message("assistant", tuple(parts), _rest(message, *known))


def _call(call: Any, where: str) -> Part:
    item = typed(call, dict, where)
    if item.get("type", "function") != "function":
        return Native(NAME, item)
    function = typed(item.get("function"), dict, f"{where}.function")
    raw = optional(function, "arguments", str, f"{where}.function.") or ""
    return tool_call(
        typed(item.get("id"), str, f"{where}.id"),
        typed(function.get("name"), str, f"{where}.function.name"),
        raw,
        _rest(item, "id", "type", "function", "index"),
    )


def tool_call(call_id: str, name: str, raw: str, extra: Mapping[str, Any] = NOTHING) -> ToolCall:
    """Return a call with its arguments read; `raw` is kept where it cannot be written again from them."""
    arguments = arguments_of(raw)
    same = arguments is not None and (not raw.strip() or compact(arguments) == raw)
    return ToolCall(call_id, name, arguments, None if same else raw, extra=extra)


def _result(message: dict[str, Any], where: str) -> ToolResult:
    parts = _content(message.get("content"), f"{where}.content")
    first = parts[0] if parts else None
    failed = isinstance(first, Text) and first.text.startswith(TOOL_ERROR)
    if failed and isinstance(first, Text):
        words = first.text.removeprefix(TOOL_ERROR)
        parts = (*((Text(words, extra=first.extra),) if words or first.extra else ()), *parts[1:])
    return ToolResult(
        typed(message.get("tool_call_id"), str, f"{where}.tool_call_id"),
        parts,
        is_error=failed,
        # The call says which tool it was; some write its name here once more.
        extra=_rest(message, "role", "content", "tool_call_id", "name"),
    )


def _tool(tool: Any, where: str) -> Tool:
    item = typed(tool, dict, where)
    kind = typed(item.get("type"), str, f"{where}.type")
    if kind != "function":
        return Tool(name=str(item.get("name") or kind), native=Native(NAME, item))
    function = typed(item.get("function"), dict, f"{where}.function")
    beside, inside = _rest(item, "type", "function"), _rest(function, "name", "description", "parameters", "strict")
    extra = {**beside, **({"function": inside} if inside else {})}
    return Tool(
        name=typed(function.get("name"), str, f"{where}.function.name"),
        description=optional(function, "description", str, f"{where}.function."),
        schema=optional(function, "parameters", dict, f"{where}.function.") or NOTHING,
        strict=optional(function, "strict", bool, f"{where}.function."),
        extra=extra or NOTHING,
    )


def _choice(body: Mapping[str, Any]) -> ToolChoice | None:
    parallel = optional(body, "parallel_tool_calls", bool)
    choice = body.get("tool_choice")
    if choice is None:
        return None if parallel is None else ToolChoice("auto", parallel=parallel)
    if choice == "auto":
        return ToolChoice("auto", parallel=parallel)
    if choice == "none":
        return ToolChoice("none", parallel=parallel)
    if choice == "required":
        return ToolChoice("any", parallel=parallel)
    named = typed(choice, dict, "tool_choice")
    if named.get("type") != "function":
        raise BadRequestError(f"tool_choice.type: {named.get('type')!r} cannot be carried; only function can")
    function = typed(named.get("function"), dict, "tool_choice.function")
    return ToolChoice("tool", typed(function.get("name"), str, "tool_choice.function.name"), parallel)


def _stop(stop: Any) -> tuple[str, ...]:
    if stop is None:
        return ()
    if isinstance(stop, str):
        return (stop,)
    return tuple(typed(word, str, f"stop[{at}]") for at, word in enumerate(typed(stop, list, "stop")))


def _answer_format(raw: Any) -> AnswerFormat | None:
    if raw is None:
        return None
    item = typed(raw, dict, "response_format")
    kind = item.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return AnswerFormat("json")
    if kind != "json_schema":
        raise BadRequestError(f"response_format.type: {kind!r} is none of text, json_object, json_schema")
    where = "response_format.json_schema."
    schema = typed(item.get("json_schema"), dict, where[:-1])
    return AnswerFormat(
        "json_schema",
        schema=optional(schema, "schema", dict, where),
        name=optional(schema, "name", str, where),
        strict=optional(schema, "strict", bool, where),
        description=optional(schema, "description", str, where),
    )
