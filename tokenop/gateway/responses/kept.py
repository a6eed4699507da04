"""One kept answer as a line of a file."""

from __future__ import annotations

import base64
from dataclasses import fields
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from tokenop.providers.model import FinishReason, Image, Native, Part, Response, Text, Thinking, ToolCall, Usage

LONGEST_LINE = 1024 * 1024
MOST_TOKENS = 10**12  # as in the event schema: a hit's row says them
_MOST_USD = 10**12
_PARTS: dict[str, type[Any]] = {
    "text": Text,
    "image": Image,
    "thinking": Thinking,
    "tool_call": ToolCall,
    "native": Native,
}
_NAMES = {kind: (name, tuple(field.name for field in fields(kind))) for name, kind in _PARTS.items()}


class Head(msgspec.Struct, omit_defaults=True):
    """What the index needs of a line: `key` and `partition` in hexadecimal, `vector` in base64, `at` in seconds."""

    key: str
    at: float
    tenant: str | None = None
    partition: str | None = None
    space: str | None = None
    vector: str | None = None

    def ids(self) -> tuple[bytes, bytes | None, bytes | None]:
        """Return key, partition and vector as bytes. Raises ValueError where they are none."""
        if self.partition is None or self.vector is None:
            return bytes.fromhex(self.key), None, None
        return bytes.fromhex(self.key), bytes.fromhex(self.partition), base64.b64decode(self.vector, validate=True)


class Answer(msgspec.Struct, omit_defaults=True):
    """A response; `parts` each with its `type`."""

    model: str
    parts: list[dict[str, Any]]
    finish: FinishReason
    usage: Usage
    id: str | None = None
    native_finish: str | None = None
    extra: dict[str, Any] = {}


class Line(Head, omit_defaults=True, kw_only=True):
    """A whole line. `usd` is what the answer cost when it was fresh, `tokens` what it used; None is unknown."""

    provider: str
    answer: Answer
    tokens: Annotated[int, msgspec.Meta(ge=0, le=MOST_TOKENS)] | None = None
    usd: Decimal | None = None
    quality: float | None = None


_heads = msgspec.json.Decoder(Head)
_lines = msgspec.json.Decoder(Line)
_encoder = msgspec.json.Encoder(enc_hook=dict)  # read-only mappings are written as what they are


def written(line: Line) -> bytes | None:
    """Return the bytes of a line with its end; None where it is too long or no text of files."""
    try:
        raw = _encoder.encode(line)
    except (UnicodeError, TypeError, ValueError, msgspec.MsgspecError):
        return None
    return raw + b"\n" if len(raw) < LONGEST_LINE else None


def head(raw: bytes) -> Head | None:
    """Return what the index needs of a line; None where it is none."""
    try:
        return _heads.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def read(raw: bytes) -> Line | None:
    """Return a whole line; None where it is none."""
    try:
        line = _lines.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    usd = line.usd  # sums of it are shown: one that is no number would be the end of them
    return line if usd is None or (usd.is_finite() and 0 <= usd <= _MOST_USD) else None


def answer_of(response: Response) -> Answer:
    """Return a response fit to be written. Raises KeyError where it holds what no answer holds."""
    parts = []
    for part in response.parts:
        name, names = _NAMES[type(part)]
        said = {"type": name}
        for field in names:
            value = getattr(part, field)
            if value is not None and value != {}:
                said[field] = value
        parts.append(said)
    return Answer(
        response.model,
        parts,
        response.finish,
        response.usage,
        response.id,
        response.native_finish,
        dict(response.extra),
    )


def response_of(answer: Answer) -> Response | None:
    """Return the response that was written; None where a part is none."""
    parts: list[Part] = []
    for said in answer.parts:
        kind = _PARTS.get(said.pop("type", ""))
        if kind is None:
            return None
        if kind is ToolCall:
            said.setdefault("arguments", None)
        try:
            parts.append(msgspec.convert(said, kind))
        except msgspec.ValidationError:
            return None
    return Response(
        answer.model, tuple(parts), answer.finish, answer.usage, answer.id, answer.native_finish, answer.extra
    )


def in_base64(vector: bytes) -> str:
    """Return a packed vector as it stands in a line."""
    return base64.b64encode(vector).decode("ascii")
