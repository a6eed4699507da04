"""What looks wrong in the events: each anomaly with its rule, its figure and the events that show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tokenop.collect.discovered_figures import TIME, Row, known, ratio, row, rows, share, total, usd
from tokenop.database import quoted

if TYPE_CHECKING:
    import duckdb

# A reported cost that far from the list price is a wrong unit or a wrong row, never a discount.
PRICE_FACTOR = 100
# Calls of one model and intent differ in size; a thousand times the median is no longer size.
PEER_FACTOR = 1000
PEERS = 20
DAY_FACTOR = 3
DAYS = 7
SESSION_FACTOR = 50
DUPLICATE_SHARE = 0.05
EXAMPLES = 5
ALL = "(all tenants)"

_CALL = f"id, strftime(ts, '{TIME}') AS at, tenant, intent, provider, model, cost"


def find(connection: duckdb.DuckDBPyConnection, calls: str, sources: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return the anomalies in the relation `calls` and in the counts of `sources`, in a fixed order of rules.

    Each has `rule`, `what` (one sentence), `count`, `cost_usd` of what it is about, and up to five `examples`,
    the worst first.
    """
    found = [
        _price(connection, calls),
        _peers(connection, calls),
        _model_price(connection, calls),
        _day(connection, calls),
        _session(connection, calls),
        _no_output(connection, calls),
        *(_duplicates(source) for source in sources),
    ]
    return [anomaly for anomaly in found if anomaly]


def _calls(connection: duckdb.DuckDBPyConnection, rule: str, what: str, having: str) -> Row | None:
    """Return the anomaly of single calls that `having` selects: `_CALL` columns plus `expected` and `factor`."""
    totals = row(connection, f"SELECT count(*) AS calls, sum(cost) AS cost FROM ({having})")
    if not totals["calls"]:
        return None
    worst = rows(connection, f"{having} ORDER BY factor DESC, id LIMIT {EXAMPLES}")
    return {
        "rule": rule,
        "what": what,
        "count": totals["calls"],
        "cost_usd": usd(totals["cost"]),
        "examples": [
            known(
                {
                    "event_id": call["id"],
                    "ts": call["at"],
                    "tenant": call["tenant"],
                    "intent": call["intent"],
                    "model": f"{call['provider']}/{call['model']}",
                    "cost_usd": usd(call["cost"]),
                    "expected_usd": usd(call["expected"]),
                    "factor": ratio(call["cost"], call["expected"]),
                }
            )
            for call in worst
        ],
    }


def _price(connection: duckdb.DuckDBPyConnection, calls: str) -> Row | None:
    return _calls(
        connection,
        "cost-far-from-price",
        f"Reported cost is at least {PRICE_FACTOR} times the call's list price, or at most a {PRICE_FACTOR}th of it.",
        f"""SELECT {_CALL}, list_cost AS expected,
          CAST(greatest(cost, list_cost) AS DOUBLE) / CAST(least(cost, list_cost) AS DOUBLE) AS factor
        FROM {calls}
        WHERE cost_basis = 'reported' AND n = 1 AND list_cost > 0 AND cost > 0
          AND (cost >= {PRICE_FACTOR} * list_cost OR list_cost >= {PRICE_FACTOR} * cost)""",
    )


def _peers(connection: duckdb.DuckDBPyConnection, calls: str) -> Row | None:
    return _calls(
        connection,
        "cost-far-from-peers",
        f"A call costs at least {PEER_FACTOR} times the median call of its model and intent.",
        f"""SELECT {_CALL}, expected, CAST(cost AS DOUBLE) / CAST(expected AS DOUBLE) AS factor
        FROM {calls} JOIN (
          SELECT provider, model, intent, quantile_disc(cost, 0.5) AS expected FROM {calls} WHERE cost > 0 AND n = 1
          GROUP BY ALL HAVING count(*) >= {PEERS}
        ) USING (provider, model, intent)
        WHERE n = 1 AND cost >= {PEER_FACTOR} * expected""",
    )


def _model_price(connection: duckdb.DuckDBPyConnection, calls: str) -> Row | None:
    found = rows(
        connection,
        f"""SELECT provider, model, sum(n) AS calls, sum(cost) AS cost, sum(list_cost) AS list FROM {calls}
        WHERE cost_basis = 'reported' AND list_cost > 0 GROUP BY ALL
        HAVING sum(n) >= {PEERS} AND (sum(cost) > 2 * sum(list_cost) OR 2 * sum(cost) < sum(list_cost))
        ORDER BY cost DESC, provider, model""",
    )
    if not found:
        return None
    return {
        "rule": "model-priced-otherwise",
        "what": "All reported costs of a model together are more than twice, or less than half, its list price.",
        "count": len(found),
        "cost_usd": usd(total(entry["cost"] for entry in found)),
        "examples": [
            {
                "model": f"{entry['provider']}/{entry['model']}",
                "calls": int(entry["calls"]),
                "reported_usd": usd(entry["cost"]),
                "list_usd": usd(entry["list"]),
                "factor": round(float(entry["cost"] / entry["list"]), 3),
            }
            for entry in found[:EXAMPLES]
        ],
    }


def _day(connection: duckdb.DuckDBPyConnection, calls: str) -> Row | None:
    found = rows(
        connection,
        f"""WITH day AS (
          SELECT coalesce(tenant, '{ALL}') AS tenant, date_trunc('day', ts) AS day, sum(n) AS calls, sum(cost) AS cost
          FROM {calls} WHERE cost > 0 GROUP BY GROUPING SETS ((tenant, date_trunc('day', ts)), (date_trunc('day', ts)))
        ), usual AS (
          SELECT tenant, quantile_disc(cost, 0.5) AS expected FROM day GROUP BY tenant HAVING count(*) >= {DAYS}
        )
        SELECT tenant, strftime(day, '%Y-%m-%d') AS day, calls, cost, expected FROM day JOIN usual USING (tenant)
        WHERE cost > {DAY_FACTOR} * expected ORDER BY cost DESC, tenant, day""",
    )
    if not found:
        return None
    return {
        "rule": "dear-day",
        "what": f"A day costs more than {DAY_FACTOR} times the median day of its tenant, or of all together.",
        "count": len(found),
        "cost_usd": usd(max(day["cost"] for day in found)),
        "examples": [
            {
                "day": day["day"],
                "tenant": day["tenant"],
                "calls": int(day["calls"]),
                "cost_usd": usd(day["cost"]),
                "median_day_usd": usd(day["expected"]),
                "factor": ratio(day["cost"], day["expected"]),
                "event_id": _dearest(connection, calls, "strftime(ts, '%Y-%m-%d')", day["day"], day["tenant"]),
            }
            for day in found[:EXAMPLES]
        ],
    }


def _dearest(connection: duckdb.DuckDBPyConnection, calls: str, column: str, value: str, tenant: str) -> str:
    """Return the id of the dearest call where `column` has `value`, of one tenant or of all."""
    of_tenant = "" if tenant == ALL else f"AND tenant = {quoted(tenant)}"
    found = row(
        connection,
        f"""SELECT arg_max(id, (cost, id)) AS id FROM {calls}
        WHERE cost > 0 AND {column} = {quoted(value)} {of_tenant}""",
    )
    return str(found["id"])


def _session(connection: duckdb.DuckDBPyConnection, calls: str) -> Row | None:
    found = rows(
        connection,
        f"""WITH session AS (
          SELECT tenant, session_id, sum(n) AS calls, sum(cost) AS cost FROM {calls}
          WHERE session_id IS NOT NULL AND cost > 0 GROUP BY ALL
        ), usual AS (
          SELECT tenant, quantile_disc(cost, 0.5) AS expected FROM session GROUP BY tenant HAVING count(*) >= {PEERS}
        )
        SELECT tenant, session_id, calls, cost, expected FROM session JOIN usual USING (tenant)
        WHERE cost >= {SESSION_FACTOR} * expected ORDER BY cost DESC, session_id""",
    )
    if not found:
        return None
    return {
        "rule": "runaway-session",
        "what": f"A session costs at least {SESSION_FACTOR} times the median session of its tenant.",
        "count": len(found),
        "cost_usd": usd(total(session["cost"] for session in found)),
        "examples": [
            {
                "session_id": session["session_id"],
                "tenant": session["tenant"],
                "calls": int(session["calls"]),
                "cost_usd": usd(session["cost"]),
                "median_session_usd": usd(session["expected"]),
                "factor": ratio(session["cost"], session["expected"]),
                "event_id": _dearest(connection, calls, "session_id", session["session_id"], session["tenant"]),
            }
            for session in found[:EXAMPLES]
        ],
    }


def _no_output(connection: duckdb.DuckDBPyConnection, calls: str) -> Row | None:
    return _calls(
        connection,
        "billed-without-output",
        "A call was paid and generated nothing (embeddings apart).",
        f"""SELECT {_CALL}, CAST(NULL AS DECIMAL(38,12)) AS expected, cost AS factor FROM {calls}
        WHERE t_output = 0 AND cost > 0 AND cache_hit IS NOT TRUE
          AND coalesce(operation, '') NOT LIKE 'embed%' AND model NOT LIKE '%embed%'""",
    )


def _duplicates(source: Mapping[str, Any]) -> Row | None:
    """Return what adding up the raw rows would have counted twice."""
    duplicates, events = source.get("duplicates") or 0, source.get("events") or 0
    part = share(duplicates, duplicates + events)
    if part is None or part < DUPLICATE_SHARE:
        return None
    return {
        "rule": "rows-repeat-calls",
        "what": f"{source.get('collector', 'A source')}: rows repeat calls already counted; adding them up overstates.",
        "count": duplicates,
        "share": part,
    }
