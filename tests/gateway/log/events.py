"""Events as the gateway logs them, and the log read in all ways."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from tokenop.database import connect
from tokenop.gateway.log import reading

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def event(number: int, **more: Any) -> dict[str, Any]:
    """Return one whole event with an id of its own."""
    return {
        "id": f"op{number}:1",
        "ts": "2026-11-22T12:00:00.123456Z",
        "intent": "unknown",
        "provider": "anthropic",
        "model": "claude-sonnet-4-5",
        "input_tokens": 1200,
        "output_tokens": 80,
        "latency_ms": 812.5,
        "cost_usd": Decimal("0.000004800000"),
        "cost_source": "priced",
        "endpoint": "api.anthropic.com",
        "region": "unknown",
        "tenant": "acme",
        "attempt": 1,
        **more,
    }


def lines(folder: Path) -> list[bytes]:
    """Return all lines of all segments."""
    found = sorted(folder.glob("*/*.jsonl"))
    return [line for path in found for line in path.read_bytes().splitlines(keepends=True)]


def ids(folder: Path) -> list[str]:
    """Return the ids of the log as SQL sees them, in order."""
    with _database().cursor() as connection:
        name = reading.relation(connection, folder)
        return [str(row[0]) for row in connection.execute(f"SELECT id FROM {name} ORDER BY id").fetchall()]


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """Open one for all tests of a process: it takes longer than what is asked of it."""
    return connect()


def ids_one_by_one(folder: Path) -> Counter[str]:
    """Return the ids of all segments as read without SQL, and how often each stands there."""
    return Counter(row["id"] for found in reading.segments_of(folder) for row in reading.rows_of(found.path))
