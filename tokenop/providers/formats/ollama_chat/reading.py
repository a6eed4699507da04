"""A body of Ollama's chat as a request."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from tokenop.providers.errors import BadRequestError
from tokenop.providers.formats.fields import number, optional, typed
from tokenop.providers.formats.marks import TOOL_ERROR
from tokenop.providers.model import (
    NOTHING,
    AnswerFormat,
    Image,
    Message,
    Part,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)

NAME = "ollama-chat"
_READ = frozenset({"model", "messages", "tools", "format", "options", "stream", "think"})
_OPTIONS = frozenset({"num_predict", "temperature", "top_p", "top_k", "seed", "stop"})
_EFFORTS = frozenset({"low", "medium", "high"})
# The first bytes of a picture, in base64, say what it is; the wire does not.
_PICTURES = (("iVBORw0KGgo", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"))


def read(body: Mapping[str, Any]) -> Request:
    """Return the request that `body` is. Calls get ids in their order, as the wire has none.

    Raises:
        BadRequestError: names the field that is wrong.
    """
    body = typed(body, dict, "body")
    options = optional(body, "options", dict) or {}
    limit = optional(options, "num_predict", int, "options.")
    extra = {name: value for name, value in body.items() if name not in _READ and value is not None}
    other = {name: value for name, value in options.items() if name not in _OPTIONS or value is None}
    if limit is not None and limit < 0:
        # -1 is without end, -2 until the context is full.
        other["num_predict"], limit = limit, None
    if other:
        extra["options"] = other
    effort = body.get("think")
    if not isinstance(effort, bool | str | None):
        raise BadRequestError("think: must be true, false or a text")
    if effort is True or (isinstance(effort, str) and effort not in _EFFORTS):
        extra["think"] = effort
    system, messages, beside = _Messages(typed(body.get("messages"), list, "messages")).read()
    tools = tuple(_tool(tool, f"tools[{at}]") for at, tool in enumerate(optional(body, "tools", list) or ()))
    return Request(
        model=optional(body, "model", str) or "",
        messages=messages,
        system=system,
        tools=tools,
        max_output_tokens=limit,
        temperature=number(options, "temperature", "options."),
        top_p=number(options, "top_p", "options."),
        top_k=optional(options, "top_k", int, "options."),
        seed=optional(options, "seed", int, "options."),
        stop=_stop(options.get("stop")),
        answer_format=_answer_format(body.get("format")),
        reasoning_effort=effort
        if isinstance(effort, str) and effort in _EFFORTS
        else "none"
        if effort is False
        else None,
        # Ollama streams unless it is told not to.
        stream=body.get("stream") is not False,
        extra=extra or NOTHING,
        extra_format=NAME if extra or beside or any(tool.extra for tool in tools) else None,
    )


class _Messages:
    """Reads messages and gives calls their ids, by which results find them again."""

    def __init__(self, raw: list[Any]) -> None:
        self.raw = raw
        self.messages: list[Message] = []
        self.count = 0
        self.open: deque[tuple[str, str]] = deque()

    def read(self) -> tuple[tuple[Part, ...], tuple[Message, ...], bool]:
        """Return the system's parts, the messages, and whether any holds what only this wire knows."""
        system: tuple[Part, ...] = ()
        for at, item in enumerate(self.raw):
            where = f"messages[{at}]"
            message = typed(item, dict, where)
            role = typed(message.get("role"), str, f"{where}.role")
            if role == "tool":
                self._result(message, where)
            elif role == "assistant":
                self.messages.append(self._assistant(message, where))
            elif role in {"system", "user"}:
                parts = _parts(message, where)
                extra = _rest(message, "role", "content", "images")
                if role == "system" and at == 0 and not extra:
                    system = parts
                elif role == "user" and not extra and self._after_results():
                    self.messages[-1] = Message("user", self.messages[-1].parts + parts)
                else:
                    self.messages.append(Message("system" if role == "system" else "user", parts, extra))
            else:
                raise BadRequestError(f"{where}.role: {role!r} is none of system, user, assistant, tool")
        return system, tuple(self.messages), any(message.extra for message in self.messages)

    def _after_results(self) -> bool:
        parts = self.messages[-1].parts if self.messages else ()
        return bool(parts) and all(isinstance(part, ToolResult) for part in parts)

    def _assistant(self, message: dict[str, Any], where: str) -> Message:
        thought = optional(message, "thinking", str, f"{where}.")
        parts: list[Part] = [Thinking(thought)] if thought else []
        parts += _parts(message, where)
        self.open.clear()
        for at, call in enumerate(optional(message, "tool_calls", list, f"{where}.") or ()):
            read_call = call_of(call, f"{where}.tool_calls[{at}]", self.count)
            self.count += 1
            self.open.append((read_call.name, read_call.id))
            parts.append(read_call)
        return Message("assistant", tuple(parts), _rest(message, "role", "content", "images", "thinking", "tool_calls"))

    def _result(self, message: dict[str, Any], where: str) -> None:
        name = optional(message, "tool_name", str, f"{where}.")
        found = next((call for call in self.open if name is None or call[0] == name), None)
        if found is None:
            raise BadRequestError(f"{where}.tool_name: answers no call that is open")
        self.open.remove(found)
        parts = _parts(message, where)
        first = parts[0] if parts else None
        failed = isinstance(first, Text) and first.text.startswith(TOOL_ERROR)
        if failed and isinstance(first, Text):
            words = first.text.removeprefix(TOOL_ERROR)
            parts = (*((Text(words),) if words else ()), *parts[1:])
        result = ToolResult(found[1], parts, is_error=failed)
        if self._after_results():
            self.messages[-1] = Message("user", (*self.messages[-1].parts, result))
        else:
            self.messages.append(Message("user", (result,)))


def call_of(raw: Any, where: str, number_of: int) -> ToolCall:
    """Return a call; one without an id gets `call_<number_of>`. Raises BadRequestError."""
    call = typed(raw, dict, where)
    function = typed(call.get("function"), dict, f"{where}.function")
    arguments = optional(function, "arguments", dict, f"{where}.function.") or {}
    name = typed(function.get("name"), str, f"{where}.function.name")
    call_id = call.get("id")
    return ToolCall(call_id if isinstance(call_id, str) and call_id else f"call_{number_of}", name, arguments)


def _parts(message: dict[str, Any], where: str) -> tuple[Part, ...]:
    content = optional(message, "content", str, f"{where}.")
    parts: list[Part] = [Text(content)] if content else []
    for at, data in enumerate(optional(message, "images", list, f"{where}.") or ()):
        picture = typed(data, str, f"{where}.images[{at}]")
        kind = next((kind for first, kind in _PICTURES if picture.startswith(first)), None)
        parts.append(Image(media_type=kind, data=picture))
    return tuple(parts)


def _rest(item: Mapping[str, Any], *known: str) -> Mapping[str, Any]:
    return {name: value for name, value in item.items() if name not in known and value is not None} or NOTHING


def _tool(tool: Any, where: str) -> Tool:
    item = typed(tool, dict, where)
    function = typed(item.get("function"), dict, f"{where}.function")
    inside = _rest(function, "name", "description", "parameters")
    return Tool(
        name=typed(function.get("name"), str, f"{where}.function.name"),
        description=optional(function, "description", str, f"{where}.function."),
        schema=optional(function, "parameters", dict, f"{where}.function.") or NOTHING,
        extra={"function": inside} if inside else NOTHING,
    )


def _stop(stop: Any) -> tuple[str, ...]:
    words = [stop] if isinstance(stop, str) else typed([] if stop is None else stop, list, "options.stop")
    return tuple(typed(word, str, f"options.stop[{at}]") for at, word in enumerate(words))


def _answer_format(raw: Any) -> AnswerFormat | None:
    if raw is None or raw == "":
        return None
    if raw == "json":
        return AnswerFormat("json")
    return AnswerFormat("json_schema", schema=typed(raw, dict, "format"))
