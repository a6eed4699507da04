"""Redaction: secrets and personal data leave the texts of a record before anything is written.

It works on the distinct values of a column, in SQL: one pass tells which columns hold anything, only those values are
rewritten, and a join puts them back. Rows are judged and duplicates found before, on what the source said, so that two
calls that differ in redacted text alone stay two calls.

What happens to a field is decided here, field by field (`LEVELS`); docs and SECURITY.md tell it to people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from tokenop.collect.redact_patterns import EMAILS, NUMBERS, SECRETS, Pattern
from tokenop.database import identifier, quoted
from tokenop.events import schema
from tokenop.events.schema import EVENT, Record

if TYPE_CHECKING:
    import duckdb

Level = Literal["never", "secrets", "name", "text", "id"]
"""never: a hash, or one of few known words · secrets: an identifier, kept but for secrets · name: secrets and e-mail
addresses, and numbers too where the value holds a space, so is a phrase · text: everything · id: as a name, but the
whole value becomes a digest, so that ids stay unique."""

LEVELS: Mapping[str, Level] = MappingProxyType(
    {
        "id": "id",
        "parent_id": "id",
        "user_id": "secrets",
        "price_id": "never",
        "prompt_hash": "never",
        "intent": "text",
        "operation": "text",
        "domain": "text",
        "department": "text",
        "tenant": "text",
        "agent_id": "text",
        "status": "text",
        "prompt": "text",
        "output": "text",
    }
)
# Different values of these stay different: a second one that is redacted to the same text gets a number.
APART = frozenset({"tenant", "department", "agent_id", "session_id", "task_id", "user_id", "api_key_id"})
# Columns in which hardly a value comes twice.
MANY = frozenset({"id", "prompt", "output", "message", "raw"})
DIGEST = "redacted-"
# Text that a person reads: what is said of rejected rows, and the rows themselves.
TOLD: Mapping[str, Level] = MappingProxyType({"message": "text", "raw": "text"})


@dataclass(slots=True)
class Redacted:
    """Something without what was redacted (SQL of a relation, or text), and how many values were changed by field."""

    clean: str
    counts: dict[str, int] = field(default_factory=dict)


def levels(record: Record = EVENT) -> dict[str, Level]:
    """Return what is done to each text field of the record; a field that nobody decided on is treated as a name."""
    return {
        column.name: LEVELS.get(column.name, "name")
        for column in schema.columns(record)
        if column.duckdb == "VARCHAR" and "enum" not in column.rules and LEVELS.get(column.name) != "never"
    }


def relation(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    fields: Mapping[str, Level],
    record: Record = EVENT,
    scan: str = "",
) -> Redacted:
    """Return `source` (SQL of a relation) with its `fields` redacted; `source` itself where nothing is to be done.

    Creates a temporary table `redacted_<field>` for each field. `scan` is a relation that holds the same values and is
    cheaper to read, by default `source` itself.
    """
    found = Redacted(source)
    for name, level in fields.items():
        if not _suspects(connection, scan or source, name, level):
            continue
        table = identifier(f"redacted_{name}")
        changes = _changes(name, level, _longest(name, record))
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {changes}")
        changed = f"{source} AS source SEMI JOIN {table} AS changed ON source.{identifier(name)} = changed.value"
        count = _count(connection, changed) if _count(connection, table) else 0
        if count:
            found.counts[name] = count
    found.clean = join(source, {name: f"redacted_{name}" for name in found.counts})
    return found


def join(source: str, tables: Mapping[str, str]) -> str:
    """Return `source` with each named column's values replaced as its table (`value`, `replaced`) says."""
    if not tables:
        return source
    replaced = ", ".join(
        f"coalesce({identifier(f'{table} of')}.replaced, source.{identifier(name)}) AS {identifier(name)}"
        for name, table in tables.items()
    )
    joins = " ".join(
        f"LEFT JOIN {identifier(table)} AS {identifier(f'{table} of')} "
        f"ON source.{identifier(name)} = {identifier(f'{table} of')}.value"
        for name, table in tables.items()
    )
    return f"(SELECT source.* REPLACE ({replaced}) FROM {source} AS source {joins})"


def table(connection: duckdb.DuckDBPyConnection, name: str, fields: Mapping[str, Level] = TOLD) -> dict[str, int]:
    """Redact the temporary table `name` in place; return how many values were changed by field."""
    found = relation(connection, name, fields)
    if found.counts:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {identifier(f'{name} redacted')} AS SELECT * FROM {found.clean}"
        )
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM {identifier(f'{name} redacted')}")
        connection.execute(f"DROP TABLE {identifier(f'{name} redacted')}")
    return found.counts


def texts(connection: duckdb.DuckDBPyConnection, values: Iterable[str], level: Level = "text") -> dict[str, str]:
    """Return each text, redacted at `level`."""
    distinct = list(dict.fromkeys(values))
    rows = connection.execute(
        f"SELECT value, replaced FROM ({rewritten('(SELECT unnest(?::VARCHAR[]) AS value)', level)})", [distinct]
    ).fetchall()
    return {str(value): str(replaced) for value, replaced in rows}


def text(value: str) -> str:
    """Return one text with everything redacted, for messages of errors; opens a database of its own."""
    from tokenop.database import connect

    with connect() as connection:
        return texts(connection, [value])[value]


def rewritten(values: str, level: Level) -> str:
    """Return a SELECT of `value` and `replaced` for the relation `values`, which has the column `value`."""
    sql = f"SELECT value, {_all_replaced('value', SECRETS)} AS replaced FROM {values}"
    if level == "secrets":
        return sql
    sql = f"SELECT value, {_all_replaced('replaced', EMAILS)} AS replaced FROM ({sql})"
    for number in NUMBERS:
        candidates = f"regexp_extract_all(replaced, {quoted(number.regex)}, 1)"
        checked = f"list_filter({candidates}, lambda found: {number.check})"
        # The longest first: one number may be the beginning of another.
        ordered = f"list_sort({checked}, 'DESC')"
        put = f"lambda rest, found: replace(rest, found, {quoted(number.replacement)})"
        wanted = f"regexp_matches(replaced, {quoted(number.hint)}) AND {_phrase('replaced', level)}"
        clean = f"CASE WHEN {wanted} THEN list_reduce({ordered}, {put}, replaced) ELSE replaced END"
        sql = f"SELECT value, {clean} AS replaced FROM ({sql})"
    return sql


def hinted(column: str, level: Level) -> str:
    """Return SQL that is true for every text that redaction at `level` may change, and for few others."""
    parts = [*SECRETS, *(() if level == "secrets" else EMAILS), *(NUMBERS if level == "text" else ())]
    found = f"regexp_matches({column}, {quoted('|'.join(dict.fromkeys(part.hint for part in parts)))})"
    if level in ("secrets", "text"):
        return found
    numbers = quoted("|".join(number.hint for number in NUMBERS))
    return f"({found} OR ({_phrase(column, level)} AND regexp_matches({column}, {numbers})))"


def _all_replaced(value: str, patterns: Sequence[Pattern]) -> str:
    hint = quoted("|".join(dict.fromkeys(pattern.hint for pattern in patterns)))
    replaced = value
    for pattern in patterns:
        replaced = f"regexp_replace({replaced}, {quoted(pattern.regex)}, {quoted(pattern.replacement)}, 'g')"
    return f"CASE WHEN regexp_matches({value}, {hint}) THEN {replaced} ELSE {value} END"


def _phrase(column: str, level: Level) -> str:
    return "true" if level == "text" else f"contains({column}, ' ')"


def _suspects(connection: duckdb.DuckDBPyConnection, scan: str, name: str, level: Level) -> int:
    """Put the values of a field that redaction may change into the table `suspects`; return how many there are."""
    column = identifier(name)
    values = f"(SELECT {column} AS value FROM {scan})"
    if name not in MANY:
        # Few values: telling them apart is cheaper than looking into all rows, which the optimizer would do at once.
        values = f"(WITH few AS MATERIALIZED (SELECT DISTINCT {column} AS value FROM {scan}) FROM few)"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE suspects AS SELECT DISTINCT value FROM {values} WHERE {hinted('value', level)}"
    )
    return _count(connection, "suspects")


def _changes(name: str, level: Level, longest: int | None) -> str:
    """Return a SELECT of those suspects that change, with what they become."""
    changed = f"SELECT * FROM ({rewritten('suspects', level)}) WHERE replaced <> value"
    if level == "id":
        return f"SELECT value, '{DIGEST}' || left(sha256(value), 32) AS replaced FROM ({changed})"
    cut = f"left(replaced, {longest})" if longest else "replaced"
    if name not in APART:
        return f"SELECT value, {cut} AS replaced FROM ({changed})"
    # Numbered by a digest: their own order would tell of what they were.
    number = "row_number() OVER (PARTITION BY replaced ORDER BY md5(value), value)"
    room = f"left(replaced, {longest - 12})" if longest else "replaced"
    return (
        f"SELECT value, CASE WHEN number = 1 THEN {cut} ELSE {room} || ' #' || number END AS replaced "
        f"FROM (SELECT *, {number} AS number FROM ({changed}))"
    )


def _longest(name: str, record: Record) -> int | None:
    for column in schema.columns(record):
        if column.name == name:
            return int(column.rules["maxLength"]) if "maxLength" in column.rules else None
    return None


def _count(connection: duckdb.DuckDBPyConnection, joined: str) -> int:
    found = connection.execute(f"SELECT count(*) FROM {joined}").fetchone()
    return int(found[0]) if found else 0
