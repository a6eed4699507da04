"""Checks on the text, before a parser sees it, and the cutting off of a last semicolon.

The tree decides what may run; these checks bound the parser's own work (unbalanced brackets cost it cubic time) and
refuse text that reads otherwise than it runs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from tokenop.sqltree.problem import Problem

_TOKEN = re.compile(
    r"""
    (?P<string>'(?:[^']|'')*')
  | (?P<name>"(?:[^"]|"")*")
  | (?P<line>--[^\n]*)
  | (?P<block>/\*.*?\*/)
  | (?P<prefixed>\b(?:[eEbBxXnN]|[uU]&)(?='))
  | (?P<dollar>\$)
  | (?P<open>[(\[{])
  | (?P<close>[)\]}])
  | (?P<semicolon>;)
  | (?P<unclosed>'|"|/\*)
    """,
    re.VERBOSE | re.DOTALL,
)
_PAIRS = {")": "(", "]": "[", "}": "{"}


def problems(sql: str, max_length: int, max_depth: int, comments: bool) -> Iterator[Problem]:
    """Yield what is wrong with the text of `sql`: empty, too long, unreadable, unbalanced, too deep.

    Args:
        sql: the text as contributed.
        max_length: most characters.
        max_depth: most brackets within each other.
        comments: whether `--` and `/* */` are welcome.
    """
    if not sql.strip():
        yield Problem("the SQL is empty", None, "write an expression or a SELECT")
        return
    if len(sql) > max_length:
        yield Problem(f"the SQL has {len(sql)} characters", max_length, f"keep it within {max_length}")
        return
    yield from _unreadable(sql)
    tokens = list(_TOKEN.finditer(sql))
    yield from _brackets(tokens, max_depth)
    for token in tokens:
        kind, place = token.lastgroup, token.start()
        if kind in ("line", "block") and not comments:
            yield Problem("a comment in an expression", place, "explain it in the body of the file instead")
        elif kind == "block" and "/*" in token.group()[2:]:
            yield Problem("a comment inside a comment", place, "close the first one, or use -- for each line")
        elif kind == "semicolon" and not comments:
            yield Problem("a semicolon in an expression", place, "write one expression and nothing after it")
        elif kind == "prefixed":
            yield Problem("a string with escapes", place, "write a plain '…' string, chr(10) for a line end")
        elif kind == "dollar":
            yield Problem("a parameter or a dollar-quoted string", place, "write the value itself, as '…' or a number")
        elif kind == "unclosed":
            yield Problem(f"{token.group()} is never closed", place, "close it")


def statement(sql: str) -> str:
    """Return `sql` without a semicolon after its last word, so that it can be put into brackets on lines of its own."""
    last = None
    for token in _TOKEN.finditer(sql):
        if token.lastgroup == "semicolon":
            last = token.start()
    if last is None or re.sub(r"--[^\n]*|/\*.*?\*/", "", sql[last + 1 :], flags=re.DOTALL).strip():
        return sql
    return sql[:last] + " " + sql[last + 1 :]


def _unreadable(sql: str) -> Iterator[Problem]:
    if sql.isascii() and sql.isprintable():
        return
    for place, character in enumerate(sql):
        if character.isascii() and (character.isprintable() or character in "\n\t"):
            continue
        if character == "\r" and sql[place + 1 : place + 2] == "\n":
            continue
        if unicodedata.category(character)[0] in "CZ":
            name = unicodedata.name(character, f"U+{ord(character):04X}")
            yield Problem(f"an invisible character: {name}", place, "delete it; use plain spaces and line ends")
            return


def _brackets(tokens: Iterable[re.Match[str]], max_depth: int) -> Iterator[Problem]:
    open_ones: list[tuple[str, int]] = []
    for token in tokens:
        if token.lastgroup == "open":
            open_ones.append((token.group(), token.start()))
            if len(open_ones) > max_depth:
                yield Problem(f"more than {max_depth} brackets within each other", token.start(), "nest less deeply")
                return
        elif token.lastgroup == "close" and (not open_ones or open_ones.pop()[0] != _PAIRS[token.group()]):
            yield Problem(f"{token.group()} closes nothing", token.start(), "balance the brackets")
            return
    if open_ones:
        bracket, place = open_ones[-1]
        yield Problem(f"{bracket} is never closed", place, "balance the brackets")
