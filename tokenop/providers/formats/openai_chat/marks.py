"""Words that reading and writing share."""

from __future__ import annotations

NAME = "openai-chat"

# This wire cannot say that a tool failed: its answer says so in its first words, and is read back from them.
TOOL_ERROR = "[tool error] "

# What other wires say to make a request cheaper, not another one: it may be left out.
ADVICE = frozenset({"cache_control", "prompt_cache_key", "prompt_cache_options", "prompt_cache_breakpoint"})
