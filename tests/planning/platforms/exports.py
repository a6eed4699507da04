"""Logs of calls made by hand, small enough to work out what must come out of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

# USD of 1,000 tokens in and 200 out at list price: gpt-4 30 and 60 USD a million, gpt-4o-mini 0.15 and 0.60.
GPT4, MINI = 0.042, 0.00027
LATENCY = {"gpt-4": 4000, "gpt-4o-mini": 1000}
MONTH = 730.5


def call(number: int, model: str = "gpt-4", **fields: Any) -> dict[str, Any]:
    """Return one call of 2026-08: an hour apart, 1,000 tokens in and 200 out."""
    day, hour = divmod(number, 24)
    return {
        "id": f"call-{number}", "ts": f"2026-08-{1 + day:02d}T{hour:02d}:00:00Z", "intent": "chat",
        "provider": "openai", "model": model, "input_tokens": 1000, "output_tokens": 200,
        "latency_ms": LATENCY.get(model, 700), "cost_usd": None, "endpoint": "chat", "region": "eu",
        "tenant": "a", **fields,
    }  # fmt: skip


def month(both: bool = True) -> list[dict[str, Any]]:
    """Return 480 calls over 480 hours: two of three on gpt-4, the rest on gpt-4o-mini (or none, if not `both`).

    Endpoint `chat` and `docs` by turns of four; job 1 or 2 for every other call, none for the rest.
    """
    rows = []
    for number in range(480):
        small = number % 3 == 2
        if small and not both:
            continue
        job = {"task_id": str(1 + number % 4 // 2), "agent_id": "nightly"} if number % 2 else {}
        endpoint = "docs" if number % 4 == 3 else "chat"
        rows.append(call(number, "gpt-4o-mini" if small else "gpt-4", endpoint=endpoint, **job))
    return rows


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
