"""What Anthropic's models can do at most, where the wire wants a number that a request does not say."""

from __future__ import annotations

import re

# From Anthropic's table of models. A model of a later family is held to what all of them can do.
_MOST_OUTPUT = (
    (re.compile(r"claude-3-(?:opus|sonnet|haiku)|claude-(?:2|instant)"), 4096),
    (re.compile(r"claude-3-5-"), 8192),
)
_ANY_OTHER = 32_000


def most_output(model: str) -> int:
    """Return tokens that `model` may surely be allowed to answer.

    Anthropic's wire demands a limit. A request that says none wants none; this is the largest number that no model of
    the family refuses.
    """
    return next((most for pattern, most in _MOST_OUTPUT if pattern.search(model)), _ANY_OTHER)
