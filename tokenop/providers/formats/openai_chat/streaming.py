"""A streamed answer of chat completions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from tokenop.providers.errors import MalformedError
from tokenop.providers.formats.fields import mapping, object_of
from tokenop.providers.formats.gathering import Carrier, Grown, gathered
from tokenop.providers.formats.openai_chat import problems, quick, responses
from tokenop.providers.formats.openai_chat.reading import tool_call
from tokenop.providers.formats.sse import Event, EventParser
from tokenop.providers.model import MISSING, Delta, Part, Response, Text, Thinking

REFUSAL: Mapping[str, Any] = MappingProxyType({"refusal": True})
MOST_CALLS = 1000
LARGEST = 64 * 1024 * 1024
# What the last chunks say of the whole answer.
_OF_ALL = frozenset({"system_fingerprint", "service_tier", "x_groq", "usage_breakdown", "provider", "citations"})
_ENDS = frozenset({"finish_reason", "stop_reason", "matched_stop"})


class _Piece:
    """A part of the answer while it grows."""

    def __init__(self, kind: str, index: int) -> None:
        self.kind = kind
        self.index = index
        self.pieces: list[str] = []
        self.id: str | None = None
        self.name = ""

    def whole(self) -> Part:
        text = "".join(self.pieces)
        if self.kind == "thinking":
            return Thinking(text)
        if self.kind == "text":
            return Text(text)
        if self.kind == "refusal":
            return Text(text, extra={"refusal": True})
        if not self.name:
            raise MalformedError("the stream holds a tool call without a name")
        return tool_call(self.id or f"call_{self.index}", self.name, text)


class Reader:
    """Reads one streamed answer; see `tokenop.providers.base.StreamReader`.

    `without_usage`: the chunk that holds the usage alone is in nobody's `raw`.
    """

    def __init__(self, *, keep_raw: bool = False, without_usage: bool = False) -> None:
        self._events = EventParser()
        self._carrier = Carrier() if keep_raw else None
        self._without_usage = without_usage
        self._parts: list[_Piece] = []
        self._words: dict[str, _Piece] = {}
        self._calls: dict[int, _Piece] = {}
        self._id: str | None = None
        self._model: str | None = None
        self._choice: dict[str, Any] = {}
        self._usage = MISSING
        self._beside: dict[str, Any] = {}
        self._tools: dict[int, dict[str, Any]] = {}
        self._size = 0
        self._done = False

    def feed(self, data: bytes) -> Iterator[Delta]:
        """Yield what `data` completes.

        Raises:
            MalformedError: the stream is not what the wire promises; `after_first_token` where part was told.
            ProviderError: the error that the stream itself tells.
        """
        try:
            yield from gathered(self._events.feed(data), self._quick, self._event, self._carrier)
        except MalformedError as error:
            raise self._late(error) from error

    def end(self) -> Response:
        """Return the whole answer.

        Raises:
            MalformedError: the stream was cut before its end.
        """
        if not self._done:
            for event in self._events.end():
                if self._carrier is not None:
                    self._carrier.take(event.raw)
                for _ in self._event(event):
                    pass
        if not self._choice.get("finish_reason"):
            # llama.cpp's server answers 200 and nothing at all to a prompt that is too long.
            begun = "did" if self._parts else "began: the server may have failed without a word"
            raise self._late(MalformedError(f"the stream ended before the answer {begun}"))
        parts = tuple(piece.whole() for piece in self._parts)
        beside = dict(self._beside)
        if self._tools:
            beside["message"] = {"executed_tools": [self._tools[at] for at in sorted(self._tools)]}
        return Response(
            model=self._model or "",
            parts=parts,
            finish=responses.finish_of(self._choice, parts),
            usage=self._usage,
            id=self._id,
            native_finish=str(self._choice["finish_reason"]),
            extra=beside,
        )

    def left(self) -> bytes:
        """Return the bytes that came and went with no piece."""
        return b"" if self._carrier is None else self._carrier.left() + self._events.left()

    def _late(self, error: MalformedError) -> MalformedError:
        error.after_first_token = bool(self._parts)
        return error

    def _quick(self, event: Event) -> Grown | None:
        """Return the piece of text that `event` is; None where it must be looked at more closely."""
        if self._model is None or self._done or event.name != "message":
            return None
        chunk = quick.read(event.data)
        if chunk is None:
            return None
        words = chunk.choices[0].delta.content
        if not words:
            return None
        for name, said in (("system_fingerprint", chunk.system_fingerprint), ("service_tier", chunk.service_tier)):
            if said is not None:
                self._beside[name] = said
        piece = self._words.get("text")
        if piece is None:
            piece = self._words["text"] = self._new("text")
        self._grow(piece, words)
        return ("text", piece.index, words)

    def _event(self, event: Event) -> Iterator[Delta]:
        if self._done or not event.data:
            return
        if event.data.strip() == "[DONE]":
            self._done = True
            response = self.end()
            yield Delta("end", usage=response.usage, response=response)
            return
        chunk = object_of(event.data)
        if chunk.get("error") or event.name == "error":
            raised = problems.of_body(200, {}, chunk)
            raised.after_first_token = bool(self._parts)
            raise raised
        yield from self._chunk(chunk)

    def _chunk(self, chunk: dict[str, Any]) -> Iterator[Delta]:
        if self._model is None:
            # The first chunk of Azure has no model and no choices: it tells what its filter says of the prompt.
            self._model = _text(chunk.get("model"))
            self._id = _text(chunk.get("id"))
            if self._model is not None:
                yield Delta("start", id=self._id, name=self._model)
        self._beside |= {name: chunk[name] for name in _OF_ALL & chunk.keys() if chunk[name] is not None}
        choices = chunk.get("choices")
        if choices is not None and not isinstance(choices, list):
            raise MalformedError("choices: must be a list")
        for choice in choices or ():
            item = mapping(choice)
            if item.get("index", 0) != 0:
                continue
            self._choice |= {name: item[name] for name in _ENDS & item.keys() if item[name] is not None}
            delta = mapping(item.get("delta")) or mapping(item.get("message"))
            if delta:
                yield from self._delta(delta)
        told = chunk.get("usage") or mapping(chunk.get("x_groq")).get("usage")
        usage = responses.usage_of(told) if told else MISSING
        if usage is not MISSING:
            if self._without_usage and self._carrier is not None and not choices:
                self._carrier.drop()
            self._usage = usage
            yield Delta("usage", usage=usage)

    def _delta(self, delta: Any) -> Iterator[Delta]:
        thought = delta.get("reasoning") or delta.get("reasoning_content")
        for kind, words in (("thinking", thought), ("text", delta.get("content")), ("refusal", delta.get("refusal"))):
            if words is None or words == "":
                continue
            if not isinstance(words, str):
                raise MalformedError(f"a piece of {kind} must be a text")
            piece = self._words.get(kind)
            if piece is None:
                piece = self._words[kind] = self._new(kind)
            self._grow(piece, words)
            if kind == "refusal":
                yield Delta("text", piece.index, words, data=REFUSAL)
            else:
                yield Delta("thinking" if kind == "thinking" else "text", piece.index, words)
        calls = delta.get("tool_calls")
        if calls is not None and not isinstance(calls, list):
            raise MalformedError("tool_calls: must be a list")
        for call in calls or ():
            yield from self._call(mapping(call))
        ran = delta.get("executed_tools")
        for tool in ran if isinstance(ran, list) else ():
            # Groq's compound models tell each tool twice: when it starts, and with what it found.
            index = mapping(tool).get("index")
            self._tools[index if isinstance(index, int) else len(self._tools)] = dict(mapping(tool))

    def _call(self, call: Any) -> Iterator[Delta]:
        function = mapping(call.get("function"))
        call_id, name, words = _text(call.get("id")), _text(function.get("name")), function.get("arguments")
        piece = self._piece_of(call.get("index"), call_id)
        first = not piece.name and piece.id is None
        piece.id = piece.id or call_id
        if name and not piece.name:
            piece.name = name
        if words is not None and not isinstance(words, str):
            raise MalformedError("a piece of a tool call's arguments must be a text")
        if words:
            self._grow(piece, words)
        if first or words:
            yield Delta(
                "tool_call", piece.index, words or "", id=piece.id if first else None, name=name if first else None
            )

    def _piece_of(self, index: Any, call_id: str | None) -> _Piece:
        """Return the call that a piece belongs to. Some servers leave the index out, or give every call index 0."""
        if not isinstance(index, int) or isinstance(index, bool):
            index = len(self._calls) if call_id or not self._calls else max(self._calls)
        known = self._calls.get(index)
        if known is not None and call_id and known.id and known.id != call_id:
            by_id = next((at for at, piece in self._calls.items() if piece.id == call_id), None)
            index = by_id if by_id is not None else max(self._calls) + 1
            known = self._calls.get(index)
        if known is None:
            if len(self._calls) >= MOST_CALLS:
                raise MalformedError(f"the stream holds more than {MOST_CALLS} tool calls")
            known = self._calls[index] = self._new("tool_call")
        return known

    def _new(self, kind: str) -> _Piece:
        piece = _Piece(kind, len(self._parts))
        self._parts.append(piece)
        return piece

    def _grow(self, piece: _Piece, words: str) -> None:
        self._size += len(words)
        if self._size > LARGEST:
            raise MalformedError(f"the answer is longer than {LARGEST} characters")
        piece.pieces.append(words)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
