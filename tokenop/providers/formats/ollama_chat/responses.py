"""An answer of Ollama's chat: whole, in lines, or an error."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tokenop.providers.errors import (
    BadRequestError,
    MalformedError,
    NotFoundError,
    OverloadedError,
    ProviderError,
    TooLongError,
)
from tokenop.providers.formats.fields import compact, mapping, object_of, tokens
from tokenop.providers.formats.ollama_chat.reading import call_of
from tokenop.providers.formats.said import error_of
from tokenop.providers.formats.sse import LONGEST_EVENT
from tokenop.providers.model import MISSING, Delta, FinishReason, Part, Response, Text, Thinking, ToolCall, Usage

LARGEST = 64 * 1024 * 1024
_FINISHES: Mapping[str, FinishReason] = {"stop": "stop", "length": "length"}
_READ = frozenset({"model", "created_at", "message", "done", "done_reason", "prompt_eval_count", "eval_count"})


def read(body: bytes) -> Response:
    """Return the answer that `body` is. Raises MalformedError, or the error that it tells in spite of its status."""
    answer = object_of(body)
    if answer.get("error"):
        raise _of_body(500, {}, answer)
    message = answer.get("message")
    if not isinstance(message, dict):
        raise MalformedError("message: must be an object")
    if answer.get("done") is not True:
        raise MalformedError("the answer is not done")
    whole = _Whole()
    for _ in whole.add(message):
        pass
    return whole.response(answer)


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Return the error that a status other than 2xx tells; `body` may be anything."""
    try:
        return _of_body(status, headers, object_of(body))
    except MalformedError:
        text = body[:2000].decode("utf-8", errors="replace")
        return error_of(status, "" if "<" in text[:200] else text, headers)


def _of_body(status: int, headers: Mapping[str, str], answer: Mapping[str, Any]) -> ProviderError:
    said = answer.get("error")
    message = said if isinstance(said, str) else str(mapping(said).get("message") or "")
    kind: type[ProviderError] | None = None
    if re.search(r"(?i)exceeds? (?:the )?(?:available )?context|context (?:length|window) exceeded", message):
        kind = TooLongError
    elif re.search(r"(?i)model .{1,200} not found|try pulling it", message):
        kind = NotFoundError
    elif re.search(r"(?i)server busy|maximum pending requests", message):
        kind = OverloadedError
    elif status == 400 and "does not support" in message:
        kind = BadRequestError
    return error_of(status, message, headers, kind)


class _Whole:
    """The parts of an answer while it grows: what was thought, what is said, then the calls."""

    def __init__(self) -> None:
        self.words: dict[str, tuple[int, list[str]]] = {}
        self.calls: list[tuple[int, ToolCall]] = []
        self.size = 0

    @property
    def begun(self) -> bool:
        return bool(self.words or self.calls)

    def add(self, message: Mapping[str, Any]) -> Iterator[Delta]:
        for field, kind in (("thinking", "thinking"), ("content", "text")):
            piece = message.get(field)
            if piece is None or piece == "":
                continue
            if not isinstance(piece, str):
                raise MalformedError(f"message.{field}: must be a text")
            index, pieces = self.words.setdefault(field, (len(self.words) + len(self.calls), []))
            self._grow(len(piece))
            pieces.append(piece)
            yield Delta("thinking" if kind == "thinking" else "text", index, piece)
        calls = message.get("tool_calls")
        if calls is not None and not isinstance(calls, list):
            raise MalformedError("message.tool_calls: must be a list")
        for raw in calls or ():
            try:
                call = call_of(raw, "message.tool_calls", len(self.calls))
            except BadRequestError as error:
                raise MalformedError(error.detail) from error
            self._grow(1000)
            self.calls.append((len(self.words) + len(self.calls), call))
            yield Delta("tool_call", self.calls[-1][0], compact(call.arguments), id=call.id, name=call.name)

    def response(self, last: Mapping[str, Any]) -> Response:
        parts: list[tuple[int, Part]] = [*self.calls]
        for field, (index, pieces) in self.words.items():
            text = "".join(pieces)
            parts.append((index, Thinking(text) if field == "thinking" else Text(text)))
        native = last.get("done_reason")
        finish: FinishReason = _FINISHES.get(str(native), "unknown") if native is not None else "stop"
        if self.calls and finish == "stop":
            finish, native = "tool_calls", None  # this wire has no word for it; other wires read its "stop" as the end
        return Response(
            model=str(last.get("model") or ""),
            parts=tuple(part for _, part in sorted(parts, key=lambda pair: pair[0])),
            finish=finish,
            usage=usage_of(last),
            native_finish=native if isinstance(native, str) else None,
            extra={name: value for name, value in last.items() if name not in _READ and value is not None},
        )

    def _grow(self, size: int) -> None:
        self.size += size
        if self.size > LARGEST:
            raise MalformedError(f"the answer is longer than {LARGEST} characters")


def usage_of(answer: Mapping[str, Any]) -> Usage:
    """Return the tokens of an answer; Ollama leaves a count out where it is 0 or was served from memory."""
    prompt, output = tokens(answer, "prompt_eval_count"), tokens(answer, "eval_count")
    return MISSING if prompt is None and output is None else Usage(input_tokens=prompt, output_tokens=output)


class Reader:
    """Reads one answer in JSON lines; see `tokenop.providers.base.StreamReader`."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._size = 0
        self._whole = _Whole()
        self._started = False
        self._response: Response | None = None

    def feed(self, data: bytes) -> Iterator[Delta]:
        """Yield what `data` completes. Raises MalformedError, or the ProviderError that the stream itself tells."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            whole = b"".join([*self._rest, line])
            self._rest.clear()
            self._size = 0
            yield from self._line(whole)
        self._size += len(rest)
        if self._size > LONGEST_EVENT:
            raise self._late(MalformedError(f"the stream holds a line of more than {LONGEST_EVENT} bytes"))
        if rest:
            self._rest.append(rest)

    def end(self) -> Response:
        """Return the whole answer. Raises MalformedError where the stream was cut before its end."""
        for _ in self.feed(b"\n"):
            pass
        if self._response is None:
            raise self._late(MalformedError("the stream ended before the answer did"))
        return self._response

    def left(self) -> bytes:
        """Return nothing: the bytes of this wire go to nobody."""
        return b""

    def _late(self, error: ProviderError) -> ProviderError:
        error.after_first_token = self._whole.begun
        return error

    def _line(self, line: bytes) -> Iterator[Delta]:
        if self._response is not None or not line.strip():
            return
        try:
            chunk = object_of(line)
            if chunk.get("error"):
                raise _of_body(500, {}, chunk)
            if not self._started:
                self._started = True
                yield Delta("start", name=str(chunk.get("model") or ""))
            message = chunk.get("message")
            if message is not None and not isinstance(message, dict):
                raise MalformedError("message: must be an object")
            yield from self._whole.add(message or {})
        except ProviderError as error:
            raise self._late(error) from error
        if chunk.get("done") is True:
            self._response = self._whole.response(chunk)
            if self._response.usage is not MISSING:
                yield Delta("usage", usage=self._response.usage)
            yield Delta("end", usage=self._response.usage, response=self._response)
