"""What is known of a call before it is answered, as the facts that rules ask about."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from tokenop.providers.model import Image, ToolResult
from tokenop.routing.model import Facts, Value

if TYPE_CHECKING:
    from tokenop.providers.model import Part, Request

# Longer texts are no names of anything, and a rule must not be slow because somebody sends a long one.
LONGEST_TEXT = 512
LARGEST = 10**9

# Fact → the type that it has in a rule's `when`, and what it is. The order is that of the documentation.
FACTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "intent": ("VARCHAR", "what the caller says the call is for, such as `summarise`"),
        "user_id": ("VARCHAR", "who asks"),
        "department": ("VARCHAR", "the part of the organisation that pays"),
        "tenant": ("VARCHAR", "the customer for whom it is asked"),
        "session_id": ("VARCHAR", "the conversation"),
        "task_id": ("VARCHAR", "the task of several calls"),
        "agent_id": ("VARCHAR", "the agent that asks; unknown where no agent does"),
        "operation": ("VARCHAR", "`chat`, `embeddings` and so on"),
        "domain": ("VARCHAR", "the field of work, where the caller says it"),
        "model": ("VARCHAR", "the model that the request names"),
        "provider": ("VARCHAR", "the provider that the request names"),
        "tier": ("VARCHAR", "the tier that the request names, T1 to T5"),
        "input_tokens": ("BIGINT", "tokens of the prompt, estimated before the call"),
        "output_tokens_limit": ("BIGINT", "most tokens that the answer may have, as asked"),
        "context_length": ("BIGINT", "tokens of the prompt and the limit of the answer together"),
        "has_tools": ("BOOLEAN", "whether the request offers tools"),
        "tool_count": ("BIGINT", "how many tools"),
        "image_count": ("BIGINT", "how many pictures are in the prompt"),
        "stream": ("BOOLEAN", "whether the answer is asked for piece by piece"),
        "temperature": ("DOUBLE", "the temperature asked for"),
        "region": ("VARCHAR", "where the call comes from"),
        "endpoint": ("VARCHAR", "the address that the caller called"),
        "batch": ("BOOLEAN", "whether the answer may take hours"),
    }
)
COLUMNS: Mapping[str, str] = MappingProxyType({name: kind for name, (kind, _) in FACTS.items()})
_KINDS = dict(COLUMNS)  # asked for each fact of each call: without a proxy before it


def facts(**known: Value) -> Facts:
    """Return facts that rules can be asked about: of the right types, unknown where a value makes no sense.

    Empty, unprintably long and wrongly typed texts, negative counts and numbers that are not finite are unknown.

    Raises:
        KeyError: a name that is no fact.
    """
    if not known.keys() <= _KINDS.keys():
        raise KeyError(f"no such facts: {', '.join(sorted(known.keys() - _KINDS.keys()))}")
    checked: dict[str, Value] = {}
    for name, value in known.items():
        if value is None:
            continue
        kind = _KINDS[name]
        # Almost all are what they should be, and that is seen without a call.
        if value.__class__ is str:
            if kind == "VARCHAR" and 0 < len(value) <= LONGEST_TEXT:
                checked[name] = value
        elif (sound := _checked(kind, value)) is not None:
            checked[name] = sound
    if "context_length" not in checked:
        asked, limit = checked.get("input_tokens"), checked.get("output_tokens_limit")
        if isinstance(asked, int) and isinstance(limit, int):
            checked["context_length"] = asked + limit
    return MappingProxyType(checked)


def facts_of(request: Request, **known: Value) -> Facts:
    """Return the facts of a request; `known` are those that its body does not say (intent, session_id …).

    `input_tokens` is the caller's estimate: it stays unknown where `known` does not say it.
    """
    said: dict[str, Value] = {
        "model": request.model,
        "user_id": request.user_id,
        "output_tokens_limit": request.max_output_tokens,
        "has_tools": bool(request.tools),
        "tool_count": len(request.tools),
        "image_count": sum(_images(message.parts) for message in request.messages),
        "stream": request.stream,
        "temperature": request.temperature,
    }
    said |= {name: value for name, value in known.items() if value is not None}
    return facts(**said)


def _images(parts: tuple[Part, ...]) -> int:
    inner = sum(_images(part.parts) for part in parts if isinstance(part, ToolResult))
    return inner + sum(isinstance(part, Image) for part in parts)


def _checked(kind: str, value: Value) -> Value:
    if kind == "VARCHAR":
        return value if isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT else None
    if kind == "BOOLEAN":
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= LARGEST:  # neither is what is no number
        return None
    if kind == "DOUBLE":
        return float(value)
    return int(value) if value == int(value) else None
