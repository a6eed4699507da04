"""What a chain keeps to, what it asks its driver to do, and what is left of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import ProviderError
from tokenop.providers.model import MISSING, Response, Usage
from tokenop.routing.model import Decision, Retry, RoutingConfig

CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Policy:
    """How far a chain may go.

    `timeouts` are by `<name>/<model>` of a target, which wins, or by its name; others have `default_timeouts`.
    `fallback` False asks the first target alone. `deadline` is in seconds, for the whole operation with its waits.
    """

    retry: Retry = field(default_factory=Retry)
    default_timeouts: Timeouts = field(default_factory=Timeouts)
    timeouts: Mapping[str, Timeouts] = field(default_factory=dict)
    fallback: bool = True
    deadline: float | None = None

    def timeouts_of(self, target: Target) -> Timeouts:
        """Return how long `target` is waited for."""
        own = self.timeouts.get(_own(target)) or self.timeouts.get(target.name)
        return own or self.default_timeouts


def _own(target: Target) -> str:
    return f"{target.name}/{target.model}"


@dataclass(frozen=True, slots=True)
class Try:
    """Ask `target` now. `attempt` counts from 1 over the whole operation; `last_resort`: its circuit is open."""

    target: Target
    attempt: int
    timeouts: Timeouts
    last_resort: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait, then ask the chain again for what is next. It does not look at the clock whether the wait was kept."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nobody answers. `error` says it best of all that went wrong."""

    error: ProviderError


Action = Try | Wait | GiveUp


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A target that was not asked, because it cannot be: no key, no program."""

    target: Target
    reason: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of one provider, however it ended.

    `started` has a zone. Times are in milliseconds, None where that never came. `status` is `ok`, a `kind` of
    `tokenop.providers.errors`, or `cancelled` where the caller went away. `model` is the one that answered, or the one
    that was asked. `cost_usd` is None where no price or no usage is known; `fallback_used` is true on the row that
    answered where that was not the first of the chain.
    """

    operation_id: str
    attempt: int
    target: Target
    model: str
    started: datetime
    latency_ms: float
    status: str
    ttft_ms: float | None = None
    usage: Usage = MISSING
    cost_usd: Decimal | None = None
    price_id: str | None = None
    error_kind: str | None = None
    detail: str = ""
    http_status: int | None = None
    request_id: str | None = None
    fallback_used: bool = False
    last_resort: bool = False


@dataclass(frozen=True, slots=True)
class ChainResult:
    """What came of an operation: a response or an error, and every attempt that was made for it."""

    operation_id: str
    response: Response | None
    error: ProviderError | None
    attempts: tuple[Attempt, ...]
    unavailable: tuple[Unavailable, ...] = ()
    waited: float = 0.0

    @property
    def answered_by(self) -> Target | None:
        """Return who answered; None where nobody did."""
        return self.attempts[-1].target if self.response is not None and self.attempts else None

    @property
    def fallback_used(self) -> bool:
        """Return whether another target than the first of the chain answered."""
        return any(attempt.fallback_used for attempt in self.attempts)

    @property
    def cost_usd(self) -> Decimal | None:
        """Return what all attempts cost; None where the cost of one is unknown."""
        costs = [attempt.cost_usd for attempt in self.attempts]
        return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))

    @property
    def latency_ms(self) -> float | None:
        """Return how long the providers took, without waits; None where nobody was asked."""
        return sum(attempt.latency_ms for attempt in self.attempts) if self.attempts else None

    def told(self) -> str:
        """Return in one line who was asked, who could not be, and what each said."""
        parts = [f"{one.target.name}: {one.detail or one.status}" for one in self.attempts]
        return "; ".join([*parts, *(f"{one.target.name}: {one.reason}" for one in self.unavailable)])


def policy_of(config: RoutingConfig, decision: Decision | None = None, deadline: float | None = None) -> Policy:
    """Return what `config` says about the chain of `decision`.

    Its rule's `retry` and `timeouts` win. With `fallback: none` it asks its first target alone. `chain` and `requested`
    differ in the chain itself, which the decision holds.
    """
    rule = next((rule for rule in config.rules if decision and rule.name == decision.rule), None)
    timeouts = dict(config.timeouts)
    if rule and rule.to and rule.timeouts:
        timeouts[_own(rule.to)] = rule.timeouts
    tier = decision.tier if decision else None
    default = timeouts.get(tier or "") or timeouts.get("default") or Timeouts()
    return Policy(
        retry=(rule and rule.retry) or config.retry,
        default_timeouts=default,
        timeouts=timeouts,
        fallback=rule is None or rule.fallback != "none",
        deadline=deadline,
    )
