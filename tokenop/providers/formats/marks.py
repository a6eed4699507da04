"""Words that several formats share."""

from __future__ import annotations

# A wire that cannot say that a tool failed says so in the answer's first words, and it is read back from them.
TOOL_ERROR = "[tool error] "

# What other wires say to make a request cheaper, or to allow what it then says elsewhere: it may be left out.
ADVICE = frozenset({"betas", "cache_control", "prompt_cache_key", "prompt_cache_options", "prompt_cache_breakpoint"})


def advice(name: str, value: object) -> bool:
    """Return whether a field of another wire may be left out: it is advice, or switches off what is not there."""
    return name in ADVICE or (name == "thinking" and value == {"type": "disabled"})
