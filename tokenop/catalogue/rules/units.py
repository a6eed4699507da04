"""Numbers that were written with their unit, such as `12 %` or `EUR 5`, and currencies other than the US dollar."""

from __future__ import annotations

import re

_NAMES = r"EUR|GBP|CHF|JPY|INR|CNY|CAD|AUD|SEK|NOK|DKK|PLN|BRL"
_SIGNS = "€£¥₹"
_LONGEST = 40

UNIT = re.compile(
    rf"\s*(?P<before>[${_SIGNS}]|(?:USD|{_NAMES})\b)?\s*(?P<number>[-+]?[0-9][0-9.,_ ]*?)\s*"
    rf"(?P<after>%|[${_SIGNS}]|(?:percent|USD|{_NAMES}|hours?|hrs?|h|minutes?|min|points?|[kKmM])\b)?\s*\Z"
)
FOREIGN = re.compile(rf"[{_SIGNS}]|\b(?:{_NAMES})\b")


def unit(value: object) -> re.Match[str] | None:
    """Return the parts of a text that is a number with a unit; None for anything else, plain numbers too."""
    found = UNIT.match(value) if isinstance(value, str) and len(value) <= _LONGEST else None
    return found if found and (found["before"] or found["after"]) else None


def foreign(text: str) -> bool:
    """Return whether a text may name a currency other than the US dollar; `FOREIGN` says where. Quick where not."""
    return any(sign in text for sign in _SIGNS) or any(name in text for name in _NAMES.split("|"))
