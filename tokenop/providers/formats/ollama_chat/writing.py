"""A request as a body of Ollama's chat."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from tokenop.providers.base import Target, WireRequest
from tokenop.providers.errors import CannotCarryError
from tokenop.providers.formats.marks import TOOL_ERROR, advice
from tokenop.providers.formats.ollama_chat.reading import NAME
from tokenop.providers.model import Image, Message, Part, Request, Text, Thinking, Tool, ToolCall, ToolResult

HEADERS: Mapping[str, str] = {"content-type": "application/json", "accept": "application/json"}
_EFFORTS: Mapping[str, str | bool] = {"none": False, "low": "low", "medium": "medium", "high": "high"}
_NOT_OURS = frozenset({"model", "messages", "tools", "stream", "options"})


def write(request: Request, target: Target) -> WireRequest:
    """Return `request` as Ollama reads it.

    Text parts of one message become one text, with an empty line between them. Hints to cache, the user's id and the
    name of an answer's schema say nothing to a local model, and are left out.

    Raises:
        CannotCarryError: names everything that this wire cannot say.
    """
    return _Writer(request, target).write()


class _Writer:
    """Gathers what cannot be carried, so that all of it is told at once."""

    def __init__(self, request: Request, target: Target) -> None:
        self.request = request
        self.target = target
        self.lost: list[str] = []
        self.calls: dict[str, tuple[int, str]] = {}

    def write(self) -> WireRequest:
        request = self.request
        extra = dict(self._extra(request.extra, "the field"))
        options = {**self._options(), **extra.pop("options", {})}
        given = self.target.options.get("options")
        if isinstance(given, Mapping):
            options = {**given, **options}
        wanted = request.answer_format
        if wanted is not None and wanted.description is not None:
            self.lost.append("what the answer's schema is for (description)")
        said: dict[str, Any] = {
            "model": self.target.model or request.model,
            "messages": list(self._messages()),
            "tools": self._tools(),
            "format": None if wanted is None else "json" if wanted.kind == "json" else dict(wanted.schema or {}),
            "think": self._effort(),
            "options": options or None,
            "stream": request.stream,
            "keep_alive": self.target.options.get("keep_alive"),
        }
        more = self.target.options.get("extra_body")
        if isinstance(more, Mapping):
            extra = {**{name: value for name, value in more.items() if name not in _NOT_OURS}, **extra}
        if self.lost:
            raise CannotCarryError(
                f"{NAME} cannot carry " + "; ".join(self.lost),
                provider=self.target.provider,
                model=self.target.model,
            )
        body = {name: value for name, value in said.items() if value is not None}
        return WireRequest("POST", "/api/chat", HEADERS, {**extra, **body})

    def _extra(self, extra: Mapping[str, Any], where: str) -> Mapping[str, Any]:
        if not extra or self.request.extra_format == NAME:
            return extra
        whose = self.request.extra_format or "another format"
        self.lost += [f"{where} {name} of {whose}" for name, value in extra.items() if not advice(name, value)]
        return {}

    def _options(self) -> dict[str, Any]:
        request = self.request
        self.lost += [name for name in ("temperature", "top_p") if not math.isfinite(getattr(request, name) or 0)]
        said: dict[str, Any] = {
            "num_predict": request.max_output_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "top_k": request.top_k,
            "seed": request.seed,
            "stop": list(request.stop) or None,
        }
        return {name: value for name, value in said.items() if value is not None}

    def _effort(self) -> str | bool | None:
        effort = self.request.reasoning_effort
        if effort is not None and effort not in _EFFORTS:
            self.lost.append(f"the reasoning effort {effort!r}")
        return None if effort is None else _EFFORTS.get(effort)

    def _tools(self) -> list[dict[str, Any]] | None:
        choice = self.request.tool_choice
        if choice is not None and (choice.kind not in {"auto", "none"} or choice.parallel is False):
            self.lost.append("a choice of tools other than auto and none")
        if choice is not None and choice.kind == "none":
            return None
        return [self._tool(tool, f"tools[{at}]") for at, tool in enumerate(self.request.tools)] or None

    def _tool(self, tool: Tool, where: str) -> dict[str, Any]:
        if tool.native is not None:
            self.lost.append(f"{where}: {tool.name}, a tool of {tool.native.format}")
        if tool.strict:
            self.lost.append(f"{where}: strict arguments")
        extra = self._extra(tool.extra, f"{where}, the field").get("function", {})
        function: dict[str, Any] = {"name": tool.name, "description": tool.description}
        function |= {"parameters": dict(tool.schema) or None, **extra}
        return {
            "type": "function",
            "function": {name: value for name, value in function.items() if value is not None},
        }

    def _messages(self) -> Iterable[dict[str, Any]]:
        if self.request.system:
            yield {"role": "system", **self._words(self.request.system, "system")}
        for at, message in enumerate(self.request.messages):
            where = f"messages[{at}]"
            extra = self._extra(message.extra, f"{where}, the field")
            if message.role == "assistant":
                yield {**self._assistant(message, where), **extra}
            elif message.role == "system":
                yield {"role": "system", **self._words(message.parts, where), **extra}
            else:
                yield from self._user(message, where, extra)

    def _user(self, message: Message, where: str, extra: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        rest = tuple(part for part in message.parts if not isinstance(part, ToolResult))
        if any(isinstance(part, ToolResult) for part in message.parts[len(results) :]):
            self.lost.append(f"{where}: a tool's result after other parts")
        # The wire has no ids: results stand in the order of their calls.
        for result in sorted(results, key=lambda part: self.calls.get(part.call_id, (0, ""))[0]):
            yield self._result(result, where)
        if rest or not results or extra:
            yield {"role": "user", **self._words(rest, where), **extra}

    def _result(self, result: ToolResult, where: str) -> dict[str, Any]:
        called = self.calls.get(result.call_id)
        if called is None:
            self.lost.append(f"{where}: the result of the call {result.call_id!r}, which is not in the conversation")
        self._extra(result.extra, f"{where}, the field")
        words = self._words(result.parts, where)
        if result.is_error:
            words["content"] = TOOL_ERROR + words["content"]
        elif words["content"].startswith(TOOL_ERROR):
            self.lost.append(f"{where}: a result that begins with {TOOL_ERROR!r} and is no error")
        return {"role": "tool", "tool_name": called[1] if called else "", **words}

    def _assistant(self, message: Message, where: str) -> dict[str, Any]:
        words: list[Part] = []
        said: dict[str, Any] = {}
        calls: list[dict[str, Any]] = []
        for at, part in enumerate(message.parts):
            place = f"{where}.parts[{at}]"
            if isinstance(part, ToolCall):
                calls.append(self._call(part, place))
                continue
            if calls:
                self.lost.append(f"{place}: {type(part).__name__.lower()} after a tool call")
            if not isinstance(part, Thinking):
                words.append(part)
            elif part.signature is not None or part.redacted is not None or words or said:
                self.lost.append(f"{place}: thinking that is signed, redacted or not the first part")
            else:
                said["thinking"] = part.text
        said |= self._words(tuple(words), where)
        return {"role": "assistant", **said, **({"tool_calls": calls} if calls else {})}

    def _call(self, call: ToolCall, place: str) -> dict[str, Any]:
        self._extra(call.extra, f"{place}, the field")
        if call.arguments is None:
            self.lost.append(f"{place}: arguments that are no JSON object")
        self.calls[call.id] = (len(self.calls), call.name)
        return {"function": {"name": call.name, "arguments": dict(call.arguments or {})}}

    def _words(self, parts: tuple[Part, ...], where: str) -> dict[str, Any]:
        texts: list[str] = []
        pictures: list[str] = []
        for at, part in enumerate(parts):
            place = f"{where}.parts[{at}]"
            if isinstance(part, Text):
                self._extra(part.extra, f"{place}, the field")
                texts.append(part.text)
            elif isinstance(part, Image) and part.data is not None:
                self._extra(part.extra, f"{place}, the field")
                pictures.append(part.data)
            elif isinstance(part, Image):
                self.lost.append(f"{place}: a picture behind an address")
            else:
                self.lost.append(f"{place}: {_named(part)}")
        return {"content": "\n\n".join(texts), **({"images": pictures} if pictures else {})}


def _named(part: Part) -> str:
    data = getattr(part, "data", None)
    kind = data.get("type") if isinstance(data, Mapping) else None
    return f"{kind} of {getattr(part, 'format', '?')}" if kind else type(part).__name__.lower()
