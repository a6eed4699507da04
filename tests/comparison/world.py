"""Logs and configs for comparisons: real list prices, rules with the same predicate in SQL and in Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from tests.economics.world import COLUMNS
from tokenop.database import connect
from tokenop.providers.base import Target
from tokenop.routing.model import Meta, RoutingConfig, Rule, Tier

TARGETS = {
    "T1": Target("ollama", "ollama", "qwen2.5-coder:32b"),
    "T2": Target("groq", "groq", "llama-3.3-70b-versatile"),
    "T3": Target("haiku", "anthropic", "claude-haiku-4-5"),
    "T4": Target("sonnet", "anthropic", "claude-sonnet-4-5"),
    "T5": Target("nobody", "openai-compatible", "a-model-without-a-price"),
}
# SQL → the same in Python, over a call of tests/economics/world.py; None is unknown.
PREDICATES: dict[str, Callable[[Mapping[str, Any]], bool | None]] = {
    "input_tokens < 5000": lambda call: call["input_tokens"] < 5000,
    "intent = 'extract'": lambda call: call["intent"] == "extract",
    "tenant = 'a' AND output_tokens_limit >= 100": lambda call: call["tenant"] == "a" and call["t_output"] >= 100,
    "user_id = 'u'": lambda call: None if call["user_id"] is None else call["user_id"] == "u",
    "has_tools": lambda call: None,
    "model LIKE 'l%'": lambda call: call["model"].startswith("l"),
}
_META = Meta(
    "sample", "Sample", "draft", "1.0.0", (), date(2026, 1, 1), date(2026, 1, 1), date(2027, 1, 1), Decimal("0.01"), ()
)


def config(
    rules: Sequence[tuple[str, str, str]] = (), default: str = "T4", mode: str = "route", **tiers: Target
) -> RoutingConfig:
    """Return a config of rules (predicate, tier, share) over the tiers above, some of them with other targets."""
    targets = {**TARGETS, **tiers}
    return RoutingConfig(
        meta=_META,
        path="sample.yaml",
        mode=mode,
        targets={target.name: target for target in targets.values()},
        tiers={name: Tier(name, (target,)) for name, target in targets.items()},
        rules=tuple(
            Rule(f"rule-{number}", when, lambda facts: None, tier=tier, share=Decimal(share))
            for number, (when, tier, share) in enumerate(rules)
        ),
        default_tier=default,
        timeouts={},
    )


def opened(log: Sequence[Mapping[str, Any]]) -> duckdb.DuckDBPyConnection:
    """Return a connection that holds the relation `calls`."""
    connection = connect()
    connection.execute(f"CREATE TABLE calls ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
    connection.executemany(
        f"INSERT INTO calls VALUES ({', '.join('?' * len(COLUMNS))})", [[row[name] for name in COLUMNS] for row in log]
    )
    return connection
