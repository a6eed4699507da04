"""Whether a spelling really means a model: genai-prices' match rules, with what they leave over looked at.

The package matches loosely (`contains "gemini-1.5-flash"` also accepts `gemini-1.5-flash-8b`, a model at half the
price). Here a match counts only if the rest of the name is a region, a date or a version.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

# Possessive and atomic, so that no crafted name makes the match try its parts in every combination.
REST = re.compile(
    r"(?:[-@._:](?>20\d{2}-?(?:0[1-9]|1[0-2])-?(?:[0-2]\d|3[01])|(?:0[1-9]|1[0-2])-(?:[0-2]\d|3[01])"
    r"|(?:0[1-9]|1[0-2])-20\d{2}|latest|default|preview|experimental|exp|v\d+|\d{3,4}|(?<=:)\d))*+"
)
FRONT = re.compile(r"(?:(?:us|eu|apac|global|us-gov|jp|au|in|ca|sa|me|af)\.)?(?:[a-z0-9-]+\.)?")
COMPACT_DATE = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])([0-2]\d|3[01])(?=-|:|$)")
SUFFIXES = re.compile(
    r"(?>[-@](?:20\d{2}-?(?:0[1-9]|1[0-2])-?(?:[0-2]\d|3[01])|latest|default)|-v\d+(?::\d+)?(?::\d+k)?|:\d+)++$"
)


def find(models: Sequence[Any], reference: str) -> Any | None:
    """Return the one model of `models` that `reference` (lower case) names; None where none or several do."""
    for spelling in dict.fromkeys((reference, COMPACT_DATE.sub(r"-\1-\2-\3", reference), SUFFIXES.sub("", reference))):
        same = [model for model in models if model.id.lower() == spelling]
        if len(same) == 1:
            return same[0]
        best = _longest(models, spelling)
        if best is not None:
            return best
    return None


def _longest(models: Iterable[Any], reference: str) -> Any | None:
    scored = [(length, model) for model in models if (length := matched(model.match, reference)) > 0]
    if not scored:
        return None
    top = max(length for length, _ in scored)
    winners = [model for length, model in scored if length == top]
    return winners[0] if len(winners) == 1 else None


def matched(clause: Any, reference: str) -> int:
    """Return how many characters of `reference` the rule accounts for; 0 where it does not match it as a whole."""
    return max((length for length in _lengths(clause, reference)), default=0)


def _lengths(clause: Any, reference: str) -> Iterator[int]:
    kind = type(clause).__name__
    if kind == "ClauseOr":
        for part in clause.or_:
            yield from _lengths(part, reference)
    elif kind == "ClauseAnd":
        if clause.is_match(reference):
            positive = [matched(part, reference) for part in clause.and_ if type(part).__name__ != "ClauseRegex"]
            yield min(positive, default=len(reference))
    elif clause.is_match(reference):
        yield from _leaf(kind, clause, reference)


def _leaf(kind: str, clause: Any, reference: str) -> Iterator[int]:
    if kind in ("ClauseEquals", "ClauseRegex"):
        yield len(reference)
        return
    text = {"ClauseStartsWith": "starts_with", "ClauseEndsWith": "ends_with", "ClauseContains": "contains"}[kind]
    needle: str = getattr(clause, text).lower()
    at = reference.rfind(needle) if kind == "ClauseEndsWith" else reference.find(needle)
    front, rest = reference[:at], reference[at + len(needle) :]
    # A fine-tuned model's name ends in the customer's own words; its price is that of the base it names.
    tuned = reference.startswith("ft:") and at == 0
    if FRONT.fullmatch(front) and (tuned or _harmless(needle, rest)):
        yield len(needle)


def _harmless(needle: str, rest: str) -> bool:
    if REST.fullmatch(rest):
        return True
    # A rule may end within a date or version (`claude-sonnet-4-2025`): then look at that part as a whole.
    last = max(needle.rfind(separator) for separator in "-@._:")
    return last >= 0 and not rest.startswith(tuple("-@._:")) and REST.fullmatch(needle[last:] + rest) is not None
