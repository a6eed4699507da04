"""Attempts as canonical events: one row each, all with the operation's id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC
from functools import lru_cache
from operator import attrgetter
from typing import Any
from urllib.parse import urlsplit

from tokenop.providers import registry
from tokenop.providers.base import Target
from tokenop.routing.chain.charging import biller_of
from tokenop.routing.chain.model import Attempt

UNKNOWN = "unknown"
LONGEST = 512  # as in the event schema
NULLABLE = frozenset({"input_tokens", "output_tokens", "latency_ms", "cost_usd"})
Event = dict[str, Any]
_PARTS = (
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation_1h_input_tokens",
    "reasoning_output_tokens",
)
_parts = attrgetter(*_PARTS)


def attempts_as_events(
    attempts: Iterable[Attempt],
    *,
    tier: str | None = None,
    context: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
) -> list[Event]:
    """Return one canonical event for each attempt, without the fields that are unknown.

    The id is the operation's with the number of the attempt. `parent_id` is the operation's id, and `task_id` too
    unless the context names the task that the call belongs to.

    Args:
        attempts: of one operation, or of many.
        tier: the routing tier of the decision.
        context: fields that only the caller knows (intent, tenant, user_id, region, session_id, prompt_hash …).
        env: the environment, which may hold addresses of providers.
    """
    return [_event(attempt, tier, context or {}, env or {}) for attempt in attempts]


def _event(attempt: Attempt, tier: str | None, context: Mapping[str, Any], env: Mapping[str, str]) -> Event:
    usage, target = attempt.usage, attempt.target
    known = usage.input_tokens is not None and usage.output_tokens is not None
    started = attempt.started if attempt.started.tzinfo is UTC else attempt.started.astimezone(UTC)
    event: Event = {
        "intent": UNKNOWN,
        "region": UNKNOWN,
        "tenant": UNKNOWN,
        "operation": "chat",
        "task_id": attempt.operation_id,
    }
    event.update((name, value) for name, value in context.items() if value is not None or name in NULLABLE)
    event["id"] = f"{attempt.operation_id}:{attempt.attempt}"
    event["ts"] = f"{started.isoformat(timespec='microseconds')[:26]}Z"
    event["provider"] = biller_of(target)
    event["model"] = _cut(attempt.model) or UNKNOWN
    event["endpoint"] = endpoint_of(target, env)
    event["input_tokens"] = usage.input_tokens if known else None
    event["output_tokens"] = usage.output_tokens if known else None
    event["latency_ms"] = round(attempt.latency_ms, 3)
    event["cost_usd"] = attempt.cost_usd
    event["usage_source"] = usage.source if known else "missing"
    if known:
        for name, count in zip(_PARTS, _parts(usage), strict=True):
            if count is not None:
                event[name] = count
    if attempt.ttft_ms is not None:
        event["ttft_ms"] = round(attempt.ttft_ms, 3)
    event["status"] = status_of(attempt)
    source = cost_source(attempt)
    if source is not None:
        event["cost_source"] = source
    if attempt.price_id is not None:
        event["price_id"] = attempt.price_id
    event["parent_id"] = attempt.operation_id
    event["attempt"] = attempt.attempt
    event["fallback_used"] = attempt.fallback_used
    if tier is not None:
        event["tier"] = tier
    return event


def status_of(attempt: Attempt) -> str:
    """Return the outcome as an event says it: `ok`, the HTTP status of an error, or the kind of error."""
    return attempt.status if attempt.http_status is None else str(attempt.http_status)


def cost_source(attempt: Attempt) -> str | None:
    """Return where the cost comes from; None where nothing was billed, which no price says."""
    if attempt.cost_usd is None:
        return "unpriced"
    return "priced" if attempt.price_id else None


def endpoint_of(target: Target, env: Mapping[str, str]) -> str:
    """Return the host that a target is reached at; the provider's name where it has none (a program)."""
    known = target.provider in registry.PROVIDERS
    url = registry.base_url(target, env) if known else target.base_url or ""
    return _host(url) or target.provider


@lru_cache(maxsize=1024)
def _host(url: str) -> str:
    return _cut(urlsplit(url).netloc.rpartition("@")[2])


def as_json(event: Mapping[str, Any]) -> str:
    """Return an event as one line of JSON, with its cost in as many digits as it has."""
    from tokenop.events import encoding

    return encoding.line(event).decode()


def _cut(text: str) -> str:
    if len(text) <= LONGEST and text.isprintable():
        return text
    return "".join(letter for letter in text if letter.isprintable())[:LONGEST]
