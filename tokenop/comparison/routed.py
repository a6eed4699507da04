"""Routing all calls of a log by a config, in SQL, with the same predicates that decide about a single request.

A rule with a share takes that share of each matching call: what is true of the sum is true of calls taken by a hash,
and no draw stands between two runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tokenop.database import quoted

if TYPE_CHECKING:
    import duckdb

    from tokenop.providers.base import Target
    from tokenop.routing.model import RoutingConfig

AS_IT_IS = "as it is"
# What a rule may ask, as the relation `calls` knows it. What no log holds is unknown, and then a rule does not hold.
_TEXT = ("intent", "user_id", "department", "tenant", "session_id", "task_id", "agent_id", "operation", "domain",
         "model", "provider", "region", "endpoint")  # fmt: skip
_NEVER = {
    "tier": "VARCHAR", "has_tools": "BOOLEAN", "tool_count": "BIGINT", "image_count": "BIGINT", "stream": "BOOLEAN",
    "temperature": "DOUBLE",
}  # fmt: skip
# A log knows what came, not what was asked for: no limit is below it, so that at most as many calls match.
STANDING_IN = {"output_tokens_limit": "the output that came, since logs do not hold the limit"}


def facts(connection: duckdb.DuckDBPyConnection, calls: str, block: str) -> None:
    """Create the table `facts`: one row a call (or cell of `n` calls), with its block of the bootstrap.

    Args:
        connection: holds the relation `calls`.
        calls: its name.
        block: `day`, `hour` or `none`.
    """
    there = {row[0] for row in connection.execute(f"DESCRIBE {calls}").fetchall()}
    each = "greatest(n, 1)"
    columns = [f"{name}::VARCHAR AS {name}" if name in there else f"NULL::VARCHAR AS {name}" for name in _TEXT]
    columns += [f"NULL::{kind} AS {name}" for name, kind in _NEVER.items()]
    # A cell's tokens are sums: a rule asks about a call.
    whole = "t_uncached + t_read + t_write_5m + t_write_1h"
    columns += [
        f"(({whole}) // {each})::BIGINT AS input_tokens",
        f"(t_output // {each})::BIGINT AS output_tokens_limit",
    ]
    for name, kind in (("context_length", "BIGINT"), ("batch", "BOOLEAN")):
        columns.append(f"{name}::{kind} AS {name}" if name in there else f"NULL::{kind} AS {name}")
    columns.append("latency_ms::DOUBLE AS latency" if "latency_ms" in there else "NULL::DOUBLE AS latency")
    # A batch does not pass a router: it stays where it is.
    waits = "batch IS NOT TRUE" if "batch" in there else "true"
    slot = "0" if block == "none" else f"epoch_us(date_trunc('{block}', ts))"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE facts AS
SELECT row_number() OVER (ORDER BY ts, priced_model, intent, n, t_uncached, t_read, t_output) AS row_id,
       n, {slot} AS slot, {", ".join(columns)},
       t_uncached, t_read, t_write_5m, t_write_1h, t_output, priced_provider, priced_model,
       cost::DECIMAL(38,12) AS own_cost
FROM {calls} WHERE {waits}"""
    )


def route(connection: duckdb.DuckDBPyConnection, config: RoutingConfig | None, name: str) -> dict[str, Target]:
    """Create the table `name` (row_id, rule, tier, target, weight) and return the targets by the key used there.

    The first of a chain answers: how often it does not is known after a while, and shown then. Without a config each
    call stays where it is. `name`_undecided has by rule the calls for which it cannot be told.
    """
    if config is None:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT row_id, NULL::VARCHAR AS rule, {quoted(AS_IT_IS)} AS tier, "
            "NULL::VARCHAR AS target, 1.0::DOUBLE AS weight FROM facts"
        )
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name}_undecided (rule VARCHAR, calls HUGEINT)")
        return {}
    rules = list(config.rules) if config.mode == "route" else []
    steps = ["r0 AS (SELECT *, 1.0::DOUBLE AS rest FROM facts)"]
    for index, rule in enumerate(rules, start=1):
        share = f"{float(rule.share)!r}::DOUBLE"
        steps.append(
            f"h{index} AS (SELECT *, (\n{rule.when}\n)::BOOLEAN AS holds{index} FROM r{index - 1}), "
            f"r{index} AS (SELECT * REPLACE (CASE WHEN holds{index} THEN rest * (1.0 - {share}) ELSE rest END AS rest)"
            f", CASE WHEN holds{index} THEN rest * {share} ELSE 0.0 END AS w{index} FROM h{index})"
        )
    last = f"r{len(rules)}"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name}_wide AS WITH {', '.join(steps)} SELECT * FROM {last}")
    targets: dict[str, Target] = {}
    parts = [_part(name, weight, rule, tier, target, targets) for weight, rule, tier, target in _answers(config, rules)]
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {' UNION ALL '.join(parts)}")
    unknown = [
        f"SELECT {quoted(rule.name)} AS rule, sum(n) AS calls FROM {name}_wide WHERE holds{i} IS NULL AND rest > 0"
        for i, rule in enumerate(rules, start=1)
    ]
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {name}_undecided AS "
        + (" UNION ALL ".join(unknown) if unknown else "SELECT NULL::VARCHAR AS rule, NULL::HUGEINT AS calls LIMIT 0")
    )
    return targets


def _answers(config: RoutingConfig, rules: list) -> Iterator[tuple[str, str | None, str, Target]]:  # type: ignore[type-arg]
    """Yield weight, rule, tier and first target of each way a call can go."""
    for index, rule in enumerate(rules, start=1):
        if rule.to is not None:
            yield f"w{index}", rule.name, "named model", rule.to
        elif rule.tier is not None:
            yield f"w{index}", rule.name, rule.tier, config.tiers[rule.tier].chain[0]
    yield "rest", None, config.default_tier, config.tiers[config.default_tier].chain[0]


def _part(name: str, weight: str, rule: str | None, tier: str, target: Target, targets: dict[str, Target]) -> str:
    key = f"{target.provider}/{target.model}"
    targets[key] = target
    said = "NULL::VARCHAR" if rule is None else quoted(rule)
    return (
        f"SELECT row_id, {said} AS rule, {quoted(tier)} AS tier, {quoted(key)} AS target, {weight} AS weight "
        f"FROM {name}_wide WHERE {weight} > 0"
    )
