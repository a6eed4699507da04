"""Adding up the calls of a period, in DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tokenop.database import quoted
from tokenop.gateway.costing.model import Costs, Day, Kept, PromptCaching, Routing, Spending
from tokenop.gateway.costing.periods import Period
from tokenop.prices import calls, listing

if TYPE_CHECKING:
    import duckdb

    from tokenop.prices.book import PriceBook

# What spend is told by → the field of an event.
FIELDS = {
    "user": "user_id",
    "tier": "tier",
    "provider": "provider",
    "model": "model",
    "intent": "intent",
    "tenant": "tenant",
    "department": "department",
}
USUAL = ("user", "tier", "provider")

_MONEY = "DECIMAL(38,12)"
_FAILED = (
    "coalesce(status, 'ok') NOT IN ('ok', 'success', 'succeeded', 'completed') AND NOT regexp_full_match(status, '2..')"
)
_CALL_COLUMNS = (
    "ts, provider, model, user_id, tier, intent, tenant, department, input_tokens, output_tokens, latency_ms, "
    "cost_usd, cost_source, price_id, cache_read_input_tokens, cache_creation_input_tokens, "
    "cache_creation_1h_input_tokens, status, attempt, fallback_used, cache_hit, tokens_saved, batch"
)
_SPENDING = """
  count(*) FILTER (WHERE coalesce(attempt, 1) = 1),
  count(*),
  coalesce(sum(input_tokens), 0)::HUGEINT,
  coalesce(sum(output_tokens), 0)::HUGEINT,
  sum(cost),
  count(*) FILTER (WHERE failed),
  count(*) FILTER (WHERE fallback_used),
  quantile_cont(latency_ms, 0.5) FILTER (WHERE NOT failed AND NOT hit),
  quantile_cont(latency_ms, 0.95) FILTER (WHERE NOT failed AND NOT hit),
  count(*) FILTER (WHERE cost IS NULL),
  coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) FILTER (WHERE cost IS NULL), 0)::HUGEINT"""
_CACHING = """
  coalesce(sum(input_tokens) FILTER (WHERE cache_read_input_tokens IS NOT NULL), 0)::HUGEINT,
  coalesce(sum(cache_read_input_tokens) FILTER (WHERE input_tokens IS NOT NULL), 0)::HUGEINT,
  coalesce(sum(cache_creation_input_tokens), 0)::HUGEINT,
  sum(premium),
  sum(reading - premium)"""
_OF_SPENDING = 11


def measure(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    book: PriceBook,
    period: Period,
    source: str,
    by: Sequence[str] = USUAL,
    baseline: tuple[str, str] | None = None,
) -> Costs | None:
    """Return what the calls of a period cost; None where there are none.

    Args:
        connection: where the events are.
        relation: SQL of a relation with all columns of an event.
        book: prices, for events without a cost, and of what is cached.
        period: which calls.
        source: where they come from, in words.
        by: keys of `FIELDS`.
        baseline: provider and model to hold the routing against.

    Raises:
        InputError: the baseline is no known model.
    """
    _rows(connection, relation, book, period)
    grouped = _grouped(connection, by)
    if not grouped[""]:
        return None
    return Costs(
        period,
        source,
        total=_spending(grouped[""][0][1:]),
        by={what: tuple((row[0], _spending(row[1:])) for row in grouped[what]) for what in by},
        days=tuple(
            Day(row[0], _spending(row[1:]), _caching(row[1 + _OF_SPENDING :]))
            for row in sorted(grouped["day"], key=lambda row: row[0])
        ),
        caching=_caching(grouped[""][0][1 + _OF_SPENDING :]),
        kept=_kept(connection),
        routing=_routing(connection, book, baseline) if baseline is not None else None,
    )


def _rows(connection: duckdb.DuckDBPyConnection, relation: str, book: PriceBook, period: Period) -> None:
    """Make the table `costs`: the calls of the period with what each cost, and what its cached tokens did to that."""
    since, until = (quoted(moment.isoformat()) for moment in (period.since, period.until))
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW costs_events AS SELECT {_CALL_COLUMNS} FROM {relation} "
        f"WHERE ts >= {since}::TIMESTAMPTZ AND ts < {until}::TIMESTAMPTZ"
    )
    calls.create(connection, book, "costs_events", "costs_calls")
    said = ", ".join(f"nullif(nullif({field}, ''), 'unknown') AS {field}" for field in FIELDS.values())
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE costs AS SELECT * REPLACE ({said}),
          timezone({quoted(period.zone)}, ts)::DATE AS day,
          coalesce({_FAILED}, false) AS failed,
          coalesce(cache_hit, false) AS hit,
          (t_write_5m * (coalesce(r_write_5m, r_uncached) - r_uncached)
            + t_write_1h * (coalesce(r_write_1h, r_uncached) - r_uncached))::{_MONEY} AS premium,
          (t_read * (r_uncached - coalesce(r_read, r_uncached)))::{_MONEY} AS reading
        FROM costs_calls"""
    )


def _grouped(connection: duckdb.DuckDBPyConnection, by: Sequence[str]) -> dict[str, list[tuple[Any, ...]]]:
    """Return the sums of all rows (under ""), of each day, and of each value of `by`, the dearest first."""
    names = ["day", *by]
    columns = ["day", *(FIELDS[one] for one in by)]
    sets = ", ".join(["()", *(f"({column})" for column in columns)])
    found: dict[str, list[tuple[Any, ...]]] = {"": [], **{name: [] for name in names}}
    rows = connection.execute(
        f"SELECT {', '.join(f'GROUPING({column})' for column in columns)}, {', '.join(columns)}, "
        f"{_SPENDING},{_CACHING} FROM costs GROUP BY GROUPING SETS ({sets})"
    ).fetchall()
    for row in rows:
        missing, values, rest = row[: len(names)], row[len(names) : 2 * len(names)], row[2 * len(names) :]
        if not rest[1]:
            continue  # the sum of nothing
        place = next((number for number, gone in enumerate(missing) if not gone), None)
        name, value = ("", None) if place is None else (names[place], values[place])
        found[name].append((value, *rest))
    for rows_of in found.values():
        rows_of.sort(key=lambda row: (-(row[5] or 0), -row[1], str(row[0])))
    return found


def _spending(row: Sequence[Any]) -> Spending:
    return Spending(*row[:_OF_SPENDING])


def _caching(row: Sequence[Any]) -> PromptCaching:
    return PromptCaching(*row[:5])


def _kept(connection: duckdb.DuckDBPyConnection) -> Kept:
    """Return what kept answers saved, at what a token of the same model cost on average, else at its input price."""
    rows = connection.execute(
        """SELECT count(*) FILTER (WHERE hit), coalesce(sum(tokens_saved) FILTER (WHERE hit), 0)::HUGEINT,
          sum(cost) FILTER (WHERE NOT hit AND NOT failed),
          sum(input_tokens + output_tokens) FILTER (WHERE NOT hit AND NOT failed AND cost IS NOT NULL)::HUGEINT,
          max(r_uncached) FILTER (WHERE hit)
        FROM costs GROUP BY provider, model HAVING bool_or(hit) ORDER BY provider, model"""
    ).fetchall()
    saved: Decimal | None = Decimal(0)
    for _, tokens, cost, answered, rate in rows:
        each = cost / int(answered) if cost is not None and answered else None if rate is None else Decimal(str(rate))
        saved = None if saved is None or each is None else saved + each * int(tokens)
    return Kept(sum(row[0] for row in rows), sum(row[1] for row in rows), saved if rows else Decimal(0))


def _routing(connection: duckdb.DuckDBPyConnection, book: PriceBook, baseline: tuple[str, str]) -> Routing:
    """Return what the same tokens would have cost at one model, each at the price of its day."""
    key = listing.find(book, *baseline)
    connection.execute(
        f"""CREATE OR REPLACE TEMP VIEW costs_elsewhere_events AS
        SELECT ts, {quoted(key.provider)} AS provider, {quoted(key.model)} AS model, batch, input_tokens, output_tokens,
          cache_read_input_tokens, cache_creation_input_tokens, cache_creation_1h_input_tokens, cost AS paid, failed
        FROM costs WHERE NOT hit"""
    )
    calls.create(connection, book, "costs_elsewhere_events", "costs_elsewhere")
    row = connection.execute(
        """SELECT count(*) FILTER (WHERE NOT failed AND known), count(*) FILTER (WHERE NOT failed AND NOT known),
          coalesce(sum(list_cost) FILTER (WHERE NOT failed AND known), 0),
          coalesce(sum(paid) FILTER (WHERE failed OR known), 0)
        FROM (SELECT *, list_cost IS NOT NULL AND paid IS NOT NULL AS known FROM costs_elsewhere)"""
    ).fetchone()
    assert row is not None
    return Routing(f"{key.provider}/{key.model}", *row)
