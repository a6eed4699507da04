"""The one DuckDB connection that parses and binds contributed SQL, and what its errors mean."""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokenop.sqltree.problem import Problem

if TYPE_CHECKING:
    import duckdb

_CARET = re.compile(r"^LINE (\d+): (.*)\n( *)\^", re.MULTILINE)
Parsed = tuple[list[dict[str, Any]], Problem | None]
_DEEP = Problem("the SQL is nested too deeply", None, "split it into shorter parts")


@dataclass(frozen=True)
class Bench:
    """A connection with nothing in it but empty tables, for one thread at a time."""

    connection: duckdb.DuckDBPyConnection
    lock: threading.Lock


@functools.cache
def bench() -> Bench:
    """Return the connection, opened at the first call.

    It sees no file and no Python variable; without the optimiser nothing is computed while a query is only bound.
    """
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,
        "enable_external_access": False,
        "memory_limit": "256MB",
        "temp_directory": "",
        "threads": 1,
    }
    connection = duckdb.connect(":memory:", config=config)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("PRAGMA disable_optimizer")
    return Bench(connection, threading.Lock())


def parse(sql: str, prefix: str = "") -> Parsed:
    """Return the statements of `prefix` + `sql` as trees, or the problem that kept them from being parsed."""
    return parse_all([sql], prefix)[0]


def parse_all(listed: Sequence[str], prefix: str = "") -> list[Parsed]:
    """Return for each of many texts what `parse` does; asked in one query, which is several times as fast."""
    work = bench()
    columns = "unnest($1::VARCHAR[]) AS sql, unnest($2::INTEGER[]) AS place"
    query = f"SELECT json_serialize_sql(sql) FROM (SELECT {columns}) ORDER BY place"
    with work.lock:
        rows = work.connection.execute(query, [[prefix + sql for sql in listed], list(range(len(listed)))]).fetchall()
    return [_parsed(str(row[0]), sql, prefix) for row, sql in zip(rows, listed, strict=True)]


def _parsed(serialized: str, sql: str, prefix: str) -> Parsed:
    import msgspec

    try:
        answer = msgspec.json.decode(serialized)
    except RecursionError:
        return [], _DEEP
    if not answer.get("error", True):
        return answer["statements"], None
    message = str(answer.get("error_message", "it cannot be parsed"))
    if "expression depth" in message:
        return [], _DEEP
    if answer.get("error_type") == "not implemented" and "Only SELECT" in message:
        return [], Problem("this is not a SELECT", 0, "write one SELECT that computes on its input, and nothing else")
    position = offset(prefix + sql, answer.get("position"), prefix)
    return [], Problem(message, position, "correct the syntax")


def offset(whole: str, location: object, prefix: str) -> int | None:
    """Return the character offset after `prefix` of DuckDB's byte offset `location` in `whole`; None if it has none."""
    try:
        place = int(str(location))
    except ValueError:
        return None
    if whole.isascii():
        return max(place - len(prefix), 0) if 0 <= place <= len(whole) else None
    encoded = whole.encode()
    if not 0 <= place <= len(encoded):
        return None
    return max(len(encoded[:place].decode(errors="ignore")) - len(prefix), 0)


def explain(text: str, sql: str, lines_before: int) -> Problem:
    """Return DuckDB's error `text` about `sql`, which stood after `lines_before` other lines, as a problem.

    Its `fix` is the hint that DuckDB gives, which may be empty.
    """
    head = text.split("\n\nLINE ")[0].strip()
    summary, _, rest = head.partition("\n")
    summary = re.sub(r"^[A-Z][A-Za-z]*(?: [a-zA-Z]+)* Error: ", "", summary)
    hint = " ".join(rest.split())
    return Problem(summary[:300], _caret(text, sql, lines_before), hint[:300])


def _caret(text: str, sql: str, lines_before: int) -> int | None:
    found = _CARET.search(text)
    if not found:
        return None
    number, excerpt, indent = int(found[1]), found[2], len(found[3]) - len(f"LINE {found[1]}: ")
    lines = sql.split("\n")
    row = number - 1 - lines_before
    if not 0 <= row < len(lines):
        return None
    shown = excerpt.strip(".").strip()
    column = lines[row].find(shown) if shown else 0
    lead = len(excerpt) - len(excerpt.lstrip(". "))
    return sum(len(line) + 1 for line in lines[:row]) + max(column, 0) + max(indent - lead, 0)
