"""How long a prefix must be for Anthropic to cache it, and how long one is at least."""

from __future__ import annotations

import re

MOST_BREAKPOINTS = 4
# Plain English in the recorded traffic has 4.5 to 4.9 characters a token. More a token than that counts too few
# tokens, so that what is said to be long enough is.
CHARACTERS_A_TOKEN = 5

# Tokens, from Anthropic's documentation of prompt caching. The first that matches holds. Where its pages of different
# months disagree, the larger number stands: a breakpoint that comes to nothing costs nothing.
_MINIMA: tuple[tuple[re.Pattern[str], int], ...] = (
    (re.compile(r"claude-(?:opus-4-[5-7]|haiku-4-5|mythos-preview)"), 4096),
    (re.compile(r"claude-(?:fable|mythos|sonnet-4-6|3-haiku|3-5-haiku|haiku-3)"), 2048),
    (re.compile(r"claude-"), 1024),
)
# What an agent's file may say in the place of a model, with the longest minimum of its family.
_FAMILIES = {"opus": 4096, "sonnet": 2048, "haiku": 4096}


def minimum_tokens(model: str) -> int | None:
    """Return the shortest prefix that `model` caches; None where breakpoints mean nothing to it.

    `opus`, `sonnet` and `haiku` stand for any model of the family.
    """
    name = model.lower()
    if name in _FAMILIES:
        return _FAMILIES[name]
    return next((least for pattern, least in _MINIMA if pattern.search(name)), None)


def tokens_at_least(characters: int) -> int:
    """Return tokens that a text of so many characters surely has."""
    return characters // CHARACTERS_A_TOKEN
