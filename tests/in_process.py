"""Running a collector's `map.sql` in the tests' own process: the start of the confined one takes longest by far."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from tokenop import sqltree


class Child:
    """What `tokenop.collect.confined` asks, answered by the confined process's own code, but for its limits."""

    def __init__(self, scratch: Path, seconds: float, memory_mb: int, name: str) -> None:
        self._request: dict[str, Any] = {}
        self._connection: Any = None

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Do what the confined process does with one line."""
        told: dict[str, Any] = json.loads(json.dumps(question))
        try:
            return self._answer(told)
        except Exception as error:
            at = "preparing" if self._connection is None else "running"
            return {"error": {"type": type(error).__name__, "message": str(error), "at": at}}

    def _answer(self, told: dict[str, Any]) -> dict[str, Any]:
        from tokenop.collect import confined_child

        if self._connection is not None:
            return confined_child.run(self._connection, self._request, told)
        self._request = told
        self._connection = confined_child.prepare(told)
        return {"columns": confined_child.described(self._connection, told)}


@functools.cache
def _problems(sql: str, relations: frozenset[str], variables: frozenset[str]) -> tuple[sqltree.Problem, ...]:
    return tuple(sqltree.check_select(sql, relations, variables))


@functools.cache
def _statement(sql: str) -> str:
    return sqltree.statement(sql)


# The same few queries are read again and again here; what there is to say of them does not change.
READ = SimpleNamespace(
    check_select=lambda sql, relations, variables: _problems(sql, frozenset(relations), frozenset(variables)),
    statement=_statement,
)


@contextmanager
def collectors() -> Iterator[None]:
    """Run no collector in a process of its own for the time of the `with`."""
    from tokenop.collect import confined

    with mock.patch.object(confined, "_Child", Child), mock.patch.object(confined, "sqltree", READ):
        yield


@contextmanager
def not_here() -> Iterator[None]:
    """Run collectors in their confined processes after all."""
    from tokenop.collect import confined

    with mock.patch.object(confined, "_Child", OWN_PROCESS), mock.patch.object(confined, "sqltree", sqltree):
        yield


def _own_process() -> Any:
    from tokenop.collect import confined

    return confined._Child


OWN_PROCESS = _own_process()
