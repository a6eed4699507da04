"""Reads one streamed answer of the Messages API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenop.providers.errors import MalformedError, ProviderError
from tokenop.providers.formats.anthropic import failures, quick, responses, usage
from tokenop.providers.formats.fields import arguments_of, compact, object_of
from tokenop.providers.formats.gathering import Carrier, Grown, gathered
from tokenop.providers.formats.sse import Event, EventParser
from tokenop.providers.model import Delta, Native, Part, Response, Text, Thinking


@dataclass(slots=True)
class _Block:
    """A block of the answer as far as it has come. `pieces` are those of its text, thoughts or arguments."""

    start: dict[str, Any]
    pieces: list[str] = field(default_factory=list)
    stopped: bool = False

    @property
    def kind(self) -> str:
        return str(self.start.get("type"))

    def part(self, where: str) -> Part:
        """Return the part that came. Raises MalformedError."""
        joined = "".join(self.pieces)
        if self.kind == "tool_use" and joined:
            return responses.with_arguments(self.start, joined, where)
        return responses.read_part(self.whole(joined), where)

    def whole(self, joined: str) -> dict[str, Any]:
        """Return the block as an answer that is not streamed would hold it."""
        name = {"text": "text", "thinking": "thinking"}.get(self.kind)
        if name is not None:
            said = self.start.get(name)
            return {**self.start, name: (said if isinstance(said, str) else "") + joined}
        if not joined:
            return self.start
        arguments = arguments_of(joined)
        return {**self.start, "input": joined if arguments is None else arguments}


class Reader:
    """Gathers one answer from its stream. `begun` says whether part of the answer itself has come."""

    def __init__(self, *, keep_raw: bool = False) -> None:
        self.begun = False
        self._events = EventParser()
        self._carrier = Carrier() if keep_raw else None
        self._message: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, _Block] = {}
        self._response: Response | None = None

    def feed(self, data: bytes) -> Iterator[Delta]:
        """Yield what `data` completes.

        Raises:
            MalformedError: the stream is not what the wire promises.
            ProviderError: the stream itself tells an error.
        """
        yield from self._read(lambda: self._events.feed(data))

    def end(self) -> Response:
        """Return the whole answer. Raises MalformedError where the stream was cut before its end."""
        for _ in self._read(self._events.end):
            pass
        if self._response is None:
            cut = "the stream was cut before its end" if self._message else "the stream holds no message"
            raise MalformedError(cut, after_first_token=self.begun)
        return self._response

    def left(self) -> bytes:
        """Return the bytes that came and went with no piece."""
        return b"" if self._carrier is None else self._carrier.left() + self._events.left()

    def _read(self, events: Callable[[], Iterator[Event]]) -> Iterator[Delta]:
        try:
            yield from gathered(events(), self._quick, self._event, self._carrier)
        except ProviderError as error:
            error.after_first_token = self.begun
            raise

    def _quick(self, event: Event) -> Grown | None:
        """Return the piece of a block that `event` is; None where it must be looked at more closely."""
        if event.name != "content_block_delta" or self._response is not None:
            return None
        told = quick.read(event.data)
        block = None if told is None else self._blocks.get(told.index)
        if told is None or block is None or block.stopped:
            return None
        match told.delta:
            case quick.TextDelta(piece) if block.kind == "text":
                block.pieces.append(piece)
                return "text", told.index, piece
            case quick.InputDelta(piece) if block.kind == "tool_use":
                block.pieces.append(piece)
                return "tool_call", told.index, piece
            case quick.ThinkingDelta(piece) if block.kind == "thinking":
                block.pieces.append(piece)
                return "thinking", told.index, piece
        return None

    def _event(self, event: Event) -> Iterator[Delta]:
        if self._response is not None:
            return
        told = object_of(event.data)
        match told.get("type", event.name):
            case "message_start":
                yield self._start(told)
            case "error":
                raise failures.of_event(told)
            case "content_block_start" | "content_block_delta" | "content_block_stop" as kind:
                self._wants_start()
                yield from self._block_event(kind, told)
            case "message_delta":
                self._wants_start()
                delta, counted = told.get("delta"), told.get("usage")
                self._message |= delta if isinstance(delta, dict) else {}
                self._usage = usage.merged(self._usage, counted if isinstance(counted, dict) else {})
                yield Delta("usage", usage=usage.read(self._usage))
            case "message_stop":
                self._wants_start()
                yield from self._stop()
            case _:
                pass  # ping, and what later versions of the wire may add

    def _wants_start(self) -> None:
        if not self._message:
            raise MalformedError("the stream does not begin with message_start")

    def _start(self, told: Mapping[str, Any]) -> Delta:
        message = told.get("message")
        if self._message or not isinstance(message, dict):
            raise MalformedError("the stream begins twice" if self._message else "message_start holds no message")
        self._message = {name: value for name, value in message.items() if name != "usage"}
        counted = message.get("usage")
        self._usage = dict(counted) if isinstance(counted, dict) else {}
        begin = responses.assembled({**self._message, "usage": self._usage}, ())
        return Delta("start", id=begin.id, name=begin.model, usage=begin.usage)

    def _block_event(self, kind: str, told: Mapping[str, Any]) -> Iterator[Delta]:
        index = told.get("index")
        if not isinstance(index, int) or isinstance(index, bool):
            raise MalformedError(f"{kind} does not say of which block")
        where = f"content[{index}]"
        if kind == "content_block_start":
            start = told.get("content_block")
            if not isinstance(start, dict) or index in self._blocks:
                raise MalformedError(f"{where} begins twice, or with nothing")
            self.begun = True
            self._blocks[index] = _Block(dict(start))
            yield from self._begin(index, self._blocks[index])
            return
        block = self._blocks.get(index)
        if block is None or block.stopped:
            raise MalformedError(f"{kind} for {where}, which is not open")
        if kind == "content_block_stop":
            yield from self._end_block(index, block)
            return
        delta = told.get("delta")
        if not isinstance(delta, dict) or not isinstance(delta.get("type"), str):
            raise MalformedError(f"{where}: a delta that is none")
        yield from self._grow(index, block, delta)

    def _begin(self, index: int, block: _Block) -> Iterator[Delta]:
        """Yield what the start of a block already says, if only that it begins."""
        start = {"input": {}, **block.start} if block.kind == "tool_use" else block.start
        part = responses.read_part(start, f"content[{index}]")
        match part:
            case Text(text, _, extra):
                yield Delta("text", index, text, data=dict(extra) or None)
            case Thinking(_, _, redacted) if redacted is not None:
                yield Delta("thinking", index, data={"redacted": redacted})
            case Thinking(text, signature):
                yield Delta("thinking", index, text, data=None if signature is None else {"signature": signature})
        if block.kind == "tool_use":
            given = block.start.get("input")
            yield Delta("tool_call", index, compact(given) if given else "", block.start["id"], block.start["name"])

    def _grow(self, index: int, block: _Block, delta: Mapping[str, Any]) -> Iterator[Delta]:
        match delta:
            case {"type": "text_delta", "text": str(piece)} if block.kind == "text":
                block.pieces.append(piece)
                yield Delta("text", index, piece)
            case {"type": "thinking_delta", "thinking": str(piece)} if block.kind == "thinking":
                block.pieces.append(piece)
                yield Delta("thinking", index, piece)
            case {"type": "input_json_delta", "partial_json": str(piece)}:
                block.pieces.append(piece)
                if block.kind == "tool_use":
                    yield Delta("tool_call", index, piece)
            case {"type": "signature_delta", "signature": str(piece)} if block.kind == "thinking":
                before = block.start.get("signature")
                block.start["signature"] = (before if isinstance(before, str) else "") + piece
                yield Delta("thinking", index, data={"signature": piece})
            case {"type": "citations_delta", "citation": dict(citation)} if block.kind == "text":
                cited = block.start.get("citations")
                block.start["citations"] = [*(cited if isinstance(cited, list) else ()), citation]
                yield Delta("text", index, data={"citations": [citation]})
            case {"type": "text_delta" | "thinking_delta" | "input_json_delta" | "signature_delta" as kind}:
                raise MalformedError(f"content[{index}]: a {kind} in a block of the type {block.kind}")
            case _:
                self._unknown(block, delta)

    def _unknown(self, block: _Block, delta: Mapping[str, Any]) -> None:
        """Take a delta that only its block understands: texts grow, all else is replaced."""
        for name, value in delta.items():
            if name != "type":
                before = block.start.get(name)
                grows = isinstance(value, str) and isinstance(before, str)
                block.start[name] = before + value if grows else value

    def _end_block(self, index: int, block: _Block) -> Iterator[Delta]:
        block.stopped = True
        part = block.part(f"content[{index}]")
        if isinstance(part, Native):
            yield Delta("native", index, data=part.data)

    def _stop(self) -> Iterator[Delta]:
        for index, block in sorted(self._blocks.items()):
            if not block.stopped:
                yield from self._end_block(index, block)
        found = tuple(block.part(f"content[{index}]") for index, block in sorted(self._blocks.items()))
        self._response = responses.assembled({**self._message, "usage": self._usage or None}, found)
        yield Delta("end", usage=self._response.usage, response=self._response)
