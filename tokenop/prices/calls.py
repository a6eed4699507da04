"""Events joined with their prices in SQL: the relation `calls` that everything after it works on."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from tokenop.database import identifier
from tokenop.errors import InputError
from tokenop.prices.coverage import Coverage, measure
from tokenop.prices.model import DAY_SECONDS, Entry

if TYPE_CHECKING:
    import duckdb

    from tokenop.prices.book import PriceBook

INTERVALS = "price_intervals"
# USD per token. Twelve places are those of the cost: rescaling 2 M products would take longer than all the rest, and
# 18 digits × the 19 of a BIGINT stay below DECIMAL's 38, so that absurd token counts do not overflow.
RATE = "DECIMAL(18,12)"
INTERVAL_COLUMNS = (
    "provider VARCHAR, model VARCHAR, batch BOOLEAN, priced_provider VARCHAR, priced_model VARCHAR, price_id VARCHAR, "
    "undated BOOLEAN, valid_from TIMESTAMPTZ, valid_until TIMESTAMPTZ, second_from BIGINT, second_until BIGINT, "
    "above BIGINT, upto BIGINT, batch_discount DOUBLE, "
    f"input {RATE}, cache_read {RATE}, cache_write_5m {RATE}, cache_write_1h {RATE}, output {RATE}, per_call {RATE}"
)
FIRST_DAY, LAST_DAY = "0001-01-01T00:00:00+00:00", "9999-12-31T00:00:00+00:00"
MOST_TOKENS = 2**62


class TargetRate(NamedTuple):
    """Rates in USD per token for calls of `min_input_tokens` ≤ input ≤ `max_input_tokens` (None: no end).

    A cache rate of None means that those tokens cost `r_uncached`. `r_call` is USD per call.
    """

    min_input_tokens: int
    max_input_tokens: int | None
    r_uncached: float
    r_read: float | None
    r_write_5m: float | None
    r_write_1h: float | None
    r_output: float
    r_call: float
    batch_discount: float | None
    price_id: str


def create(
    connection: duckdb.DuckDBPyConnection, book: PriceBook, source: str = "events", name: str = "calls"
) -> Coverage:
    """Create the view `name` over `source` with token buckets, rates and cost, and return what the prices cover.

    A `source` with a column `n` holds several calls a row: its token counts and `cost_usd` are then totals of the row.
    The distinct names are normalised once; the join is a temporary table of price intervals.
    """
    columns = {row[0] for row in connection.execute(f"DESCRIBE {identifier(source)}").fetchall()}
    pairs = connection.execute(
        f"SELECT DISTINCT provider, model FROM {identifier(source)} ORDER BY provider, model"
    ).fetchall()
    rows = [
        row
        for provider, model in pairs
        if (key := book.resolve(provider or "", model or "")) is not None
        for row in _intervals(provider, model, book.entries_of(key))
    ]
    table = f"{name}_{INTERVALS}"
    _store(connection, table, rows)
    connection.execute(_view(source, name, table, columns, rows))
    return measure(connection, name)


def _intervals(provider: str, model: str, entries: tuple[Entry, ...]) -> list[tuple[object, ...]]:
    """Return the rows of one spelling; where there is no batch price, batch calls pay the standard one."""
    rows: list[tuple[object, ...]] = []
    reduced = {_place(entry) for entry in entries if entry.slot.processing == "batch"}
    for entry in entries:
        batch = entry.slot.processing == "batch"
        rows.append(_row(provider, model, batch, entry))
        if not batch and _place(entry) not in reduced:
            rows.append(_row(provider, model, True, entry))
    return rows


def _place(entry: Entry) -> tuple[object, ...]:
    slot = entry.slot
    return entry.valid_from, entry.valid_until, slot.second_from, slot.second_until, slot.above, slot.upto


def _row(provider: str, model: str, batch: bool, entry: Entry) -> tuple[object, ...]:
    slot, rates = entry.slot, entry.rates
    return (
        *(provider, model, batch, entry.key.provider, entry.key.model, entry.price_id, entry.undated),
        entry.valid_from.isoformat() if entry.valid_from else FIRST_DAY,
        entry.valid_until.isoformat() if entry.valid_until else LAST_DAY,
        *(slot.second_from, slot.second_until),
        # No call has fewer than 0 tokens: the lowest range starts where nothing can be below it.
        *(-MOST_TOKENS if slot.above < 0 else slot.above, MOST_TOKENS if slot.upto is None else slot.upto),
        None if batch or slot.batch_discount is None else float(slot.batch_discount),
        *(rates.input, rates.cache_read, rates.cache_write_5m, rates.cache_write_1h, rates.output, rates.per_call),
    )


def _store(connection: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[object, ...]]) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {identifier(table)} ({INTERVAL_COLUMNS})")
    if rows:
        # One statement with a list a column: a statement a row takes seconds where a log names hundreds of models.
        columns = [[None if value is None else str(value) for value in column] for column in zip(*rows, strict=True)]
        lists = ", ".join(["unnest(?::VARCHAR[])"] * len(columns))
        connection.execute(f"INSERT INTO {identifier(table)} SELECT {lists}", columns)


def _conditions(rows: list[tuple[object, ...]], columns: set[str]) -> list[str]:
    """Return only the conditions that some price needs: each one is work on every event."""
    batch = "coalesce(e.batch, false)" if "batch" in columns else "false"
    conditions = ["p.provider = e.provider", "p.model = e.model", f"p.batch = {batch}"]
    if any(row[7:9] != (FIRST_DAY, LAST_DAY) for row in rows):
        conditions += ["e.ts >= p.valid_from", "e.ts < p.valid_until"]
    if any(row[9:11] != (0, DAY_SECONDS) for row in rows):
        second = f"(epoch_us(e.ts) // 1000000) % {DAY_SECONDS}"
        conditions += [f"{second} >= p.second_from", f"{second} < p.second_until"]
    if any(row[11:13] != (-MOST_TOKENS, MOST_TOKENS) for row in rows):
        size, above, upto = "coalesce(e.input_tokens, 0)", "p.above", "p.upto"
        if "n" in columns:
            above, upto = (f"{bound}::HUGEINT * coalesce(e.n, 1)" for bound in (above, upto))
        conditions += [f"{size} > {above}", f"{size} <= {upto}"]
    return conditions


def _view(source: str, name: str, table: str, columns: set[str], rows: list[tuple[object, ...]]) -> str:
    def column(field: str, kind: str) -> str:
        return f"e.{identifier(field)}" if field in columns else f"NULL::{kind}"

    calls = "coalesce(e.n, 1)::BIGINT" if "n" in columns else "1::BIGINT"
    read = f"coalesce({column('cache_read_input_tokens', 'BIGINT')}, 0)"
    write = f"coalesce({column('cache_creation_input_tokens', 'BIGINT')}, 0)"
    long = f"coalesce({column('cache_creation_1h_input_tokens', 'BIGINT')}, 0)"
    known = "e.input_tokens IS NOT NULL AND e.output_tokens IS NOT NULL"
    dropped = [field for field in ("n", "price_id") if field in columns]
    kept = f"e.* EXCLUDE ({', '.join(dropped)})" if dropped else "e.*"
    conditions = _conditions(rows, columns)
    return f"""CREATE OR REPLACE TEMP VIEW {identifier(name)} AS
WITH bucketed AS (
  SELECT {kept}, {calls} AS n,
    CASE WHEN {known} THEN e.input_tokens - {read} - {write} END AS t_uncached,
    CASE WHEN {known} THEN {read} END AS t_read,
    CASE WHEN {known} THEN {write} - {long} END AS t_write_5m,
    CASE WHEN {known} THEN {long} END AS t_write_1h,
    CASE WHEN {known} THEN e.output_tokens END AS t_output,
    p.input::DOUBLE AS r_uncached, p.cache_read::DOUBLE AS r_read, p.cache_write_5m::DOUBLE AS r_write_5m,
    p.cache_write_1h::DOUBLE AS r_write_1h, p.output::DOUBLE AS r_output, p.per_call::DOUBLE AS r_call,
    p.batch_discount, p.priced_provider, p.priced_model, p.undated,
    {column("price_id", "VARCHAR")} AS _own_price_id, p.price_id AS _list_price_id,
    {column("cost_usd", "DECIMAL(20,12)")} AS _own_cost, {column("cost_source", "VARCHAR")} AS _own_source,
    CASE WHEN {known} THEN
      (e.input_tokens - {read} - {write}) * p.input + {read} * coalesce(p.cache_read, p.input)
      + ({write} - {long}) * coalesce(p.cache_write_5m, p.input) + {long} * coalesce(p.cache_write_1h, p.input)
      + e.output_tokens * p.output + {calls} * p.per_call
    END::DECIMAL(38,12) AS list_cost
  FROM {identifier(source)} e LEFT JOIN {identifier(table)} p ON {" AND ".join(conditions)}
)
SELECT * EXCLUDE (_own_price_id, _list_price_id, _own_cost, _own_source),
  CASE WHEN _own_cost IS NULL AND list_cost IS NOT NULL THEN _list_price_id ELSE _own_price_id END AS price_id,
  coalesce(_own_cost::DECIMAL(38,12), list_cost) AS cost,
  CASE WHEN _own_cost IS NOT NULL THEN CASE _own_source WHEN 'priced' THEN 'priced' ELSE 'reported' END
    WHEN list_cost IS NOT NULL THEN 'priced' ELSE 'unpriced' END AS cost_basis
FROM bucketed"""


def target_rates(
    connection: duckdb.DuckDBPyConnection,  # noqa: ARG001 the contract with the levers: they hold one anyway
    book: PriceBook,
    provider: str,
    model: str,
    at: datetime,
) -> list[TargetRate]:
    """Return what calls would pay at another model at a time: one row a range of prompt sizes, smallest first.

    Raises:
        InputError: the model is unknown or has no token price then; near names are in the message.
    """
    key = book.resolve(provider, model)
    moment = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    entries = book.valid_at(key, moment) if key else ()
    if not entries:
        near = ", ".join(book.near(provider, model))
        hint = f"; near: {near}" if near else "; `tokenop prices show` finds names"
        raise InputError(f"{provider}/{model}: no price known{hint}")
    return [_target(entry) for entry in entries]


def _target(entry: Entry) -> TargetRate:
    slot, rates = entry.slot, entry.rates
    return TargetRate(
        min_input_tokens=slot.above + 1,
        max_input_tokens=slot.upto,
        r_uncached=float(rates.input),
        r_read=_plain(rates.cache_read),
        r_write_5m=_plain(rates.cache_write_5m),
        r_write_1h=_plain(rates.cache_write_1h),
        r_output=float(rates.output),
        r_call=float(rates.per_call),
        batch_discount=_plain(slot.batch_discount),
        price_id=entry.price_id,
    )


def _plain(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
