"""What is done behind the walls: calling the functions of a program, or running a query on tables."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from typing import Any, NamedTuple

_MOST_VALUES = 100_000
_DEEPEST = 60
_MOST_ROWS = 5_000
_LONGEST = 200


class Job(NamedTuple):
    """`prepare` loads what cannot be loaded behind the walls; `do` works there and returns what JSON can say."""

    prepare: Callable[[], None]
    do: Callable[[Any], Any]


class _OddError(Exception):
    """A value that cannot be compared with what is wanted; the message says what it is."""


def _prepare_calls() -> None:
    # Libraries of the system that they need could not be loaded later.
    import decimal  # noqa: F401
    import zlib  # noqa: F401


def _calls(given: dict[str, Any]) -> dict[str, Any]:
    """Run a program and call its functions: each call's result, or what it raised."""
    module = types.ModuleType("answer")
    sys.modules["answer"] = module  # dataclasses look their module up
    try:
        for name, source in (("answer", given["code"]), ("harness", given["harness"])):
            exec(compile(source, f"<{name}>", "exec", dont_inherit=True), module.__dict__)  # noqa: S102 behind the walls
    except BaseException as error:  # SystemExit as well
        return {"failed": _told(error)}
    missing = [name for name in given["defines"] if name not in module.__dict__]
    if missing:
        return {"failed": f"does not define {missing[0]}"}
    return {"results": [_call(module, one) for one in given["cases"]]}


def _call(module: types.ModuleType, case: dict[str, Any]) -> dict[str, Any]:
    try:
        value = module.__dict__[case["call"]](*json.loads(case["arguments"]))
        return {"value": _plain(value, [0], 0)}
    except _OddError as error:
        return {"odd": str(error)}
    except BaseException as error:
        return {"raised": [one.__name__ for one in type(error).__mro__], "told": _told(error)}


def _told(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:_LONGEST]
    except BaseException:
        return type(error).__name__


def _plain(value: Any, seen: list[int], depth: int) -> Any:
    """Return a value as JSON can say it: a tuple as a list, keys that are whole numbers as text.

    Raises:
        _OddError: it cannot be said, or is too large.
    """
    seen[0] += 1
    if seen[0] > _MOST_VALUES or depth > _DEEPEST:
        raise _OddError("a value too large or too deep to compare")
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        if len(value) > _MOST_VALUES:
            raise _OddError("a text too long to compare")
        return str(value)
    if isinstance(value, int):
        if value.bit_length() > 4_000:
            raise _OddError("a number with too many digits to compare")
        return int(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise _OddError(f"the number {float(value)}")
        return float(value)
    if isinstance(value, list | tuple):
        return [_plain(one, seen, depth + 1) for one in value]
    if isinstance(value, dict) and all(isinstance(key, str | int) for key in value):
        return {str(key): _plain(one, seen, depth + 1) for key, one in value.items()}
    raise _OddError(f"a {type(value).__name__}"[:_LONGEST])


def _prepare_sql() -> None:
    import sqlite3  # its library could not be loaded later

    sqlite3.connect(":memory:").close()


def _sql(given: dict[str, Any]) -> dict[str, Any]:
    """Run a query on each set of tables: names of its columns and its rows, or the error."""
    return {"results": [_query(given["sql"], given["tables"], rows) for rows in given["rows"]]}


def _query(sql: str, tables: dict[str, dict[str, str]], rows: dict[str, list[list[Any]]]) -> dict[str, Any]:
    import sqlite3

    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA temp_store = MEMORY")
    for name, columns in tables.items():
        declared = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        connection.execute(f'CREATE TABLE "{name}" ({declared})')
        places = ", ".join("?" for _ in columns)
        connection.executemany(f'INSERT INTO "{name}" VALUES ({places})', rows.get(name, ()))
    connection.commit()
    allowed = {
        sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE,
    }  # fmt: skip
    connection.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY)
    try:
        cursor = connection.execute(sql)
        found = cursor.fetchmany(_MOST_ROWS + 1)
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, MemoryError) as error:
        return {"failed": f"fails: {_told(error)}"}
    if len(found) > _MOST_ROWS:
        return {"failed": f"gives more than {_MOST_ROWS} rows"}
    if cursor.description is None:
        return {"failed": "is no query"}
    try:
        return {"columns": [one[0] for one in cursor.description], "rows": [_plain(row, [0], 0) for row in found]}
    except _OddError as error:
        return {"failed": f"gives {error}"}


JOBS = {"calls": Job(_prepare_calls, _calls), "sql": Job(_prepare_sql, _sql)}
