"""Counts of a provider that contradict each other: no event may hold them, and the call was paid all the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CACHED = ("cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation_1h_input_tokens")


def agreed(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an event whose parts are no larger than what they are part of; a part that is larger is unknown.

    Some count what was thought beside the answer, or what was read from a cache beside the prompt.
    """
    get = event.get
    written, reasoning = get("cache_creation_input_tokens") or 0, get("reasoning_output_tokens")
    wrong: tuple[str, ...] = ()
    if (get("cache_read_input_tokens") or 0) + written > (get("input_tokens") or 0):
        wrong = _CACHED
    elif (get("cache_creation_1h_input_tokens") or 0) > written:
        wrong = _CACHED[2:]
    if reasoning and reasoning > (get("output_tokens") or 0):
        wrong += ("reasoning_output_tokens",)
    return {name: value for name, value in event.items() if name not in wrong} if wrong else event
