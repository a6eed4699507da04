"""When two bodies of one wire mean the same: differences that the provider's documentation calls none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# A field that holds this says what leaving it out says.
_ANTHROPIC_DEFAULTS: Mapping[str, Any] = {
    "stream": False,
    "is_error": False,
    "caller": {"type": "direct"},
    "citations": [],
}


def without_nulls(value: Any) -> Any:
    """Return a JSON value without the fields that are null, and without a `stream` that is false."""
    if isinstance(value, Mapping):
        said = {name: each for name, each in value.items() if each is not None and (name, each) != ("stream", False)}
        return {name: without_nulls(each) for name, each in said.items()}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


def anthropic(value: Any) -> Any:
    """Return a body of the Messages API, defaults left out and short forms written out."""
    if isinstance(value, list):
        return [anthropic(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    found = {}
    for name, each in value.items():
        if each is None or _ANTHROPIC_DEFAULTS.get(name, _ANTHROPIC_DEFAULTS) == each:
            continue
        if name in {"content", "system"} and isinstance(each, str):
            each = [{"type": "text", "text": each}]
        if name == "cache_control":
            each = {"ttl": "5m", **each}
        found[name] = anthropic(each)
    return found


def openai(value: Any) -> Any:
    """Return a body of chat completions without what says the default: one answer, no stream."""
    said = {name: each for name, each in without_nulls(value).items() if (name, each) != ("n", 1)}
    if "messages" in said:
        said["messages"] = [_without_silence(message) for message in said["messages"]]
    if "choices" in said:
        said["choices"] = [{**each, "message": _without_silence(each["message"])} for each in said["choices"]]
    return said


def _without_silence(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message; one that calls tools and says nothing may say so or not, and calls may be numbered."""
    if "tool_calls" not in message:
        return dict(message)
    kept = {name: each for name, each in message.items() if (name, each) != ("content", "")}
    calls = [{name: each for name, each in call.items() if name != "index"} for call in message["tool_calls"]]
    return {**kept, "tool_calls": calls}


MEANINGS: Mapping[str, Callable[[Any], Any]] = {"anthropic-messages": anthropic, "openai-chat": openai}


def same(format_name: str, one: Any, other: Any) -> bool:
    """Return whether two bodies of a wire mean the same."""
    meaning = MEANINGS.get(format_name, without_nulls)
    return bool(meaning(one) == meaning(other))
