"""Anthropic's counts of tokens and the canonical ones, both ways.

Anthropic's `input_tokens` leaves out what was read from or written to a cache; the canonical one includes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from tokenop.providers.formats.fields import mapping, tokens
from tokenop.providers.model import MISSING, Usage

_READ, _WRITTEN = "cache_read_input_tokens", "cache_creation_input_tokens"
_DETAILS = (("cache_creation", "ephemeral_1h_input_tokens"), ("output_tokens_details", "thinking_tokens"))
_KNOWN = frozenset({"input_tokens", "output_tokens", _READ, _WRITTEN})


def read(said: Any) -> Usage:
    """Return the canonical usage of a `usage` object; `MISSING` where it says nothing."""
    if not isinstance(said, Mapping):
        return MISSING
    fresh, output, was_read, written = (
        tokens(said, name) for name in ("input_tokens", "output_tokens", _READ, _WRITTEN)
    )
    hour, thinking = (tokens(mapping(said.get(group)), name) for group, name in _DETAILS)
    usage = Usage(
        input_tokens=None if fresh is None else fresh + (was_read or 0) + (written or 0),
        output_tokens=output,
        cache_read_input_tokens=was_read,
        cache_creation_input_tokens=written,
        # A stream says the parts of what was written at its start only, and the whole again at its end.
        cache_creation_1h_input_tokens=None if hour is None else min(hour, hour if written is None else written),
        reasoning_output_tokens=thinking,
    )
    told = any(getattr(usage, each.name) is not None for each in fields(usage) if each.name != "source")
    return usage if told else MISSING


def rest(said: Any) -> dict[str, Any]:
    """Return what a `usage` object says that a canonical usage cannot: service tier, server tools, iterations."""
    if not isinstance(said, Mapping):
        return {}
    left = {name: value for name, value in said.items() if name not in _KNOWN and value is not None}
    for group, _ in _DETAILS:
        known = ("ephemeral_1h_input_tokens", "ephemeral_5m_input_tokens", "thinking_tokens")
        if isinstance(left.get(group), Mapping) and set(left[group]) <= set(known):
            del left[group]
    return left


def merged(start: Mapping[str, Any], end: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a stream says at its start, overridden by what it says at its end."""
    return {**start, **{name: value for name, value in end.items() if value is not None}}


def write(usage: Usage) -> dict[str, Any]:
    """Return the `usage` object that says `usage`. What is unknown is null, although Anthropic itself sends numbers."""
    was_read, written = usage.cache_read_input_tokens, usage.cache_creation_input_tokens
    hour, total = usage.cache_creation_1h_input_tokens, usage.input_tokens
    said: dict[str, Any] = {
        "input_tokens": None if total is None else max(total - (was_read or 0) - (written or 0), 0),
        _WRITTEN: written,
        _READ: was_read,
        "output_tokens": usage.output_tokens,
    }
    if hour is not None:
        five = None if written is None else max(written - hour, 0)
        said["cache_creation"] = {"ephemeral_5m_input_tokens": five, "ephemeral_1h_input_tokens": hour}
    if usage.reasoning_output_tokens is not None:
        said["output_tokens_details"] = {"thinking_tokens": usage.reasoning_output_tokens}
    return said
