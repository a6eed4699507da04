"""The content hash of a log: what the events are, whatever their order, file format or row groups."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tokenop.database import identifier, quoted
from tokenop.events import schema
from tokenop.events.schema import EVENT, Column, Record

if TYPE_CHECKING:
    import duckdb

MODULUS = 2**128


def tag(name: str) -> str:
    """Return the short sign that stands for the optional field `name` in a row's text."""
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:4]


def row_text(present: Iterable[str], record: Record = EVENT) -> str:
    """Return SQL for the canonical text of a record: equal texts are equal records.

    Strings and lists are preceded by their length in bytes, so that no value can pose as a separator. An optional
    field takes part only where it has a value, so that a column of nulls changes nothing.
    """
    there = set(present)
    parts: list[str] = []
    for column in schema.columns(record):
        text = _text(column)
        if column.required:
            measured = column.duckdb == "VARCHAR"
            # Separate arguments: an expression over one dictionary-encoded column is computed once a distinct value.
            parts += [f"strlen({text}) || ':'", text] if measured else [text, "';'"]
        elif column.name in there:
            sign = quoted(f"|{tag(column.name)}=")
            parts += [f"{sign} || strlen({text}) || ':'", text]
    return f"concat({', '.join(parts)})"


def _text(column: Column) -> str:
    name = identifier(column.name)
    if column.duckdb == "VARCHAR":
        return name
    if column.duckdb == "TIMESTAMPTZ":
        return f"epoch_us({name})::VARCHAR"
    if column.duckdb == "DOUBLE":
        # Millionths where those are exact: quicker than the shortest decimal text, and the same in every version.
        micro = f"TRY_CAST({name} * 1000000 AS BIGINT)"
        return f"CASE WHEN {micro} / 1000000.0::DOUBLE = {name} THEN {micro}::VARCHAR ELSE 'd' || {name}::VARCHAR END"
    if column.duckdb.startswith("DECIMAL"):
        # The same text from 64 bits where they suffice, at half the price.
        return f"coalesce(TRY_CAST({name} AS DECIMAL(18, 12))::VARCHAR, {name}::VARCHAR)"
    return f"to_json({name})::VARCHAR" if column.duckdb.endswith("[]") else f"{name}::VARCHAR"


def sums(present: Iterable[str]) -> str:
    """Return the three aggregates of which `combine` makes the hash, over a relation of typed events."""
    number = f"md5_number({row_text(present)})"
    return f"count(*), sum(({number} & 18446744073709551615)::UBIGINT), sum(({number} >> 64)::UBIGINT)"


def combine(count: int, low: int | None, high: int | None) -> str:
    """Return `<rows>-<32 hex digits>`: the sum, modulo 2^128, of the MD5 of each row's text (little-endian).

    A sum, not XOR: two equal rows do not cancel.
    """
    return f"{count}-{((high or 0) * 2**64 + (low or 0)) % MODULUS:032x}"


def content_hash(connection: duckdb.DuckDBPyConnection, relation: str, present: Iterable[str]) -> str:
    """Return the content hash of `relation`, SQL of a relation holding the typed columns `present`.

    The twelve required columns must be among them.
    """
    row = connection.execute(f"SELECT {sums(present)} FROM {relation}").fetchone()
    assert row is not None
    return combine(*row)
