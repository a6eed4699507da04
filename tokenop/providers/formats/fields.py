"""Taking fields out of bodies that anybody may have written."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from tokenop.providers.errors import BadRequestError, MalformedError

T = TypeVar("T")
_WORDS = {str: "a text", bool: "true or false", int: "a whole number", list: "a list", dict: "an object"}


def typed(value: Any, kind: type[T], where: str) -> T:
    """Return `value`, which must be a `kind`; true is no number.

    Raises:
        BadRequestError: it is something else; names `where`.
    """
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise BadRequestError(f"{where}: must be {_WORDS.get(kind, kind.__name__)}, is {_named(value)}")


def optional(body: Mapping[str, Any], name: str, kind: type[T], where: str = "") -> T | None:
    """Return the field `name`, None where it is absent or null. Raises BadRequestError as `typed` does."""
    value = body.get(name)
    return None if value is None else typed(value, kind, f"{where}{name}")


def number(body: Mapping[str, Any], name: str, where: str = "") -> float | None:
    """Return the number `name`, None where it is absent or null. Raises BadRequestError where it is none."""
    value = body.get(name)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise BadRequestError(f"{where}{name}: must be a number, is {_named(value)}")


def tokens(usage: Mapping[str, Any], *names: str) -> int | None:
    """Return the number of tokens under the first of `names` that holds one; None where none does.

    What is negative or no whole number is unknown: a wrong count must not become a bill.
    """
    for name in names:
        value = usage.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53:
            return value
    return None


def mapping(value: Any) -> Mapping[str, Any]:
    """Return `value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def decoded(data: bytes | str) -> Any:
    """Return the JSON that `data` is: strict, without NaN, in UTF-8.

    Raises:
        MalformedError: it is none.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MalformedError(f"the answer is no JSON: {type(error).__name__}") from error


def object_of(data: bytes | str) -> dict[str, Any]:
    """Return the JSON object that `data` is. Raises MalformedError."""
    value = decoded(data)
    if not isinstance(value, dict):
        raise MalformedError(f"the answer must be an object, is {_named(value)}")
    return value


def arguments_of(raw: str) -> dict[str, Any] | None:
    """Return the arguments that a model wrote for a call; None where they are no JSON object. Nothing is none given."""
    if not raw.strip():
        return {}
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def compact(value: Any) -> str:
    """Return `value` as JSON without spaces, keys in their order."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        # Half a surrogate pair: only its escape can be sent.
        return json.dumps(value, separators=(",", ":"))


def finite(value: Any) -> bool:
    """Return whether no number within `value` is NaN or infinite: JSON has neither, and `compact` makes them null."""
    match value:
        case float():
            return math.isfinite(value)
        case Mapping():
            return all(map(finite, value.values()))
        case list() | tuple():
            return all(map(finite, value))
    return True


def _named(value: Any) -> str:
    if value is None:
        return "null"
    return _WORDS.get(type(value), "a number" if isinstance(value, float) else type(value).__name__)
