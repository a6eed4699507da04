"""One row that describes the whole workload: what a template's `applies_when` is asked about.

The names are those of `tokenop.catalogue.vocabulary.PROFILE_SCALARS`. A value is None where the events do not say.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from tokenop.profile import reuse
from tokenop.profile.narrow import BUCKETS, KEYS, MEASURED, Recurring, columns_of, narrow, recurring
from tokenop.profile.window import HOURS_PER_MONTH, Window, of_micros

if TYPE_CHECKING:
    import duckdb

Scalar = Decimal | int | float | None

_COST = Decimal("0.000000000001")


class Again(NamedTuple):
    """What a caller has already measured of what comes again; it is the dearest part of the scalars."""

    recurring: Recurring
    prefix_reuse: float | None


def compute(
    connection: duckdb.DuckDBPyConnection, calls: str = "calls", window: Window | None = None
) -> dict[str, Scalar]:
    """Return the scalars of the relation `calls` (the columns of `tokenop.prices.calls`).

    Args:
        connection: where the relation is.
        calls: its name.
        window: the time it covers, where its rows no longer tell (a shared workload); by default from its times.

    Returns:
        The scalars by name. Quantiles are exact: the smallest value that at least the given share of calls reach
        or stay below, each row counted `n` times. Token shares are over calls with known usage, money shares over
        calls with a known cost, `repeat_share` over calls with a prompt hash, `prefix_reuse_share` (five-minute
        lifetime) over calls with prefix hashes, `priced_cost_share` is the share of tokens whose cost is known.
    """
    with narrow(connection, calls) as table:
        return of_narrow(connection, table, calls, window)


def of_narrow(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    calls: str,
    window: Window | None = None,
    again: Again | None = None,
) -> dict[str, Scalar]:
    """Return the scalars where the narrow table of `calls` exists already; see `compute`."""
    total = one_row(connection, _TOTALS.format(table=table))
    if not total["calls"]:
        return {**dict.fromkeys(_NAMES), "calls": 0}
    window = window or of_micros(total["first"], total["last"])
    keys = _keys(connection)
    again = again or Again(recurring(connection, table)[0], _prefix_reuse(connection, calls, total["prefixed"]))
    months = Decimal(window.hours) / Decimal(HOURS_PER_MONTH)
    cost: Decimal | None = total["cost"]
    tokens_in = total["input"]
    values: dict[str, Scalar] = {
        "window_hours": window.hours,
        "calls": total["calls"],
        "calls_per_day": total["calls"] * 24 / window.hours,
        "monthly_calls": total["calls"] * HOURS_PER_MONTH / window.hours,
        "monthly_cost_usd": _money(cost, months),
        "cost_per_call_usd": _money(cost, total["costed"]),
        "input_tokens_mean": ratio(tokens_in, total["used"]),
        "output_tokens_mean": ratio(total["output"], total["used"]),
        "output_cost_share": ratio(keys.pop("output_cost"), keys.pop("list_cost")),
        "cached_input_share": ratio(total["read"], tokens_in),
        "cache_write_share": ratio(total["write"], tokens_in),
        "prefix_reuse_share": again.prefix_reuse,
        "repeat_share": ratio(again.recurring.repeats, again.recurring.prompts),
        "warm_share": ratio(again.recurring.warm, total["calls"]),
        "batch_share": ratio(total["batch"], total["calls"]),
        **keys,
        "top_model_cost_share": ratio(keys["top_model_cost_share"], cost),
        "frontier_cost_share": ratio(total["frontier_cost"], cost),
        "peak_to_mean_hour": _peak(connection, table) * window.hours / total["calls"],
        "quality_mean": ratio(total["quality"], total["judged"]),
        "priced_cost_share": ratio(total["costed_tokens"], total["tokens"]),
        "agent_share": ratio(total["agent"], total["calls"]),
        "session_share": ratio(total["session"], total["calls"]),
        **_quantiles(connection, table, total["most"]),
    }
    return {name: values[name] for name in _NAMES}


_NAMES = (
    "window_hours", "calls", "calls_per_day", "monthly_calls", "monthly_cost_usd", "cost_per_call_usd",
    "input_tokens_mean", "input_tokens_p95", "output_tokens_mean", "output_tokens_p95", "output_cost_share",
    "cached_input_share", "cache_write_share", "prefix_reuse_share", "repeat_share", "warm_share", "batch_share",
    "distinct_tenants", "distinct_intents", "distinct_models", "distinct_providers", "top_model_cost_share",
    "frontier_cost_share", "peak_to_mean_hour", "latency_p50_ms", "latency_p95_ms", "quality_mean",
    "priced_cost_share", "agent_share", "session_share",
)  # fmt: skip

_TOTALS = """
SELECT min(us) AS first, max(us) AS last, max(n) AS most, sum(n)::BIGINT AS calls,
  sum(cost) AS cost, (sum(n) FILTER (cost IS NOT NULL))::BIGINT AS costed,
  sum(cost) FILTER (frontier) AS frontier_cost,
  sum(t_uncached + t_read + t_write_5m + t_write_1h)::HUGEINT AS input, sum(t_output)::HUGEINT AS output,
  sum(t_read)::HUGEINT AS read, sum(t_write_5m + t_write_1h)::HUGEINT AS write,
  (sum(n) FILTER (t_output IS NOT NULL))::BIGINT AS used,
  sum(t_uncached + t_read + t_write_5m + t_write_1h + t_output)::HUGEINT AS tokens,
  (sum(t_uncached + t_read + t_write_5m + t_write_1h + t_output) FILTER (cost IS NOT NULL))::HUGEINT AS costed_tokens,
  coalesce(sum(n) FILTER (batch), 0)::BIGINT AS batch,
  coalesce(sum(n) FILTER (agent), 0)::BIGINT AS agent, coalesce(sum(n) FILTER (session), 0)::BIGINT AS session,
  sum(quality * n) AS quality, (sum(n) FILTER (quality IS NOT NULL))::BIGINT AS judged, bool_or(prefixed) AS prefixed
FROM {table}
"""


def one_row(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    """Return the only row of a query by column name."""
    result = connection.execute(sql)
    row = result.fetchone()
    assert row is not None, "an aggregate without groups always has a row"
    return dict(zip([column[0] for column in result.description], row, strict=True))


def _keys(connection: duckdb.DuckDBPyConnection) -> dict[str, Scalar]:
    return one_row(
        connection,
        f"""SELECT count(DISTINCT tenant) AS distinct_tenants, count(DISTINCT intent) AS distinct_intents,
            count(DISTINCT (provider, model)) AS distinct_models, count(DISTINCT provider) AS distinct_providers,
            (SELECT max(cost) FROM (SELECT sum(cost) AS cost FROM {KEYS} GROUP BY provider, model))
              AS top_model_cost_share,
            sum(c_output) AS output_cost, sum({" + ".join(f"c_{bucket}" for bucket in BUCKETS)}) AS list_cost
        FROM {KEYS}""",
    )


def _peak(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(
        f"SELECT max(calls)::BIGINT FROM (SELECT sum(n) AS calls FROM {table} GROUP BY us // 3600000000)"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _quantiles(connection: duckdb.DuckDBPyConnection, table: str, most: int) -> dict[str, Scalar]:
    wanted = {"input_tokens": (0.95,), "output_tokens": (0.95,), "latency_ms": (0.5, 0.95)}
    names = ("input_tokens_p95", "output_tokens_p95", "latency_p50_ms", "latency_p95_ms")
    found: list[Scalar] = []
    for column, shares in wanted.items():
        if most == 1:
            row = connection.execute(f"SELECT quantile_disc({column}, {list(shares)}) FROM {table}").fetchone()
        else:
            row = connection.execute(weighted_quantiles(table, column, shares)).fetchone()
        assert row is not None
        found += row[0] or [None] * len(shares)
    return {name: None if value is None else float(value) for name, value in zip(names, found, strict=True)}


def weighted_quantiles(table: str, column: str, shares: tuple[float, ...]) -> str:
    """Return SQL for one list: the exact quantiles of `column` with each row counted `n` times, NULLs where unknown."""
    picks = ", ".join(f"min(value) FILTER (reached >= {share} * whole)" for share in shares)
    return f"""
WITH counted AS (SELECT {column} AS value, sum(n) AS n FROM {table} WHERE {column} IS NOT NULL GROUP BY 1),
ranked AS (SELECT value, sum(n) OVER (ORDER BY value) AS reached, sum(n) OVER () AS whole FROM counted)
SELECT [{picks}] FROM ranked"""


def _prefix_reuse(connection: duckdb.DuckDBPyConnection, calls: str, prefixed: bool) -> float | None:
    if set(MEASURED) <= columns_of(connection, calls):
        sql = f"""SELECT sum(hit_5m_tokens)::HUGEINT,
            (sum(t_uncached + t_read + t_write_5m + t_write_1h) FILTER (hit_5m_tokens IS NOT NULL))::HUGEINT
            FROM {calls}"""
        row = connection.execute(sql).fetchone()
        return ratio(row[0], row[1]) if row else None
    if not prefixed:
        return None
    row = connection.execute(reuse.totals(reuse.prefix_table(connection, calls), "5m")).fetchone()
    return ratio(row[2], row[3]) if row else None


def ratio(part: object, whole: object) -> float | None:
    """Return `part / whole` as a float; None where the whole is unknown or 0."""
    if whole is None or not whole:
        return None
    return float(Decimal(str(part or 0)) / Decimal(str(whole)))


def _money(amount: Decimal | None, divisor: object) -> Decimal | None:
    if amount is None or not divisor:
        return None
    return (amount / Decimal(str(divisor))).quantize(_COST)
