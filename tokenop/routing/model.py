"""A routing config, read and checked, and what is decided by it.

Everything is frozen: a config that is swapped leaves calls in flight on the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from tokenop.providers.base import Target, Timeouts

TIERS = ("T1", "T2", "T3", "T4", "T5")
Mode = Literal["recon", "route"]
# What a rule may ask about a call. None is unknown, and a predicate over it holds for nothing, as in SQL.
Value = str | int | float | bool | None
Facts = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Meta:
    """The first document of the file: who answers for it, and what it must keep."""

    id: str
    title: str
    status: Literal["draft", "proposed", "approved", "deprecated"]
    version: str
    authors: tuple[str, ...]
    created: date
    verified_on: date
    stale_after: date
    max_quality_drop: Decimal
    golden_tiers: tuple[str, ...]
    description: str = ""
    sample: bool = False


@dataclass(frozen=True, slots=True)
class Tier:
    """A class of work and the providers that may do it, in the order in which they are asked.

    An explicit `provider_chain` keeps its order; without one the targets stand by priority, lower first.
    `explicit_only`: no rule and no default leads here, only a caller who names the tier. `then` is the tier whose
    targets follow the own ones; `chain` holds them already.
    """

    name: str
    chain: tuple[Target, ...]
    explicit_only: bool = False
    description: str = ""
    then: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Where calls go for which `when` holds. Exactly one of `tier` and `to` is set.

    `holds` is `when`, compiled: True, False or None (unknown, which is not True). `share` of the matching calls, taken
    by a hash of `sticky_by` (or of the operation), follow the rule; the others go on to the next rule.

    `tiers` says for which class of work the rule is meant: its golden tasks are asked when the rule changes. `declared`
    is what the file says that this version does not do; `off` says why such a rule decides nothing (None: it decides).
    `retry` and `timeouts` hold for its calls in the place of the config's (None: the config's do), the latter for `to`.
    """

    name: str
    when: str
    holds: Callable[[Facts], bool | None] = field(compare=False)
    tier: str | None = None
    to: Target | None = None
    share: Decimal = Decimal(1)
    sticky_by: str | None = None
    fallback: Literal["chain", "requested", "none"] = "chain"
    tiers: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()
    off: str | None = None
    retry: Retry | None = None
    timeouts: Timeouts | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """How often one provider is asked, and how many further tries a call may cost in all (`budget`)."""

    attempts: int = 2
    budget: int = 4
    backoff_seconds: float = 0.5
    max_backoff_seconds: float = 8.0
    after_first_token: bool = False


@dataclass(frozen=True, slots=True)
class Breaker:
    """`failures` within `window_seconds` open a provider's circuit for `open_seconds`; then one call tries it out."""

    failures: int = 5
    window_seconds: float = 60.0
    open_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Promotion:
    """When a fallback may be proposed as primary: the share of golden tasks of `tiers` passed over `window_days`."""

    tiers: tuple[str, ...] = ("T3", "T4")
    pass_rate: Decimal = Decimal("0.80")
    window_days: int = 7


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit in US dollars or tokens for `per` in each `period`, and what happens at it."""

    name: str
    per: Literal["all", "user", "department", "tenant"]
    period: Literal["day", "month"]
    usd: Decimal | None = None
    tokens: int | None = None
    soft: Decimal = Decimal("0.8")
    at_limit: Literal["reject", "downgrade"] = "reject"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller may name: which tiers, and which models (`listed`: those of the tiers that may be named)."""

    tiers: tuple[str, ...] = TIERS
    models: Literal["none", "listed"] = "listed"


@dataclass(frozen=True, slots=True)
class RoutingConfig:
    """One routing config. `cache` is as it stands in the file (`prompt_cache`, `response_cache`), checked by schema.

    `targets` are all that it names, as `<name in the file>/<model>`. `timeouts` are whole, by `default`, by tier and by
    the target's name, which wins. `declared` holds what the file says and this version does not do, by its place in
    the file; `overlays` the files that were laid over `path`.
    """

    meta: Meta
    path: str
    mode: Mode
    targets: Mapping[str, Target]
    tiers: Mapping[str, Tier]
    rules: tuple[Rule, ...]
    default_tier: str
    timeouts: Mapping[str, Timeouts]
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    budgets: tuple[Budget, ...] = ()
    cache: Mapping[str, object] = field(default_factory=dict)
    promotion: Promotion = Promotion()
    autonomy: Literal["propose", "auto"] = "propose"
    asked: Asked = Asked()
    declared: Mapping[str, object] = field(default_factory=dict)
    overlays: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """Who is asked for a call, in which order, and why in words that `tokenop route explain` prints.

    `rule` is None where the caller named a tier or model (`asked`), or where no rule held (`default`).
    `passed_over` names the rules before it with the reason each did not decide.
    """

    by: Literal["rule", "asked", "default", "recon"]
    tier: str | None
    chain: tuple[Target, ...]
    why: str
    rule: str | None = None
    passed_over: tuple[tuple[str, str], ...] = ()
