"""Values that a template asks for when it is applied: where they stand in its patches, and what may be given."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from tokenop.catalogue.model import Parameter

PLACEHOLDER = re.compile(r"\{\{([a-z][a-z0-9_]{0,39})\}\}")
"""`{{name}}`, without spaces: `{{ name }}` and `${{ … }}` of other languages are left alone."""

LONGEST = 500

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?\Z")
_WORDS = {"true": True, "false": False}

Value = str | int | Decimal | bool


def placeholders(content: str) -> list[tuple[str, int]]:
    """Return the names in the content of a patch, each with the offset of its first brace."""
    return [(found[1], found.start()) for found in PLACEHOLDER.finditer(content)]


def parsed(parameter: Parameter, given: Value) -> Value:
    """Return the value that `given`, as typed on a command line or written in YAML, is for this parameter.

    Raises:
        ValueError: it is none; the message says what is asked for, in one clause.
    """
    text = str(given).lower() if isinstance(given, bool) else str(given)
    if parameter.type == "boolean":
        if text not in _WORDS:
            raise ValueError("must be true or false")
        return _WORDS[text]
    if parameter.type in ("integer", "number"):
        found = _NUMBER.match(text)
        if not found or (found[2] and parameter.type == "integer"):
            raise ValueError(f"must be a {'whole ' if parameter.type == 'integer' else ''}number such as 8")
        return Decimal(text) if found[2] else int(text)
    return _text(parameter, text)


def _text(parameter: Parameter, text: str) -> str:
    if not text or len(text) > LONGEST:
        raise ValueError(f"must have 1 to {LONGEST} characters")
    for character in text:
        # Line breaks would begin new keys; what is invisible or turns the direction would hide what is written.
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            raise ValueError(f"holds the invisible character U+{ord(character):04X}")
    if parameter.choices and text not in parameter.choices:
        raise ValueError(f"must be one of {', '.join(parameter.choices)}")
    if parameter.pattern is not None and not matches(parameter.pattern, text):
        raise ValueError(f"must match {parameter.pattern}")
    return text


def matches(pattern: str, text: str) -> bool:
    """Return whether the whole text matches a contributed regular expression.

    RE2 takes linear time: no pattern can hang the program.

    Raises:
        ValueError: the pattern is no regular expression of RE2.
    """
    import duckdb

    from tokenop.sqltree.bench import bench

    work = bench()  # opening a connection of one's own takes a hundred times as long as the answer
    try:
        with work.lock:
            row = work.connection.execute("SELECT regexp_full_match(?, ?)", [text, pattern]).fetchone()
    except duckdb.Error as error:
        raise ValueError(f"pattern {pattern} is no regular expression: {str(error).splitlines()[0]}") from error
    return bool(row and row[0])
