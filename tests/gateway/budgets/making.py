"""Calls, configs and purses for the tests of budgets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tokenop.gateway.budgets.opening import opened
from tokenop.gateway.budgets.purse import PurseOfAll
from tokenop.gateway.model import Call, Event, Identity, Serving
from tokenop.prices.model import Entry, ModelKey, Origin, Rates, Slot
from tokenop.providers.base import Target
from tokenop.providers.model import Message, Request, Text
from tokenop.routing.model import Budget, Meta, RoutingConfig, Rule, Tier

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PAID = Target("anthropic", "anthropic", "claude-sonnet-5")
LOCAL = Target("ollama", "ollama", "devstral:24b")
_RATES = Rates(*map(Decimal, ("2e-6", "0.2e-6", "2.5e-6", "4e-6", "10e-6")))
PER_INPUT, PER_OUTPUT = Decimal("4e-6"), Decimal("10e-6")  # input that is written to the cache for an hour


def config(*budgets: Budget) -> RoutingConfig:
    """Return a config with these limits: free tiers up to T3, a paid one, and a rule that allows one model alone."""
    day = date(2026, 11, 22)
    meta = Meta("test", "Test", "draft", "1.0.0", ("test",), day, day, day, Decimal("0.01"), ("T1",))
    second = Target("ollama-fallback", "ollama", "qwen2.5-coder:32b")
    chains = {"T1": (second,), "T3": (LOCAL, second), "T4": (PAID,)}
    tiers = {name: Tier(name, chain) for name, chain in chains.items()}
    alone = Rule("pictures", "image_count > 0", lambda _: None, to=PAID, fallback="none")
    targets = {f"{one.name}/{one.model}": one for one in (PAID, LOCAL, second)}
    return RoutingConfig(meta, "test.yaml", "route", targets, tiers, (alone,), "T1", {}, budgets=budgets)


def serving(*budgets: Budget, own: Mapping[str, Any] | None = None) -> Serving:
    """Return what is in force with these limits."""
    return Serving(config(*budgets), "", NOON, (), own or {})


class Book:
    """A book of one price, that of `PAID`; `ollama` is free. The real one takes half a second to load."""

    def resolve(self, provider: str, model: str) -> ModelKey | None:
        return ModelKey(provider, model) if (provider, model) == ("anthropic", PAID.model) else None

    def valid_at(self, key: ModelKey, moment: datetime) -> tuple[Entry, ...]:
        return (Entry(key, None, None, False, Slot("standard", _RATES), Origin("test")),)


def call(
    under: Serving,
    user: str | None = None,
    *,
    when: datetime = NOON,
    asked: int | None = 1000,
    answered: int | None = 1000,
    tenant: str | None = None,
    department: str | None = None,
    tier: str | None = "T4",
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Call:
    """Return a call that may use so many tokens."""
    request = Request("auto", (Message("user", (Text("hello"),)),), max_output_tokens=answered)
    identity = Identity(None, user, department, tenant)
    return Call(
        "operation", "openai-chat", body or {}, request, identity, {}, under, when, 0.0,
        headers=headers or {}, input_tokens=asked, tier=tier,
    )  # fmt: skip


def row(
    of: Call,
    cost: str | Decimal | None = "0.01",
    tokens: int = 2000,
    *,
    status: str = "ok",
    when: datetime | None = None,
) -> Event:
    """Return the row of an attempt of a call."""
    moment = (when or of.started).astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    event: Event = {
        "id": f"{of.operation_id}:1",
        "ts": moment,
        "tenant": of.identity.tenant or "unknown",
        "cost_usd": None if cost is None else Decimal(cost),
        "input_tokens": tokens // 2,
        "output_tokens": tokens - tokens // 2,
        "status": status,
    }
    more = {"user_id": of.identity.user_id, "department": of.identity.department}
    return event | {name: value for name, value in more.items() if value is not None}


def whole(event: Event, number: int = 1) -> Event:
    """Return a row with all that an event must have."""
    rest = {"intent": "x", "provider": "anthropic", "model": "m", "latency_ms": 1.0, "endpoint": "e", "region": "r"}
    return {**rest, **event, "id": f"{event['id']}:{number}"}


def purse(
    folder: Path,
    zone: str = "UTC",
    *,
    usable: Iterable[Target] | None = None,
    now: datetime = NOON,
    book: Callable[[], Any] = Book,
) -> PurseOfAll:
    """Return a purse of its own, as a process has it; `folder` is the gateway's."""
    known = None if usable is None else frozenset(usable)
    return opened(
        folder / "budgets", folder / "log", zone, tell=_quiet, book=book,
        usable=lambda target: known is None or target in known, now=now.timestamp,
    )  # fmt: skip


def _quiet(_: str) -> None:
    pass
