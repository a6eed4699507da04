"""Whether two answers say the same: what decides if a would-be hit was a false one.

No model is asked. What differs in a number, in code, in an address, in yes or no, or in a field of JSON differs;
words may be put otherwise as far as `share` lets them. It errs to the side of "differs": a false hit that is counted
though it was none costs savings, one that is not counted would cost trust.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from tokenop.gateway.responses.telling import NEGATIONS
from tokenop.providers.model import Response

_CODE = re.compile(r"```[^\n`]*\n(.*?)```", re.DOTALL)
_WORD = re.compile(r"[^\W_]+(?:['’.,:/@-][^\W_]+)*")
_MARKS = str.maketrans("", "", "*_`#>~")
_YES = frozenset({"yes", "yeah", "correct", "true", "right", "ja", "oui", "sí", "si"})
_NO = frozenset({"no", "nope", "incorrect", "false", "wrong", "nein", "non"})


def agree(kept: Response, fresh: Response, share: float) -> bool:
    """Return whether `fresh` says what `kept` says; `share` of the words of both must be the same (Dice)."""
    if kept.tool_calls or fresh.tool_calls:
        return _calls(kept) == _calls(fresh) and None not in _calls(kept)
    one, two = _json(kept.text), _json(fresh.text)
    if one is not None or two is not None:
        return one is not None and two is not None and _plain(one) == _plain(two)
    return _texts(kept.text, fresh.text, share)


def _calls(response: Response) -> list[Any]:
    return [None if call.arguments is None else [call.name, _plain(call.arguments)] for call in response.tool_calls]


def _json(text: str) -> Any:
    """Return the object or list that a text is; None where it is none."""
    text = text.strip()
    if text.startswith("```"):
        text = text.strip("`").removeprefix("json").strip()
    if text[:1] not in ("{", "["):
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _plain(value: Any) -> Any:
    """Return JSON such that what is the same is equal: not the spaces and capitals of texts, nor true and 1."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, str):
        return _flat(value)
    return ("flag", value) if isinstance(value, bool) else value


def _flat(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _texts(one: str, two: str, share: float) -> bool:
    if _flat(one) == _flat(two):
        return True
    if _code(one) != _code(two):
        return False
    first, second = _words(_CODE.sub(" ", one)), _words(_CODE.sub(" ", two))
    if first == second:
        return bool(first) or bool(_code(one))
    if _fixed(first) != _fixed(second) or _stance(first) != _stance(second):
        return False
    common = sum((Counter(first) & Counter(second)).values())
    return 2 * common >= share * (len(first) + len(second))


def _code(text: str) -> list[str]:
    return [" ".join(block.split()) for block in _CODE.findall(text)]


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text.translate(_MARKS)).casefold())


def _fixed(words: list[str]) -> Counter[str]:
    """Return what must be the same to the letter: numbers, addresses, negations."""
    return Counter(
        "not" if word in NEGATIONS or word.endswith(("n't", "n’t")) else word
        for word in words
        if word in NEGATIONS
        or word.endswith(("n't", "n’t"))
        or any(sign.isdigit() or sign in "@/" for sign in word)
        or "." in word
    )


def _stance(words: list[str]) -> str:
    first = words[0] if words else ""
    return "yes" if first in _YES else "no" if first in _NO else ""
