"""Routing all calls of a log by a config, in SQL, with the same predicates that decide about a single request.

A rule with a share takes that share of each matching call: what is true of the sum is true of calls taken by a hash,
and no draw stands between two runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tokenop.database import quoted
from tokenop.routing.chain.charging import biller_of
from tokenop.routing.facts import COLUMNS

if TYPE_CHECKING:
    import duckdb

    from tokenop.providers.base import Target
    from tokenop.routing.model import RoutingConfig

AS_IT_IS = "as it is"
# What no log holds is unknown, and then a rule does not hold: a log names the tier that answered, not one asked for.
_NEVER = ("tier",)
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
    # A cell's tokens are sums: a rule asks about a call.
    tokens = f"((t_uncached + t_read + t_write_5m + t_write_1h) // {each})"
    derived = {
        "input_tokens": tokens,
        "output_tokens_limit": f"(t_output // {each})",
        "context_length": f"({tokens} + t_output // {each})",
    }
    columns = []
    for name, kind in COLUMNS.items():
        own = name if name in there and name not in _NEVER else "NULL"
        columns.append(f"({derived.get(name, own)})::{kind} AS {name}")
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
    # A rule that is declared and not executed by this version decides nothing here either.
    rules = [rule for rule in config.rules if rule.off is None] if config.mode == "route" else []
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


def leading(config: RoutingConfig | None) -> dict[str, tuple[object, ...]]:
    """Return by rule which calls it takes, and whom it leads them to."""
    if config is None or config.mode != "route":
        return {}
    rules = [rule for rule in config.rules if rule.off is None]
    return {
        rule or "": (target.provider, target.model, *next((r.when, r.share) for r in rules if r.name == rule))
        for _, rule, _, target in _answers(config, rules)
        if rule is not None
    }


def _answers(config: RoutingConfig, rules: list) -> Iterator[tuple[str, str | None, str, Target]]:  # type: ignore[type-arg]
    """Yield weight, rule, tier and first target of each way a call can go."""
    for index, rule in enumerate(rules, start=1):
        if rule.to is not None:
            yield f"w{index}", rule.name, "named model", rule.to
        elif rule.tier is not None:
            yield f"w{index}", rule.name, rule.tier, config.tiers[rule.tier].chain[0]
    yield "rest", None, config.default_tier, config.tiers[config.default_tier].chain[0]


def _part(name: str, weight: str, rule: str | None, tier: str, target: Target, targets: dict[str, Target]) -> str:
    key = f"{biller_of(target)}/{target.model}"
    targets[key] = target
    said = "NULL::VARCHAR" if rule is None else quoted(rule)
    return (
        f"SELECT row_id, {said} AS rule, {quoted(tier)} AS tier, {quoted(key)} AS target, {weight} AS weight "
        f"FROM {name}_wide WHERE {weight} > 0"
    )
