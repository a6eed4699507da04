"""An answer that came all at once, as the stream it might have been."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.providers.formats.fields import compact
from tokenop.providers.model import Delta, Native, Response, Text, Thinking, ToolCall


def deltas(response: Response) -> Iterator[Delta]:
    """Yield `response`, one Delta a part; the last is `end`."""
    yield Delta("start", id=response.id, name=response.model)
    for index, part in enumerate(response.parts):
        if isinstance(part, Text):
            yield Delta("text", index, part.text, data=dict(part.extra) or None)
        elif isinstance(part, Thinking):
            signs = {"signature": part.signature, "redacted": part.redacted}
            said = {name: value for name, value in signs.items() if value is not None}
            yield Delta("thinking", index, part.text, data=said or None)
        elif isinstance(part, ToolCall):
            words = part.raw if part.raw is not None else compact(dict(part.arguments or {}))
            yield Delta("tool_call", index, words, part.id, part.name)
        elif isinstance(part, Native):
            yield Delta("native", index, data=part.data)
    yield Delta("usage", usage=response.usage)
    yield Delta("end", usage=response.usage, response=response)
