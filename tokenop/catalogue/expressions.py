"""A template's SQL predicates: safe, over known columns, and true or false."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules import finding
from tokenop.catalogue.vocabulary import EVENT_COLUMNS, PROFILE_SCALARS
from tokenop.errors import Finding

if TYPE_CHECKING:
    import duckdb


def check(draft: Draft) -> Iterator[Finding]:
    """Yield what is wrong with `applies_when` and with each lever's `where`."""
    yield from _predicate(draft, "applies_when", PROFILE_SCALARS)
    levers = draft.reach("economics.levers")
    for index in range(len(levers) if isinstance(levers, list) else 0):
        yield from _predicate(draft, f"economics.levers[{index}].where", EVENT_COLUMNS)


def _predicate(draft: Draft, path: str, columns: Mapping[str, str]) -> Iterator[Finding]:
    from tokenop.sqltree import check_predicate

    text = draft.get(path)
    if not isinstance(text, str):
        return
    problems = check_predicate(text, columns)
    for problem in problems:
        place = draft.document.locate(path, problem.position) if problem.position is not None else None
        yield finding(draft.document, "EX001", path, problem.message, problem.fix, place=place)
    if not problems:
        complaint = _unbound(text, columns)
        if complaint:
            yield finding(draft.document, "EX002", path, complaint, "write a condition such as `output_tokens <= 300`")


def _unbound(text: str, columns: Mapping[str, str]) -> str | None:
    """Return why DuckDB cannot take `text`, known to be safe, as a condition over `columns`; None where it can."""
    import duckdb

    from tokenop.database import connect

    with connect() as connection:
        _empty_relation(connection, columns)
        try:
            row = connection.execute(f"SELECT typeof(any_value({text})) FROM vocabulary").fetchone()
        except duckdb.Error as error:
            return str(error).split("\n", 1)[0]
    kind = row[0] if row else "nothing"
    return None if kind in ("BOOLEAN", '"NULL"') else f"is {kind}, not true or false"


def _empty_relation(connection: duckdb.DuckDBPyConnection, columns: Mapping[str, str]) -> None:
    listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    connection.execute(f"CREATE TEMP TABLE vocabulary ({listed})")
