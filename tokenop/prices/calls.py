"""Events joined with their prices in SQL: the relation `calls` that everything after it works on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
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
# USD per token: 15 places hold every published rate exactly, and 18 + 19 digits stay below DECIMAL's 38.
RATE = "DECIMAL(18,15)"
INTERVAL_COLUMNS = (
    "provider VARCHAR, model VARCHAR, batch BOOLEAN, priced_provider VARCHAR, priced_model VARCHAR, price_id VARCHAR, "
    "undated BOOLEAN, valid_from DATE, valid_until DATE, second_from BIGINT, second_until BIGINT, "
    "above BIGINT, upto BIGINT, batch_discount DOUBLE, "
    f"input {RATE}, cache_read {RATE}, cache_write_5m {RATE}, cache_write_1h {RATE}, output {RATE}, per_call {RATE}"
)
FIRST_DAY, LAST_DAY = date(1, 1, 1), date(9999, 12, 31)
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
        *(entry.valid_from or FIRST_DAY, entry.valid_until or LAST_DAY, slot.second_from, slot.second_until),
        # No call has fewer than 0 tokens: the lowest range starts where nothing can be below it.
        *(-MOST_TOKENS if slot.above < 0 else slot.above, MOST_TOKENS if slot.upto is None else slot.upto),
        None if batch or slot.batch_discount is None else float(slot.batch_discount),
        *(rates.input, rates.cache_read, rates.cache_write_5m, rates.cache_write_1h, rates.output, rates.per_call),
    )


def _store(connection: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[object, ...]]) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {identifier(table)} ({INTERVAL_COLUMNS})")
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {identifier(table)} VALUES ({marks})", rows)


def _conditions(rows: list[tuple[object, ...]], calls: str) -> list[str]:
    """Return only the conditions that some price needs: each one is work on every event."""
    conditions = ["p.provider = e.provider", "p.model = e.model", "p.batch = coalesce(e.batch, false)"]
    if any((row[7], row[8]) != (FIRST_DAY, LAST_DAY) for row in rows):
        conditions += ["e.ts >= p.valid_from::TIMESTAMPTZ", "e.ts < p.valid_until::TIMESTAMPTZ"]
    if any((row[9], row[10]) != (0, DAY_SECONDS) for row in rows):
        second = f"(epoch_us(e.ts) // 1000000) % {DAY_SECONDS}"
        conditions += [f"{second} >= p.second_from", f"{second} < p.second_until"]
    if any((row[11], row[12]) != (-MOST_TOKENS, MOST_TOKENS) for row in rows):
        size = "coalesce(e.input_tokens, 0)"
        if calls == "1":
            conditions += [f"{size} > p.above", f"{size} <= p.upto"]
        else:
            conditions += [f"{size}::HUGEINT > p.above::HUGEINT * {calls}"]
            conditions += [f"{size}::HUGEINT <= p.upto::HUGEINT * {calls}"]
    return conditions


def _view(source: str, name: str, table: str, columns: set[str], rows: list[tuple[object, ...]]) -> str:
    def column(field: str, absent: str) -> str:
        return f"e.{field}" if field in columns else absent

    calls = "coalesce(e.n, 1)" if "n" in columns else "1"
    read = f"coalesce({column('cache_read_input_tokens', 'NULL::BIGINT')}, 0)"
    write = f"coalesce({column('cache_creation_input_tokens', 'NULL::BIGINT')}, 0)"
    long = f"coalesce({column('cache_creation_1h_input_tokens', 'NULL::BIGINT')}, 0)"
    conditions = _conditions(rows, calls)
    if "batch" not in columns:
        conditions[2] = "p.batch = false"
    dropped = sorted({"n", "price_id"} & columns)
    kept = f"e.* EXCLUDE ({', '.join(dropped)})" if dropped else "e.*"
    reported = column("cost_usd", "NULL")
    return f"""CREATE OR REPLACE TEMP VIEW {identifier(name)} AS
WITH bucketed AS (
  SELECT {kept}, {column("price_id", "NULL::VARCHAR")} AS own_price_id, {calls}::BIGINT AS n,
    CASE WHEN e.output_tokens IS NOT NULL THEN e.input_tokens - {read} - {write} END AS t_uncached,
    CASE WHEN (e.input_tokens + e.output_tokens) IS NOT NULL THEN {read} END AS t_read,
    CASE WHEN (e.input_tokens + e.output_tokens) IS NOT NULL THEN {write} - {long} END AS t_write_5m,
    CASE WHEN (e.input_tokens + e.output_tokens) IS NOT NULL THEN {long} END AS t_write_1h,
    CASE WHEN e.input_tokens IS NOT NULL THEN e.output_tokens END AS t_output,
    p.input::DOUBLE AS r_uncached, p.cache_read::DOUBLE AS r_read, p.cache_write_5m::DOUBLE AS r_write_5m,
    p.cache_write_1h::DOUBLE AS r_write_1h, p.output::DOUBLE AS r_output, p.per_call::DOUBLE AS r_call,
    p.batch_discount, p.priced_provider, p.priced_model, p.price_id AS list_price_id, p.undated,
    (t_uncached * p.input + t_read * coalesce(p.cache_read, p.input)
      + t_write_5m * coalesce(p.cache_write_5m, p.input) + t_write_1h * coalesce(p.cache_write_1h, p.input)
      + t_output * p.output + {calls}::BIGINT * p.per_call)::DECIMAL(38,12) AS list_cost
  FROM {identifier(source)} e LEFT JOIN {identifier(table)} p ON {" AND ".join(conditions)}
)
SELECT * EXCLUDE (own_price_id, list_price_id),
  CASE WHEN {reported.replace("e.", "")} IS NULL AND list_cost IS NOT NULL
    THEN list_price_id ELSE own_price_id END AS price_id,
  coalesce({reported.replace("e.", "")}::DECIMAL(38,12), list_cost) AS cost,
  CASE WHEN {reported.replace("e.", "")} IS NOT NULL
      THEN {"CASE cost_source WHEN 'priced' THEN 'priced' ELSE 'reported' END" if "cost_source" in columns else "'reported'"}
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

    def plain(rate: Decimal | None) -> float | None:
        return None if rate is None else float(rate)

    return TargetRate(
        slot.above + 1,
        slot.upto,
        float(rates.input),
        *(plain(rate) for rate in (rates.cache_read, rates.cache_write_5m, rates.cache_write_1h)),
        float(rates.output),
        float(rates.per_call),
        plain(slot.batch_discount),
        entry.price_id,
    )


def day_before(day: date) -> date:
    """Return the last day on which a price with the exclusive end `day` holds."""
    return day - timedelta(days=1)
