"""What is compared, and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

Source = Literal["events", "workload", "reference"]
Change = Literal["changed", "new", "removed"]
Interval = tuple[float, float, float]
"""P10, P50 and P90."""


@dataclass(frozen=True, slots=True)
class Part:
    """What happens to the calls of one tier, intent or move. `delta_usd` is a month's, negative where money is saved.

    `calls` are a month's as well. `delta_usd` is None where no call of the part can be priced; `unknown_calls` says how
    many cannot.
    """

    name: str
    calls: float
    delta_usd: float | None
    unknown_calls: float
    was: str = ""


@dataclass(frozen=True, slots=True)
class Cost:
    """The change of the bill on one log, in US dollars a month of 730.5 hours; negative is a saving.

    Attributes:
        source: which kind of log, and `name` which one; `hash` is its content hash, None for a workload.
        calls: how many calls the window has; `moved` of them are answered by another model than before.
        unknown_calls: moved calls whose price is unknown before or after: in no sum here.
        free_calls: calls that move to models whose tokens the price book has at nothing: machines are not in it.
        undecided: rule that differs → calls for which it cannot be told whether the rule holds.
        base_usd: the bill under the config as it was, over the calls that have a price both ways.
        delta_usd: the expected change; `interval` its P10, P50 and P90.
        latency_ms: mean change a moved call, from the models' observed medians; None where none is known.
        latency_share: share of moved calls for which both medians are known.
    """

    source: Source
    name: str
    hash: str | None
    sample: bool
    calls: int
    hours: float
    extrapolated: bool
    moved: float
    unknown_calls: float
    free_calls: float
    undecided: Mapping[str, float]
    base_usd: float | None
    delta_usd: float | None
    interval: Interval | None
    exact_delta: Decimal | None
    latency_ms: float | None
    latency_share: float | None
    unpriced: tuple[str, ...]
    tiers: tuple[Part, ...]
    intents: tuple[Part, ...]
    moves: tuple[Part, ...]
    method: str
    prices_hash: str

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields, rounded to cents and milliseconds."""
        return {
            "source": self.source,
            "name": self.name,
            "events_hash": self.hash,
            "sample": self.sample,
            "calls": self.calls,
            "hours": round(self.hours, 3),
            "extrapolated": self.extrapolated,
            "moved_calls": _rounded(self.moved, 1),
            "unknown_calls": _rounded(self.unknown_calls, 1),
            "free_calls": _rounded(self.free_calls, 1),
            "undecided_calls": {rule: _rounded(n, 1) for rule, n in sorted(self.undecided.items())},
            "base_monthly_usd": _rounded(self.base_usd, 2),
            "delta_monthly_usd": _rounded(self.delta_usd, 2),
            "delta_window_usd": None if self.exact_delta is None else str(self.exact_delta),
            "interval_monthly_usd": None
            if self.interval is None
            else dict(zip(("p10", "p50", "p90"), (_rounded(v, 2) for v in self.interval), strict=True)),
            "delta_latency_ms": _rounded(self.latency_ms, 1),
            "latency_known_share": _rounded(self.latency_share, 4),
            "unpriced_models": list(self.unpriced),
            "by_tier": [_part(part) for part in self.tiers],
            "by_intent": [_part(part) for part in self.intents],
            "by_move": [_part(part) for part in self.moves],
            "method": self.method,
            "prices_hash": self.prices_hash,
        }


@dataclass(frozen=True, slots=True)
class Quality:
    """What the gate says of the change: its verdict and why, overall and by tier. None: there is no gate to ask."""

    verdict: Literal["pass", "fail", "inconclusive", "unchanged"]
    reason: str
    tiers: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        return {"verdict": self.verdict, "reason": self.reason, "by_tier": dict(self.tiers), **dict(self.details)}


@dataclass(frozen=True, slots=True)
class Compared:
    """One changed config: how it changed, what it costs on each log, and what the gate says."""

    path: str
    change: Change
    base: str
    costs: tuple[Cost, ...]
    quality: Quality | None

    @property
    def stopped(self) -> bool:
        """Return whether the gate does not let it pass."""
        return self.quality is not None and self.quality.verdict in ("fail", "inconclusive")

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        return {
            "config": self.path,
            "change": self.change,
            "base": self.base,
            "costs": [cost.as_dict() for cost in self.costs],
            "quality": None if self.quality is None else self.quality.as_dict(),
        }


def _part(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        **({"was": part.was} if part.was else {}),
        "calls": _rounded(part.calls, 1),
        "delta_monthly_usd": _rounded(part.delta_usd, 2),
        "unknown_calls": _rounded(part.unknown_calls, 1),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits) + 0.0
