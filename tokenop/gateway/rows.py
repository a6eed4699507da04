"""The rows of the log that a call leaves: one for each attempt, or one that says why there was none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from typing import Any

from tokenop.gateway.identity.labels import cleaned
from tokenop.gateway.model import Call, Event, Hit
from tokenop.routing.chain import Attempt, attempts_as_events

UNKNOWN = "unknown"
NOTES = "event"  # what parts leave in `Call.notes` under this name goes into the rows
OPERATIONS = {"openai-embeddings": "embeddings"}


def of_attempts(call: Call, attempts: Sequence[Attempt], env: Mapping[str, str]) -> list[Event]:
    """Return one row for each attempt."""
    return attempts_as_events(attempts, tier=call.tier, context=context_of(call), env=env)


def of_hit(call: Call, hit: Hit, latency_ms: float) -> Event:
    """Return the row of an answer that was kept from before: nobody was asked, nothing is paid."""
    return {
        **_own(call, latency_ms),
        "provider": hit.provider,
        "model": hit.response.model or UNKNOWN,
        "status": "ok",
        "cache_hit": True,
        "tokens_saved": hit.tokens_saved,
    }


def of_refusal(call: Call, status: int, latency_ms: float) -> Event:
    """Return the row of a call for which nobody was asked."""
    named = cleaned(call.asked or call.request.model) or UNKNOWN
    return {**_own(call, latency_ms), "provider": UNKNOWN, "model": named, "status": str(status)}


def context_of(call: Call) -> dict[str, Any]:
    """Return what is known of a call itself."""
    identity = call.identity
    context: dict[str, Any] = dict(call.labels)
    if identity.user_id is not None:
        context["user_id"] = identity.user_id
    if identity.department is not None:
        context["department"] = identity.department
    if identity.tenant is not None:
        context["tenant"] = identity.tenant
    if call.wire in OPERATIONS:
        context["operation"] = OPERATIONS[call.wire]
    more = call.notes.get(NOTES)
    return {**context, **more} if more else context


def _own(call: Call, latency_ms: float) -> Event:
    row: Event = {
        "intent": UNKNOWN,
        "region": UNKNOWN,
        "tenant": UNKNOWN,
        "operation": "chat",
        "task_id": call.operation_id,
        **context_of(call),
        "id": f"{call.operation_id}:1",
        "ts": call.started.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "endpoint": "tokenop",
        "input_tokens": 0,
        "output_tokens": 0,
        "latency_ms": round(latency_ms, 3),
        "cost_usd": Decimal(0),
        "parent_id": call.operation_id,
        "attempt": 1,
    }
    if call.tier is not None:
        row["tier"] = call.tier
    return row
