"""A request as a body of chat completions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from tokenop.providers import presets
from tokenop.providers.base import Target, WireRequest
from tokenop.providers.errors import CannotCarryError
from tokenop.providers.formats.fields import compact, finite
from tokenop.providers.formats.marks import TOOL_ERROR, advice
from tokenop.providers.formats.openai_chat.marks import NAME
from tokenop.providers.model import (
    AnswerFormat,
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

HEADERS: Mapping[str, str] = {"content-type": "application/json", "accept": "application/json"}
NOT_OURS = frozenset({"model", "messages", "tools", "stream"})


def write(request: Request, target: Target) -> WireRequest:
    """Return `request` as the target's server reads it. Hints to cache are advice, and left out.

    Raises:
        CannotCarryError: names everything that this wire cannot say.
    """
    return _Writer(request, target).write()


class _Writer:
    """Gathers what cannot be carried, so that all of it is told at once."""

    def __init__(self, request: Request, target: Target) -> None:
        self.request = request
        self.target = target
        self.quirks = presets.quirks(target)
        self.lost: list[str] = []

    def write(self) -> WireRequest:
        body = {**self._beside(), **self._settings()}
        if self.lost:
            raise CannotCarryError(
                f"{NAME} cannot carry " + "; ".join(self.lost),
                provider=self.target.provider,
                model=self.target.model,
            )
        return WireRequest("POST", "/chat/completions", HEADERS, body)

    def _settings(self) -> dict[str, Any]:
        request = self.request
        if request.top_k is not None and not self.quirks.top_k:
            self.lost.append("top_k")
        self.lost += [name for name in ("temperature", "top_p") if not math.isfinite(getattr(request, name) or 0)]
        said: dict[str, Any] = {
            "model": self.target.model or request.model,
            "messages": list(self._messages()),
            "tools": [self._tool(tool, f"tools[{at}]") for at, tool in enumerate(request.tools)] or None,
            **_choice(request.tool_choice),
            self.quirks.max_tokens: request.max_output_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "top_k": request.top_k,
            "seed": request.seed,
            "stop": list(request.stop) or None,
            "response_format": self._answer_format(request.answer_format),
            "reasoning_effort": request.reasoning_effort,
            "user": request.user_id,
            "stream": request.stream,
            "stream_options": {"include_usage": True} if request.stream and self.quirks.usage_on_request else None,
        }
        return {name: value for name, value in said.items() if value is not None}

    def _beside(self) -> dict[str, Any]:
        extra = dict(self._extra(self.request.extra, "the field"))
        options = self.target.options.get("extra_body")
        if isinstance(options, Mapping):
            extra = {**{name: value for name, value in options.items() if name not in NOT_OURS}, **extra}
        return extra

    def _extra(self, extra: Mapping[str, Any], where: str) -> Mapping[str, Any]:
        if not extra or self.request.extra_format == NAME:
            return extra
        whose = self.request.extra_format or "another format"
        self.lost += [f"{where} {name} of {whose}" for name, value in extra.items() if not advice(name, value)]
        return {}

    def _messages(self) -> Iterable[dict[str, Any]]:
        if self.request.system:
            yield {"role": "system", "content": self._system()}
        for at, message in enumerate(self.request.messages):
            where = f"messages[{at}]"
            if message.role == "assistant":
                yield self._assistant(message, where)
            elif message.role == "user":
                yield from self._user(message, where)
            else:
                extra = self._extra(message.extra, f"{where}, the field")
                yield {"role": "system", "content": self._content(message.parts, where), **extra}

    def _system(self) -> Any:
        texts = [part.text for part in self.request.system if isinstance(part, Text) and not part.extra]
        if self.quirks.system_in_parts or len(texts) < len(self.request.system):
            return self._content(self.request.system, "system")
        return "\n\n".join(texts)

    def _user(self, message: Message, where: str) -> Iterable[dict[str, Any]]:
        rest: list[Part] = []
        for at, part in enumerate(message.parts):
            if not isinstance(part, ToolResult):
                rest.append(part)
                continue
            if rest:
                self.lost.append(f"{where}.parts[{at}]: a tool's result after other parts")
            yield self._result(part, f"{where}.parts[{at}]")
        if rest or not message.parts or message.extra:
            extra = self._extra(message.extra, f"{where}, the field")
            yield {"role": "user", "content": self._content(tuple(rest), where), **extra}

    def _result(self, result: ToolResult, where: str) -> dict[str, Any]:
        parts = result.parts
        first = parts[0] if parts and isinstance(parts[0], Text) else None
        if result.is_error:
            marked = Text(TOOL_ERROR + (first.text if first else ""), extra=first.extra if first else {})
            parts = (marked, *(parts[1:] if first else parts))
        elif first is not None and first.text.startswith(TOOL_ERROR):
            self.lost.append(f"{where}: a result that begins with {TOOL_ERROR!r} and is no error")
        if any(not isinstance(part, Text) for part in parts):
            self.lost += [f"{where}: {_named(part)} in a tool's result" for part in parts if not isinstance(part, Text)]
            parts = ()
        extra = self._extra(result.extra, f"{where}, the field")
        return {"role": "tool", "tool_call_id": result.call_id, "content": self._content(parts, where), **extra}

    def _assistant(self, message: Message, where: str) -> dict[str, Any]:
        said: dict[str, Any] = {"role": "assistant"}
        words: list[Part] = []
        calls: list[dict[str, Any]] = []
        rank = 0
        for at, part in enumerate(message.parts):
            place = f"{where}.parts[{at}]"
            called = isinstance(part, ToolCall) or (isinstance(part, Native) and part.format == NAME)
            own = 0 if isinstance(part, Thinking) else 2 if called else 1
            if own < rank or (own == 0 and self.quirks.reasoning in said):
                self.lost.append(f"{place}: {_named(part)} after {('thinking', 'text', 'a tool call')[rank]}")
            rank = max(rank, own)
            if isinstance(part, Thinking):
                self._thinking(part, said, place)
            elif isinstance(part, Text) and part.extra.get("refusal") is True:
                said["refusal"] = part.text
            elif isinstance(part, Text):
                words.append(part)
            elif isinstance(part, ToolCall):
                calls.append(self._call(part, place))
            elif isinstance(part, Native) and part.format == NAME:
                calls.append(dict(part.data))
            else:
                self.lost.append(f"{place}: {_named(part)} in an answer")
        if words or not self.quirks.wordless or not (calls or "refusal" in said):
            said["content"] = self._content(tuple(words), where)
        if calls:
            said["tool_calls"] = calls
        return {**said, **self._extra(message.extra, f"{where}, the field")}

    def _thinking(self, part: Thinking, said: dict[str, Any], place: str) -> None:
        if part.signature is not None or part.redacted is not None:
            self.lost.append(f"{place}: signed or redacted thinking")
        elif self.quirks.reasoning is None:
            self.lost.append(f"{place}: thinking (this server does not take it back)")
        else:
            said[self.quirks.reasoning] = part.text

    def _call(self, call: ToolCall, place: str) -> dict[str, Any]:
        raw = call.raw if call.raw is not None else compact(call.arguments or {})
        if call.raw is None and not finite(call.arguments):
            self.lost.append(f"{place}: a number that JSON does not have, in arguments")
        function = {"name": call.name, "arguments": raw}
        extra = self._extra(call.extra, f"{place}, the field")
        return {"id": call.id, "type": "function", "function": function, **extra}

    def _content(self, parts: tuple[Part, ...], where: str) -> str | list[dict[str, Any]]:
        if not parts:
            return ""
        only = parts[0]
        if len(parts) == 1 and isinstance(only, Text) and only.text and not only.extra:
            return only.text
        return [self._part(part, f"{where}.parts[{at}]") for at, part in enumerate(parts)]

    def _part(self, part: Part, where: str) -> dict[str, Any]:
        if isinstance(part, Text):
            return {"type": "text", "text": part.text, **self._extra(part.extra, f"{where}, the field")}
        if isinstance(part, Image):
            return self._image(part, where)
        if isinstance(part, Native) and part.format == NAME:
            return dict(part.data)
        self.lost.append(f"{where}: {_named(part)}")
        return {}

    def _image(self, image: Image, where: str) -> dict[str, Any]:
        if image.url is None and image.media_type is None:
            self.lost.append(f"{where}: a picture without its media type")
        url = image.url if image.url is not None else f"data:{image.media_type};base64,{image.data}"
        extra = dict(self._extra(image.extra, f"{where}, the field"))
        detail = {"detail": extra.pop("detail")} if "detail" in extra else {}
        return {"type": "image_url", "image_url": {"url": url, **detail}, **extra}

    def _tool(self, tool: Tool, where: str) -> dict[str, Any]:
        if tool.native is not None:
            if tool.native.format != NAME:
                self.lost.append(f"{where}: {tool.name}, a tool of {tool.native.format}")
            return dict(tool.native.data)
        extra = dict(self._extra(tool.extra, f"{where}, the field"))
        inside = extra.pop("function", {})
        function: dict[str, Any] = {
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.schema) or None,
        }
        function |= {"strict": tool.strict, **inside}
        return {
            "type": "function",
            "function": {name: value for name, value in function.items() if value is not None},
            **extra,
        }

    def _answer_format(self, wanted: AnswerFormat | None) -> dict[str, Any] | None:
        if wanted is None:
            return None
        if not self.quirks.schema_answers:
            self.lost.append("an answer's format (this server knows none)")
        if wanted.kind == "json":
            return {"type": "json_object"}
        schema: dict[str, Any] = {
            "name": wanted.name or "answer",
            "description": wanted.description,
            "schema": wanted.schema,
        }
        schema |= {"strict": wanted.strict}
        return {
            "type": "json_schema",
            "json_schema": {name: value for name, value in schema.items() if value is not None},
        }


def _choice(choice: ToolChoice | None) -> dict[str, Any]:
    if choice is None:
        return {}
    words: dict[str, Any] = {"auto": "auto", "none": "none", "any": "required"}
    named = {"type": "function", "function": {"name": choice.name}}
    return {"tool_choice": words.get(choice.kind, named), "parallel_tool_calls": choice.parallel}


def _named(part: Part) -> str:
    if isinstance(part, Native):
        return f"{part.data.get('type', 'a part')} of {part.format}"
    words = {Text: "text", Image: "a picture", Thinking: "thinking", ToolCall: "a tool call", ToolResult: "a result"}
    return words[type(part)]
