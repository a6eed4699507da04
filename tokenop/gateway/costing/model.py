"""What is found about the calls of a period. Money is in US dollars, times in milliseconds; None is unknown."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any

from tokenop.gateway.costing.periods import Period


@dataclass(frozen=True, slots=True)
class Spending:
    """Calls, and the attempts that they took.

    `cost_usd` is the sum of what is known, None where nothing is; `unpriced` counts attempts of unknown cost,
    `unpriced_tokens` their tokens. `errors` are attempts that failed. Latencies are of answers that a provider gave.
    """

    calls: int
    attempts: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    errors: int
    fallbacks: int
    p50_ms: float | None
    p95_ms: float | None
    unpriced: int
    unpriced_tokens: int

    @property
    def unpriced_share(self) -> float | None:
        """Return which share of the tokens has no known cost; None where there are no tokens."""
        tokens = self.input_tokens + self.output_tokens
        return self.unpriced_tokens / tokens if tokens else None


@dataclass(frozen=True, slots=True)
class PromptCaching:
    """What providers' caches did. `told` is the input of answers that say what was read: only these are counted.

    `premium_usd` is what writing cost more than plain input would have, `net_usd` what is saved by reading less that
    premium, below 0 where caching lost money.
    """

    told: int
    read: int
    written: int
    premium_usd: Decimal | None
    net_usd: Decimal | None

    @property
    def hit_ratio(self) -> float | None:
        """Return which share of the input was read from a cache; None where nobody says."""
        return self.read / self.told if self.told else None


@dataclass(frozen=True, slots=True)
class Day:
    """One day, as the zone counts it."""

    day: date
    spending: Spending
    caching: PromptCaching


@dataclass(frozen=True, slots=True)
class Kept:
    """Answers that the gateway had kept: how often they were given, the tokens and the money that saved.

    `saved_usd` takes what a token of the same model cost in the period on average; None where that is not known.
    """

    hits: int
    tokens: int
    saved_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Routing:
    """The same tokens at one model: what they would have cost, and what was paid.

    `left_out` calls were answered and have no known cost here or there.
    """

    baseline: str
    calls: int
    left_out: int
    baseline_usd: Decimal
    paid_usd: Decimal

    @property
    def saved_usd(self) -> Decimal:
        """Return what routing saved, below 0 where it cost more."""
        return self.baseline_usd - self.paid_usd


@dataclass(frozen=True, slots=True)
class Costs:
    """All of it. `by` holds, for each thing asked for, its values with the dearest first; None is "not said"."""

    period: Period
    source: str
    total: Spending
    by: dict[str, tuple[tuple[str | None, Spending], ...]]
    days: tuple[Day, ...]
    caching: PromptCaching
    kept: Kept
    routing: Routing | None

    def as_dict(self) -> dict[str, Any]:
        """Return the same for programs."""
        period, routing = self.period, self.routing
        return {
            "period": {
                "name": period.name,
                "since": period.since.isoformat(),
                "until": period.until.isoformat(),
                "timezone": period.zone,
            },
            "source": self.source,
            "total": _spending(self.total),
            "by": {what: [{"name": name, **_spending(one)} for name, one in rows] for what, rows in self.by.items()},
            "days": [
                {"day": one.day.isoformat(), **_spending(one.spending), "prompt_cache": _caching(one.caching)}
                for one in self.days
            ],
            "prompt_cache": _caching(self.caching),
            "response_cache": _plain(self.kept),
            "routing": None if routing is None else {**_plain(routing), "saved_usd": _number(routing.saved_usd)},
        }


def _spending(one: Spending) -> dict[str, Any]:
    return {**_plain(one), "unpriced_token_share": one.unpriced_share}


def _caching(one: PromptCaching) -> dict[str, Any]:
    return {**_plain(one), "hit_ratio": one.hit_ratio}


def _plain(one: Any) -> dict[str, Any]:
    return {each.name: _number(getattr(one, each.name)) for each in fields(one)}


def _number(value: Any) -> Any:
    return round(float(value), 12) if isinstance(value, Decimal) else value
