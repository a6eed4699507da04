"""One request and one response, whatever provider speaks.

Everything is frozen and hashable by identity only; mappings are read, never changed. A part that only one format knows
travels as `Native`: it comes out of that format as it went in, and every other format refuses it by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]
Ttl = Literal["5m", "1h"]
UsageSource = Literal["reported", "estimated", "missing"]
FinishReason = Literal["stop", "stop_sequence", "length", "tool_calls", "refused", "paused", "unknown"]
NOTHING: Mapping[str, Any] = MappingProxyType({})


def nothing() -> Mapping[str, Any]:
    """Return an empty mapping; up to Python 3.11 dataclasses take no mapping proxy as a plain default."""
    return NOTHING


@dataclass(frozen=True, slots=True)
class Text:
    """Words. `cache` asks the provider to cache everything up to and with this part."""

    text: str
    cache: Ttl | None = None
    extra: Mapping[str, Any] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True)
class Image:
    """A picture: base64 `data` of `media_type`, or a `url`; exactly one of `data` and `url` is set."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    cache: Ttl | None = None
    extra: Mapping[str, Any] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True)
class Thinking:
    """What a model thought. `signature` and `redacted` must come back unchanged to the provider that gave them."""

    text: str
    signature: str | None = None
    redacted: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model asks for. `arguments` is None where `raw` is not a JSON object; `raw` is as it came."""

    id: str
    name: str
    arguments: Mapping[str, Any] | None
    raw: str | None = None
    cache: Ttl | None = None
    extra: Mapping[str, Any] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered to the call `call_id`."""

    call_id: str
    parts: tuple[Part, ...]
    is_error: bool = False
    cache: Ttl | None = None
    extra: Mapping[str, Any] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True)
class Native:
    """A part that only `format` knows (a server's tool, a document, a search result), as it stands on the wire."""

    format: str
    data: Mapping[str, Any]


Part = Text | Image | Thinking | ToolCall | ToolResult | Native


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. Results of tools are parts of a user's turn, whichever role a wire gives them."""

    role: Role
    parts: tuple[Part, ...]
    extra: Mapping[str, Any] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may call. `schema` is the JSON Schema of its arguments; `native` a server's own tool."""

    name: str
    description: str | None = None
    schema: Mapping[str, Any] = field(default_factory=nothing)
    strict: bool | None = None
    cache: Ttl | None = None
    native: Native | None = None
    extra: Mapping[str, Any] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Whether a tool must be called: `auto`, `none`, `any`, or `tool` with its `name`. `parallel` None: not said."""

    kind: Literal["auto", "none", "any", "tool"]
    name: str | None = None
    parallel: bool | None = None


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """The shape that an answer must have: any JSON, or JSON that fits `schema`."""

    kind: Literal["json", "json_schema"]
    schema: Mapping[str, Any] | None = None
    name: str | None = None
    strict: bool | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class AsSent:
    """A request as its caller put it on the wire `format`: a provider of the same wire gets it so, word for word.

    Whoever changes a request otherwise than by `to` sets `as_sent` to None with it. `headers` are those that only the
    wire's providers understand, by their lower-case names.
    """

    format: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a model. None is "not said", never a default of ours.

    `max_output_tokens` counts tokens. `extra`, here and in messages, parts and tools, holds the fields of the wire
    that only `extra_format` knows; another format refuses them by name.
    """

    model: str
    messages: tuple[Message, ...]
    system: tuple[Part, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    answer_format: AnswerFormat | None = None
    reasoning_effort: str | None = None
    stream: bool = False
    user_id: str | None = None
    extra: Mapping[str, Any] = field(default_factory=nothing)
    extra_format: str | None = None
    as_sent: AsSent | None = field(default=None, compare=False, repr=False)

    def to(self, model: str) -> Request:
        """Return the same request to another model; the request itself where it is to that model already."""
        return self if model == self.model else self.changed(model=model)

    def changed(self, **said: Any) -> Request:
        """Return the request with some fields changed: `dataclasses.replace` several times as fast."""
        values = list(_all_of(self))
        for name, value in said.items():
            values[_PLACES[name]] = value
        return Request(*values)


_PLACES: Mapping[str, int] = {name: place for place, name in enumerate(Request.__slots__)}
_all_of = attrgetter(*_PLACES)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call in the buckets of the canonical event; None is unknown.

    `input_tokens` includes what was read from and written to a cache, as the event does;
    `cache_creation_1h_input_tokens` is part of `cache_creation_input_tokens`, `reasoning_output_tokens` of
    `output_tokens`.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation_1h_input_tokens: int | None = None
    reasoning_output_tokens: int | None = None
    source: UsageSource = "reported"


MISSING = Usage(source="missing")


@dataclass(frozen=True, slots=True)
class Response:
    """What a model answered. `extra` holds what only the format knows; `native_finish` is the wire's own word.

    `raw` is the body as it came, where a sender hands it on for callers who speak the same wire.
    """

    model: str
    parts: tuple[Part, ...]
    finish: FinishReason
    usage: Usage = MISSING
    id: str | None = None
    native_finish: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    raw: bytes | None = field(default=None, compare=False, repr=False)

    def with_raw(self, raw: bytes) -> Response:
        """Return the same answer with the body that it came as."""
        return Response(
            self.model, self.parts, self.finish, self.usage, self.id, self.native_finish, self.extra, raw
        )  # fmt: skip

    @property
    def text(self) -> str:
        """Return the words of the answer, without what was thought."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Return the calls that the model asks for."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a streamed answer: of the part at `index`, as it came.

    `kind` is `start` (id and model are known), `text`, `thinking`, `tool_call` (`id` and `name` with its first piece),
    `native`, `usage` or `end` (`response` is whole). `raw` are the bytes that came since the piece before,
    where a sender hands them on for callers who speak the same wire.
    """

    kind: Literal["start", "text", "thinking", "tool_call", "native", "usage", "end"]
    index: int = 0
    text: str = ""
    id: str | None = None
    name: str | None = None
    usage: Usage | None = None
    response: Response | None = None
    data: Mapping[str, Any] | None = None
    raw: bytes | None = field(default=None, compare=False, repr=False)
