"""Exact figures out of SQL, rounded once, for the parts of `discovered.yaml`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import duckdb

Row: TypeAlias = dict[str, Any]

# Money of some tokens at a list rate: rates are doubles, sums of doubles differ from run to run.
EXACT_RATE = "CAST({} AS DECIMAL(18,15))"

TIME = "%Y-%m-%dT%H:%M:%S.%gZ"


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    """Return the result of `sql` as one dict a row, in its order."""
    result = connection.execute(sql)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, values, strict=True)) for values in result.fetchall()]


def row(connection: duckdb.DuckDBPyConnection, sql: str) -> Row:
    """Return the one row that `sql` gives."""
    (only,) = rows(connection, sql)
    return only


def exact_usd(amount: Decimal | int | None) -> float | None:
    """Return dollars with at most six decimals; None stays None."""
    return None if amount is None else float(round(Decimal(amount), 6))


def usd(amount: Decimal | int | None) -> float | None:
    """Return dollars as a person reads them: cents from 100 up, six decimals below a dollar; None stays None."""
    if amount is None:
        return None
    size = abs(Decimal(amount))
    return float(round(Decimal(amount), 2 if size >= 100 else 4 if size >= 1 else 6))


def share(part: Decimal | int | None, whole: Decimal | int | None) -> float | None:
    """Return `part / whole` with four decimals; None where either is unknown or the whole is zero."""
    if part is None or not whole:
        return None
    return float(round(Decimal(part) / Decimal(whole), 4))


def ratio(part: Decimal | float | None, whole: Decimal | float | None) -> float | None:
    """Return `part / whole` with one decimal; None where either is unknown or the whole is zero."""
    if part is None or not whole:
        return None
    return float(round(Decimal(part) / Decimal(whole), 1))


def milliseconds(value: float | None) -> float | None:
    """Return a duration with one decimal; None stays None."""
    return None if value is None else round(value, 1)


def known(fields: Mapping[str, Any]) -> Row:
    """Return `fields` without those that are None."""
    return {name: value for name, value in fields.items() if value is not None}


def total(values: Iterable[Decimal | int | None]) -> Decimal:
    """Return the exact sum of the known values."""
    return sum((Decimal(value) for value in values if value is not None), Decimal())


def counted(number: int, noun: str) -> str:
    """Return `1 call`, `2,000 calls`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
