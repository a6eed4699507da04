"""Calls and what came of them, for those who watch."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tokenop.gateway.model import Call, Event, Identity, Outcome, RefusedCallError, Serving
from tokenop.providers.base import Timeouts
from tokenop.providers.model import Message, Request, Text
from tokenop.routing.model import Meta, RoutingConfig

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_META = Meta("c", "A config", "proposed", "1.0.0", ("a",), date(2026, 1, 1), date(2026, 1, 1), date(2027, 1, 1),
             Decimal("0.01"), ("T1",))  # fmt: skip
_CONFIG = RoutingConfig(_META, "c.yaml", "route", {}, {}, (), "T2", {"default": Timeouts()})


def call(tier: str | None = "T2", digest: str = "d" * 64, prompt: str = "Hello", **more: Any) -> Call:
    """Return a call to `auto` that was read at noon."""
    request = Request("auto", (Message("user", (Text(prompt),)),), max_output_tokens=100)
    return Call(
        operation_id="op1", wire="openai-chat", body={}, request=request, identity=Identity(),
        labels={"intent": "classify", "session_id": "s1"}, serving=Serving(_CONFIG, digest, NOON, ()), started=NOON,
        received=0.0, tier=tier, cached="miss", asked="auto", **more,
    )  # fmt: skip


def row(**fields: Any) -> Event:
    """Return a row of the log: of an attempt that Groq answered."""
    return {
        "id": "op1:1", "ts": "2026-11-22T12:00:00.000100Z", "intent": "classify", "provider": "groq", "model": "llama",
        "input_tokens": 12, "output_tokens": 5, "latency_ms": 250.0, "cost_usd": Decimal("0.0001"),
        "endpoint": "api.groq.com", "region": "unknown", "tenant": "unknown", "status": "ok", "attempt": 1,
        "operation": "chat", **fields,
    }  # fmt: skip


def outcome(
    *rows: Event, status: int = 200, latency_ms: float = 260.0, refused: RefusedCallError | None = None
) -> Outcome:
    """Return what came of a call with these rows."""
    costs = [one["cost_usd"] for one in rows]
    cost = None if None in costs else sum(costs, Decimal(0))
    return Outcome(status, cost_usd=cost, latency_ms=latency_ms, refused=refused, events=rows)
